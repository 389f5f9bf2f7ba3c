/* SPDX-License-Identifier: ISC */
/* What an enclosed process needs, and still has. */
#include "base/sandbox.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

static volatile sig_atomic_t got;

static void
note(int number)
{
	got = number;
}

static void *
run_thread(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

/* Says where it was, and ends. */
static void
need(bool is, const char *what)
{
	if (is)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(1);
}

static void
use_threads(void)
{
	pthread_t thread;
	int ran = 0;

	need((errno = pthread_create(&thread, NULL, run_thread, &ran)) == 0,
	    "thread");
	need(pthread_join(thread, NULL) == 0 && ran == 1, "join");
}

static void
use_memory(void)
{
	void *p = mmap(NULL, 1u << 20, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *big = malloc(64u << 20);

	need(p != MAP_FAILED && madvise(p, 1u << 20, MADV_DONTNEED) == 0 &&
		mprotect(p, 1u << 20, PROT_READ) == 0 &&
		munmap(p, 1u << 20) == 0,
	    "mmap");
	need(big != NULL, "malloc");
	free(big);
}

static void
use_processes(void)
{
	int status, pipefd[2];
	pid_t pid;

	need(pipe2(pipefd, O_CLOEXEC) == 0, "pipe");
	signal(SIGUSR1, note);
	need(raise(SIGUSR1) == 0 && got == SIGUSR1, "raise");
	got = 0;
	need(kill(getpid(), SIGUSR1) == 0 && got == SIGUSR1, "kill");
	pid = fork();
	if (pid == 0)
		_exit(7);
	need(pid != -1 && waitpid(pid, &status, 0) == pid &&
		WEXITSTATUS(status) == 7,
	    "fork");
}

/* A refusal of the filesystem's own is none of the enclosure's. */
static bool
is_ours(int rc)
{
	return rc == -1 && (errno == EPERM || errno == EACCES);
}

static void
use_files(int dirfd)
{
	struct fiemap map = { .fm_length = FIEMAP_MAX_OFFSET };
	char path[64], buf[8];
	int a, b, t;

	a = openat(dirfd, "a", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	b = openat(dirfd, "b", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	need(a != -1 && b != -1, "create");
	need(pwrite(a, "bytes", 5, 0) == 5 && fsync(a) == 0 &&
		ftruncate(a, 8192) == 0 && fallocate(b, 0, 0, 4096) == 0,
	    "write");
	need(!is_ours((int)copy_file_range(a, NULL, b, NULL, 5, 0)),
	    "copy_file_range");
	need(!is_ours(ioctl(b, FICLONE, a)), "FICLONE");
	need(!is_ours(ioctl(a, FS_IOC_FIEMAP, &map)), "FIEMAP");
	need(lseek(a, 0, SEEK_DATA) == 0 && pread(a, buf, 5, 0) == 5, "read");
	need(futimens(a, NULL) == 0, "futimens");
	need(mkdirat(dirfd, "dir", 0700) == 0 &&
		symlinkat("dir", dirfd, "symlink") == 0 &&
		renameat(dirfd, "a", dirfd, "dir/a") == 0 &&
		linkat(dirfd, "b", dirfd, "dir/b", 0) == 0 &&
		unlinkat(dirfd, "b", 0) == 0,
	    "names");
	t = openat(dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (t == -1)
		need(errno != EACCES && errno != EPERM, "O_TMPFILE");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", t);
	need(t == -1 ||
		linkat(AT_FDCWD, path, dirfd, "made", AT_SYMLINK_FOLLOW) == 0,
	    "link of a file without a name");
}

static void
enclose_and_use(int dirfd, int readfd)
{
	const struct sandbox s = { .dirfds = &dirfd,
		.n = 1,
		.read_dirfds = &readfd,
		.read_n = 1 };
	struct error err = { 0 };
	int fd;

	need(sandbox_enter_as(&s, &err) == 0, err.msg);
	fd = openat(readfd, "file", O_RDONLY | O_CLOEXEC);
	need(fd != -1, "open to read");
	use_threads();
	use_memory();
	use_processes();
	use_files(dirfd);
	/* And once more, where what is allowed is less still. */
	need(sandbox_enter(NULL, 0, &err) == 0, err.msg);
	use_threads();
	use_memory();
	_exit(0);
}

ATF_TC_WITHOUT_HEAD(enter__leaves);
ATF_TC_BODY(enter__leaves, tc)
{
	int dirfd, readfd, fd, status;
	pid_t pid;

	ATF_REQUIRE_EQ(0, mkdir("inside", 0700));
	ATF_REQUIRE_EQ(0, mkdir("readable", 0700));
	dirfd = open("inside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	readfd = open("readable", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(readfd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ATF_REQUIRE(dirfd != -1 && readfd != -1 && fd != -1);
	fd_drop(&fd);
	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0)
		enclose_and_use(dirfd, readfd);
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK_EQ_MSG(0, status, "%#x", (unsigned)status);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, enter__leaves);
	return atf_no_error();
}
