/* SPDX-License-Identifier: ISC */
/* What vm_bench.sh compares with: QEMU driven by hand, and a stop watch. */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/num.h"
#include "disk/chain.h"
#include "disk/copy.h"
#include "disk/extent.h"
#include "vmm/host/pages.h"
#include "vmm/qemu/qmp.h"

#define CALL_MS 60000
#define ARGS_MAX 256
#define COPY_BYTES ((size_t)1 << 20)
#define FD_FLOOR 64
#define BANDWIDTH (INT64_C(64) << 30) /* no limit for a stream */

static int
call(struct qmp *qmp, const char *command, json_t *args, struct error *err)
{
	return qmp_call(qmp, command, args, NULL, clock_ms() + CALL_MS, err);
}

/* Hands a file down to QEMU under the name "f". */
static int
hand_file(struct qmp *qmp, int dirfd, const char *name, int flags,
    struct error *err)
{
	int fd, rc;

	fd = openat(dirfd, name, flags | O_CLOEXEC, 0600);
	if (fd == -1)
		return error_sys(err, EX_IOERR, "%s", name);
	rc = qmp_call_fd(qmp, "getfd", json_pack("{s:s}", "fdname", "f"), fd,
	    NULL, clock_ms() + CALL_MS, err);
	fd_drop(&fd);
	return rc;
}

static int
ignore_shared(struct qmp *qmp, bool on, struct error *err)
{
	return call(qmp, "migrate-set-capabilities",
	    json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability",
		"x-ignore-shared", "state", (int)on),
	    err);
}

static int
wait_stream(struct qmp *qmp, struct error *err)
{
	char status[32];
	struct jdoc *answer;
	int rc = 1;

	while (rc == 1) {
		if (qmp_call(qmp, "query-migrate", NULL, &answer,
			clock_ms() + CALL_MS, err) == -1)
			return -1;
		status[0] = '\0';
		(void)jdoc_get_str(answer, qmp_return(answer), "status", status,
		    sizeof(status), JSON_OPTIONAL, NULL);
		if (strcmp(status, "completed") == 0)
			rc = 0;
		else if (strcmp(status, "failed") == 0)
			rc = error_set(err, EX_UNAVAILABLE, "stream failed");
		jdoc_free(answer);
		if (rc == 1)
			clock_nap(1);
	}
	return rc;
}

/* Runs a program, its output in `to`; prints "wall_us cpu_us rss_kib". */
static int
run_program(const char *to, char *argv[], struct error *err)
{
	int64_t start = clock_us();
	struct rusage use;
	int status, fd;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd != -1)
			dup2(fd, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid == -1 || wait4(pid, &status, 0, &use) == -1)
		return error_sys(err, EX_OSERR, "%s", argv[0]);
	if (status != 0)
		return error_set(err, EX_SOFTWARE, "%s: failed", argv[0]);
	printf("%" PRId64 " %" PRId64 " %ld\n", clock_us() - start,
	    (int64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 +
		use.ru_utime.tv_usec + use.ru_stime.tv_usec,
	    use.ru_maxrss);
	return 0;
}

static int
listen_at(const char *name, struct error *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, high;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 16) == -1)
		return error_sys(err, EX_OSERR, "%s", name);
	high = fcntl(fd, F_DUPFD_CLOEXEC, FD_FLOOR);
	fd_drop(&fd);
	return high;
}

/* The argument vector as /proc/PID/cmdline tells it. */
static int
read_argv(char **argv, char *text, size_t len)
{
	size_t at, n = 0;

	for (at = 0; at < len && n < ARGS_MAX; at += strlen(text + at) + 1)
		argv[n++] = text + at;
	argv[n] = NULL;
	return n == 0 || n == ARGS_MAX ? -1 : 0;
}

