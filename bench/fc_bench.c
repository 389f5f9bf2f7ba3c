/* SPDX-License-Identifier: ISC */
/* What fc_bench.sh compares with: Firecracker driven by hand. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fd.h"
#include "disk/copy.h"

#include "lib/hand.h"

#define PAUSED "{\"state\":\"Paused\"}"
#define RESUMED "{\"state\":\"Resumed\"}"
#define LOAD                                                                   \
	"{\"snapshot_path\":\"vmstate\",\"mem_backend\":{\"backend_type\":"    \
	"\"File\",\"backend_path\":\"template.raw\"},"                         \
	"\"track_dirty_pages\":true,\"resume_vm\":false}"

/* One request; it must be granted. */
static int
call(int sock, const char *method, const char *path, const char *body,
    struct error *err)
{
	char text[4096];
	int status;

	status = request(text, sizeof(text), sock, method, path, body, err);
	if (status == -1)
		return -1;
	return status / 100 == 2
	    ? 0
	    : error_set(err, EX_UNAVAILABLE, "%s: %.200s", path, text);
}

static pid_t
fork_program(const char *program)
{
	pid_t pid = fork();
	int log;

	if (pid != 0)
		return pid;
	log = open("vmm.log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (log == -1 || dup2(log, 1) == -1 || dup2(log, 2) == -1)
		_exit(127);
	execlp(program, program, "--api-sock", "api.sock", "--id", "hand",
	    (char *)NULL);
	_exit(127);
}

/*
 * What a user makes who clones by hand: a directory with a link to the memory,
 * and a state and a disk of its own; they are not synced.
 */
static int
make_files(int dirfd, int fromfd, struct error *err)
{
	if (copy_file(NULL, dirfd, "template.raw", fromfd, "mem", COPY_MAY_LINK,
		err) == -1 ||
	    copy_file(NULL, dirfd, "vmstate", fromfd, "vmstate",
		COPY_MAY_REFLINK, err) == -1)
		return -1;
	return copy_file(NULL, dirfd, "cow.raw", fromfd, "cow.raw",
	    COPY_MAY_REFLINK, err);
}

/* The calls that we make, too. */
static int
load_by_hand(struct error *err)
{
	int sock = connect_to("api.sock", err), rc;

	if (sock == -1)
		return -1;
	rc = call(sock, "GET", "/version", "", err);
	if (rc == 0)
		rc = call(sock, "PUT", "/snapshot/load", LOAD, err);
	if (rc == 0)
		rc = call(sock, "GET", "/vm/config", "", err);
	if (rc == 0)
		rc = call(sock, "PATCH", "/vm", RESUMED, err);
	close(sock);
	return rc;
}

/* Prints the microseconds until the clone runs, and ends it. */
static int
clone_by_hand(const char *program, const char *from, const char *dir,
    struct error *err)
{
	int64_t start = clock_us(), made;
	int fromfd, dirfd, rc;
	pid_t pid;

	fromfd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fromfd == -1 || mkdir(dir, 0700) == -1 || chdir(dir) == -1)
		return error_sys(err, EX_NOINPUT, "%s, %s", from, dir);
	dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (make_files(dirfd, fromfd, err) == -1)
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

/*
 * The bare parts of a save, from the VM's directory (relative names, as the
 * program has them): prints the microseconds that the guest stands still, and
 * those that the program writes.
 */
static int
save_by_hand(const char *type, const char *vm, struct error *err)
{
	int64_t start, written, copied;
	int sock, dirfd, outfd, rc = -1;
	char body[256];

	if (chdir(vm) == -1 || mkdir("hand", 0700) == -1)
		return error_sys(err, EX_NOINPUT, "%s", vm);
	dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	outfd = open("hand", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sock = connect_to("api.sock", err);
	if (sock == -1)
		return -1;
	snprintf(body, sizeof(body),
	    "{\"snapshot_type\":\"%s\",\"snapshot_path\":\"hand/vmstate\","
	    "\"mem_file_path\":\"hand/mem\"}",
	    type);
	start = clock_us();
	if (call(sock, "PATCH", "/vm", PAUSED, err) == -1 ||
	    call(sock, "PUT", "/snapshot/create", body, err) == -1)
		goto out;
	written = clock_us();
	if (copy_file(NULL, outfd, "cow.raw", dirfd, "cow.raw",
		COPY_MAY_REFLINK, err) == -1)
		goto out;
	copied = clock_us();
	if (call(sock, "PATCH", "/vm", RESUMED, err) == -1)
		goto out;
	printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", clock_us() - start,
	    written - start, copied - written);
	rc = 0;
out:
	close(sock);
	return rc == 0 ? fd_remove_tree(dirfd, "hand", err) : -1;
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
	else if (argc == 4 && strcmp(argv[1], "save") == 0)
		rc = save_by_hand(argv[2], argv[3], &err);
	else
		error_set(&err, EX_USAGE,
		    "usage: start | clone program snapshot dir | save Full|Diff vm");
	return rc == -1 ? diag_error(&err) : EX_OK;
}
