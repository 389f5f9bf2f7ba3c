/* SPDX-License-Identifier: ISC */
/* What ch_bench.sh compares with: Cloud Hypervisor driven by hand. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fd.h"
#include "disk/copy.h"
#include "vmm/host/pages.h"

#include "lib/hand.h"

#define RANGES "hand/memory-ranges"

/* One request; its answer must be `wanted`. */
static int
ask(int sock, const char *method, const char *action, const char *body,
    int wanted, struct error *err)
{
	char path[64], text[4096];
	int status;

	snprintf(path, sizeof(path), "/api/v1/%s", action);
	status = request(text, sizeof(text), sock, method, path, body, err);
	if (status == -1)
		return -1;
	return status == wanted
	    ? 0
	    : error_set(err, EX_UNAVAILABLE, "%s: %.300s", action, text);
}

static int
call(int sock, const char *action, const char *body, int wanted,
    struct error *err)
{
	return ask(sock, "PUT", action, body, wanted, err);
}

static pid_t
fork_program(const char *program)
{
	pid_t pid = fork();
	int log, null;

	if (pid != 0)
		return pid;
	log = open("vmm.log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (log == -1 || dup2(null, 0) == -1 || dup2(log, 1) == -1 ||
	    dup2(log, 2) == -1)
		_exit(127);
	execlp(program, program, "--api-socket", "path=api.sock", (char *)NULL);
	_exit(127);
}

/*
 * What a user makes who clones by hand, of a directory that is as it must be:
 * links to what nobody writes, all else his own; they are not synced.
 */
static int
make_files(int to, const char *from, struct error *err)
{
	struct dirent *de;
	struct stat st;
	unsigned may;
	int rc = 0;
	DIR *dir = opendir(from);

	if (dir == NULL)
		return error_sys(err, EX_NOINPUT, "%s", from);
	while (rc == 0 && (de = readdir(dir)) != NULL) {
		if (fstatat(dirfd(dir), de->d_name, &st, 0) == -1 ||
		    !S_ISREG(st.st_mode) || strcmp(de->d_name, "vm.json") == 0)
			continue;
		may = st.st_nlink > 1 ? COPY_MAY_LINK : COPY_MAY_REFLINK;
		rc = copy_file(NULL, to, de->d_name, dirfd(dir), de->d_name,
		    may, err);
	}
	closedir(dir);
	return rc;
}

/* The calls that we make, too. */
static int
load_by_hand(struct error *err)
{
	int sock = connect_to("api.sock", err), rc;

	if (sock == -1)
		return -1;
	rc = ask(sock, "GET", "vmm.ping", "", 200, err);
	if (rc == 0)
		rc = call(sock, "vm.restore", "{\"source_url\":\"file://.\"}",
		    204, err);
	if (rc == 0)
		rc = call(sock, "vm.resume", "", 204, err);
	close(sock);
	return rc;
}

/* Prints the microseconds until the clone runs, those of the files, ends it. */
static int
clone_by_hand(const char *program, const char *from, const char *to,
    struct error *err)
{
	int64_t start = clock_us(), made;
	int dirfd, rc;
	pid_t pid;

	if (mkdir(to, 0700) == -1 || chdir(to) == -1)
		return error_sys(err, EX_NOINPUT, "%s", to);
	dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (make_files(dirfd, from, err) == -1)
		return -1;
	made = clock_us();
	pid = fork_program(program);
	if (pid == -1)
		return error_sys(err, EX_OSERR, "fork");
	rc = load_by_hand(err);
	if (rc == 0)
		printf("%" PRId64 " %" PRId64 "\n", clock_us() - start,
		    made - start);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return rc;
}

struct hand {
	const char *memory; /* file, template, or dump: all by the program */
	pid_t pid;
	int dirfd, outfd;
	int from, to; /* memory */
	uint64_t bytes;
	int sock;
};