static pid_t
fork_qemu(char **argv, const int socks[3])
{
	pid_t pid = fork();
	int log, i;

	if (pid != 0)
		return pid;
	log = open("vmm.log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (dup2(log, 1) == -1 || dup2(log, 2) == -1)
		_exit(127);
	for (i = 0; i < 3; i++)
		if (dup2(socks[i], 10 + i) == -1)
			_exit(127);
	execvp(argv[0], argv);
	_exit(127);
}

static int
load_by_hand(int dirfd, struct error *err)
{
	struct qmp *qmp;
	int rc = -1;

	if (qmp_open(&qmp, dirfd, "qmp.sock", clock_ms() + CALL_MS, err) == -1)
		return -1;
	if (ignore_shared(qmp, true, err) == 0 &&
	    call(qmp, "migrate-set-parameters",
		json_pack("{s:i}", "announce-rounds", 0), err) == 0 &&
	    hand_file(qmp, dirfd, "state.qemu", O_RDONLY, err) == 0 &&
	    call(qmp, "migrate-incoming", json_pack("{s:s}", "uri", "fd:f"),
		err) == 0 &&
	    wait_stream(qmp, err) == 0 && call(qmp, "cont", NULL, err) == 0)
		rc = 0;
	qmp_close(qmp);
	return rc;
}

/*
 * QEMU with the vector in file `from`, in a directory that has everything it
 * needs: prints the microseconds until its guest runs, and ends it.
 */
static int
clone_by_hand(const char *dir, const char *from, bool stays, struct error *err)
{
	char *argv[ARGS_MAX + 1], *text;
	int socks[3];
	int64_t start;
	size_t len;
	pid_t pid;
	int dirfd, rc;

	if (fd_slurp(&text, &len, AT_FDCWD, from, NUM_MIB, err) == -1)
		return -1;
	if (read_argv(argv, text, len) == -1 || chdir(dir) == -1)
		return error_set(err, EX_USAGE, "%s: no directory", dir);
	dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	socks[0] = listen_at("qmp.sock", err);
	socks[1] = listen_at("watch.sock", err);
	socks[2] = listen_at("console.sock", err);
	if (socks[0] == -1 || socks[1] == -1 || socks[2] == -1)
		return -1;
	start = clock_us();
	pid = fork_qemu(argv, socks);
	if (pid == -1)
		return error_sys(err, EX_OSERR, "fork");
	close(socks[0]);
	rc = load_by_hand(dirfd, err);
	if (rc == 0 && stays)
		printf("%ld\n", (long)pid);
	else if (rc == 0)
		printf("%" PRId64 "\n", clock_us() - start);
	if (rc == -1 || !stays) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	free(text);
	return rc;
}

/* All data of `from`, read and written piece by piece. */
static int
copy_data(int to, int from, uint64_t size, struct error *err)
{
	struct extent e = { 0 };
	unsigned char *buf = malloc(COPY_BYTES);
	uint64_t off;
	size_t n;
	int rc = ftruncate(to, (off_t)size);

	while (rc == 0 && buf != NULL &&
	    extent_next(&e, from, e.off + e.len, size, "memory", err) == 1)
		for (off = e.off; rc == 0 && off < e.off + e.len; off += n) {
			n = e.off + e.len - off < COPY_BYTES
			    ? (size_t)(e.off + e.len - off)
			    : COPY_BYTES;
			if (fd_pread(from, buf, n, off, "memory", err) == -1 ||
			    fd_pwrite(to, buf, n, off, "memory", err) == -1)
				rc = -1;
		}
	free(buf);
	return rc;
}

struct hand {
	const char *memory; /* file, memfd or template */
	pid_t pid; /* of QEMU */
	uint64_t bytes;
	int vmfd, outfd; /* the VM's directory, the saved one */
	int from, to; /* memory */
	bool reflinks;
	char top[64], overlay[64], node[32], above[32];
};

/* The file that is the first disk, and what comes after it. */
static int
find_disk(struct hand *h, struct qmp *qmp, struct error *err)
{
	char node[sizeof(h->node)] = "";
	struct jdoc *blocks;
	uint32_t inserted;
	uint64_t size = 0;
	json_t *overlay;
	unsigned n = 0;
	int fd, rc;

	if (qmp_call(qmp, "query-block", NULL, &blocks, clock_ms() + CALL_MS,
		err) == -1)
		return -1;
	inserted = jdoc_member(blocks, jdoc_first(blocks, qmp_return(blocks)),
	    "inserted");
	rc = jdoc_get_str(blocks, inserted, "node-name", node, sizeof(node),
	    JSON_REQUIRED, err);
	if (rc == 0)
		rc = jdoc_get_u64(blocks,
		    jdoc_member(blocks, inserted, "image"), "virtual-size",
		    &size, 0, INT64_MAX, JSON_REQUIRED, err);
	jdoc_free(blocks);
	if (rc == -1)
		return -1;
	if (sscanf(node, "d0-%u", &n) != 1)
		return error_set(err, EX_SOFTWARE, "no disk");
	snprintf(h->node, sizeof(h->node), "%s", node);
	snprintf(h->above, sizeof(h->above), "d0-%u", n + 1);
	snprintf(h->top, sizeof(h->top), n == 0 ? "cow.raw" : "cow.%u.qcow2",
	    n);
	snprintf(h->overlay, sizeof(h->overlay), "cow.%u.qcow2", n + 1);
	if (h->reflinks)
		return 0;
	fd = openat(h->vmfd, h->overlay, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return error_sys(err, EX_IOERR, "%s", h->overlay);
	rc = chain_write_overlay(fd, size, h->top, h->overlay, err);
	fd_drop(&fd);
	overlay = json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:n}", "driver",
	    "qcow2", "node-name", h->above, "discard", "unmap", "file",
	    "driver", "file", "filename", h->overlay, "backing");
	return rc == -1 ? -1 : call(qmp, "blockdev-add", overlay, err);
}

static int
open_memory(struct hand *h, struct error *err)
{
	char path[64];

	if (strcmp(h->memory, "memfd") == 0) {
		snprintf(path, sizeof(path), "/proc/%ld/fd/13", (long)h->pid);
		h->from = open(path, O_RDONLY | O_CLOEXEC);
	} else
		h->from = openat(h->vmfd,
		    strcmp(h->memory, "file") == 0 ? "memory.raw"
						   : "template.raw",
		    O_RDONLY | O_CLOEXEC);
	h->to = openat(h->outfd, "memory.raw",
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (h->from == -1 || h->to == -1)
		return error_sys(err, EX_IOERR, "memory");
	if (strcmp(h->memory, "template") == 0)
		return h->reflinks ? copy_reflink(h->to, h->from, "memory", err)
				   : copy_extents(h->to, h->from, h->bytes,
					 NULL, NULL, "memory", err);
	if (strcmp(h->memory, "file") != 0)
		return 0;
	return fdatasync(h->from) == 0 && fdatasync(h->from) == 0
	    ? 0
	    : error_sys(err, EX_IOERR, "memory");
}

static int
take_memory(struct hand *h, struct error *err)
{
	uint64_t copied;

	if (strcmp(h->memory, "file") == 0)
		return copy_reflink(h->to, h->from, "memory", err);
	if (strcmp(h->memory, "memfd") == 0)
		return copy_data(h->to, h->from, h->bytes, err);
	return pages_overlay(&copied, h->to, h->pid, h->from, h->bytes, err);
}

static int
take_disk(struct hand *h, struct qmp *qmp, struct error *err)
{
	if (h->reflinks)
		return copy_file(NULL, h->outfd, h->top, h->vmfd, h->top,
		    COPY_MAY_REFLINK, err);
	return call(qmp, "blockdev-snapshot",
	    json_pack("{s:s, s:s}", "node", h->node, "overlay", h->above), err);
}

/* Everything that need not be in the pause has been done before it. */
static int
save_by_hand(struct hand *h, struct error *err)
{
	struct qmp *qmp;
	int64_t start;
	int rc = -1;

	if (qmp_open(&qmp, h->vmfd, "qmp.sock", clock_ms() + CALL_MS, err) ==
	    -1)
		return -1;
	if (find_disk(h, qmp, err) == -1 || open_memory(h, err) == -1)
		goto out;
	start = clock_us();
	if (call(qmp, "stop", NULL, err) == 0 && take_disk(h, qmp, err) == 0 &&
	    call(qmp, "xen-save-devices-state",
		json_pack("{s:s, s:b}", "filename", "hand.state", "live", 0),
		err) == 0 &&
	    take_memory(h, err) == 0 && call(qmp, "cont", NULL, err) == 0) {
		printf("%" PRId64 "\n", clock_us() - start);
		rc = 0;
	}
out:
	qmp_close(qmp);
	fd_drop(&h->from);
	fd_drop(&h->to);
	return rc;
}

/* It says "completed" a moment before it can be continued. */
static int
go_on(struct qmp *qmp, struct error *err)
{
	int tries = 0;

	while (call(qmp, "cont", NULL, err) == -1) {
		if (tries++ == 1000)
			return -1;
		clock_nap(1);
	}
	return 0;
}

/* QEMU's own way: all memory into one stream, the guest standing still. */
static int
stream_by_hand(int vmfd, const char *to, struct error *err)
{
	struct qmp *qmp;
	int64_t start;
	int rc = -1;

	if (qmp_open(&qmp, vmfd, "qmp.sock", clock_ms() + CALL_MS, err) == -1)
		return -1;
	if (ignore_shared(qmp, false, err) == 0 &&
	    call(qmp, "migrate-set-parameters",
		json_pack("{s:I}", "max-bandwidth", (json_int_t)BANDWIDTH),
		err) == 0 &&
	    hand_file(qmp, AT_FDCWD, to, O_WRONLY | O_CREAT | O_TRUNC, err) ==
		0) {
		start = clock_us();
		if (call(qmp, "stop", NULL, err) == 0 &&
		    call(qmp, "migrate", json_pack("{s:s}", "uri", "fd:f"),
			err) == 0 &&
		    wait_stream(qmp, err) == 0 && go_on(qmp, err) == 0) {
			printf("%" PRId64 "\n", clock_us() - start);
			rc = 0;
		}
	}
	qmp_close(qmp);
	return rc;
}

static int
save(char *argv[], struct error *err)
{
	struct hand h = { .memory = argv[4],
		.pid = (pid_t)strtol(argv[3], NULL, 10),
		.from = -1,
		.to = -1 };

	h.vmfd = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	h.outfd = open(argv[6], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h.vmfd == -1 || h.outfd == -1)
		return error_sys(err, EX_NOINPUT, "%s, %s", argv[2], argv[6]);
	h.reflinks = copy_can_reflink(h.outfd);
	return num_size(&h.bytes, argv[5], 1, INT64_MAX, err) == -1
	    ? -1
	    : save_by_hand(&h, err);
}

/* Writes to so much memory, and gives it back. */
static int
touch(const char *size, struct error *err)
{
	uint64_t bytes;
	void *p;

	if (num_size(&bytes, size, 1, NUM_GIB, err) == -1)
		return -1;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return p == MAP_FAILED ? error_sys(err, EX_OSERR, "mmap") : 0;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	int rc = -1;

	if (argc > 3 && strcmp(argv[1], "run") == 0)
		rc = run_program(argv[2], argv + 3, &err);
	else if (argc == 4 && strcmp(argv[1], "clone") == 0)
		rc = clone_by_hand(argv[2], argv[3], false, &err);
	else if (argc == 4 && strcmp(argv[1], "leave") == 0)
		rc = clone_by_hand(argv[2], argv[3], true, &err);
	else if (argc == 7 && strcmp(argv[1], "save") == 0)
		rc = save(argv, &err);
	else if (argc == 3 && strcmp(argv[1], "touch") == 0)
		rc = touch(argv[2], &err);
	else if (argc == 4 && strcmp(argv[1], "stream") == 0)
		rc = stream_by_hand(open(argv[2], O_RDONLY | O_CLOEXEC),
		    argv[3], &err);
	else
		error_set(&err, EX_USAGE,
		    "usage: run out program... | clone|leave dir vector |\n"
		    "save dir pid file|memfd|template size to | "
		    "stream dir to | touch size");
	return rc == -1 ? diag_error(&err) : EX_OK;
}