/* What need not be done in the pause. */
static int
prepare(struct hand *h, struct error *err)
{
	const char *name = strcmp(h->memory, "file") == 0 ? "memory.raw"
							  : "template.raw";
	uint64_t copied;
	int fd;

	if (strcmp(h->memory, "dump") == 0)
		return 0;
	h->to = openat(h->outfd, "memory.raw",
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (h->to == -1 ||
	    fd_open_file(&h->from, &h->bytes, h->dirfd, name, O_RDONLY, err) ==
		-1)
		return error_sys(err, EX_IOERR, "%s", name);
	if (strcmp(h->memory, "file") == 0)
		return fdatasync(h->from) == 0 && fdatasync(h->from) == 0
		    ? 0
		    : error_sys(err, EX_IOERR, "%s", name);
	/* In the way of what it would write: see ch_save.c. */
	fd = open(RANGES, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return error_sys(err, EX_IOERR, RANGES);
	fd_drop(&fd);
	if (copy_reflink(h->to, h->from, name, NULL) == -1 &&
	    copy_extents(h->to, h->from, h->bytes, NULL, NULL, name, err) == -1)
		return -1;
	/* As in memory.c: the file's blocks are there when it counts. */
	return pages_overlay(&copied, h->to, h->pid, h->from, h->bytes, err);
}

static int
take_memory(struct hand *h, struct error *err)
{
	uint64_t copied;

	if (strcmp(h->memory, "dump") == 0)
		return 0;
	if (strcmp(h->memory, "template") == 0)
		return pages_overlay(&copied, h->to, h->pid, h->from, h->bytes,
		    err);
	/* As we do: what read(2) brings in is data for every save after it. */
	return copy_reflink(h->to, h->from, "memory.raw", NULL) == 0
	    ? 0
	    : copy_memory(h->to, h->from, h->bytes, false, "memory.raw", err);
}

/* Prints the microseconds of the pause; of state, memory and disk in it. */
static int
save(struct hand *h, struct error *err)
{
	bool in_the_way = strcmp(h->memory, "template") == 0;
	char name[32] = "cow.raw";
	int64_t start, state, memory, disk;
	int n;

	/* The top of a clone's chain. */
	for (n = 1; faccessat(h->dirfd, name, F_OK, 0) == 0; n++)
		snprintf(name, sizeof(name), "cow.%d.qcow2", n);
	snprintf(name, sizeof(name), n == 2 ? "cow.raw" : "cow.%d.qcow2",
	    n - 2);
	start = clock_us();
	if (call(h->sock, "vm.pause", "", 204, err) == -1 ||
	    call(h->sock, "vm.snapshot",
		"{\"destination_url\":\"file://hand\"}", in_the_way ? 500 : 204,
		err) == -1)
		return -1;
	state = clock_us();
	if (take_memory(h, err) == -1)
		return -1;
	memory = clock_us();
	if (copy_file(NULL, h->outfd, name, h->dirfd, name, COPY_MAY_REFLINK,
		err) == -1)
		return -1;
	disk = clock_us();
	if (call(h->sock, "vm.resume", "", 204, err) == -1)
		return -1;
	printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
	    clock_us() - start, state - start, memory - state, disk - memory);
	return 0;
}

/* From the VM's directory, whose names are the program's, too. */
static int
save_by_hand(const char *memory, const char *vm, const char *pid,
    struct error *err)
{
	struct hand h = { .memory = memory,
		.pid = (pid_t)strtol(pid, NULL, 10),
		.from = -1,
		.to = -1 };
	int rc;

	if (chdir(vm) == -1 || mkdir("hand", 0700) == -1)
		return error_sys(err, EX_NOINPUT, "%s", vm);
	h.dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	h.outfd = open("hand", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	h.sock = connect_to("api.sock", err);
	if (h.sock == -1)
		return -1;
	rc = prepare(&h, err);
	if (rc == 0)
		rc = save(&h, err);
	close(h.sock);
	fd_drop(&h.from);
	fd_drop(&h.to);
	return rc == 0 ? fd_remove_tree(h.dirfd, "hand", err) : -1;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	int rc = -1;

	if (argc == 2 && strcmp(argv[1], "start") == 0)
		return EX_OK;
	if (argc == 5 && strcmp(argv[1], "clone") == 0)
		rc = clone_by_hand(argv[2], argv[3], argv[4], &err);
	else if (argc == 5 && strcmp(argv[1], "save") == 0)
		rc = save_by_hand(argv[2], argv[3], argv[4], &err);
	else
		error_set(&err, EX_USAGE,
		    "usage: start | clone program prepared dir | "
		    "save file|template|dump vm pid");
	return rc == -1 ? diag_error(&err) : EX_OK;
}
