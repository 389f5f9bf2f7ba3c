/* SPDX-License-Identifier: ISC */
#include "vmm/host/advice.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/denied.h"

#define HUGE ((size_t)2 << 20)
#define LENGTH (4 * HUGE)

/* In the child, of which the test has the status: what `is` says, or its line. */
#define CHILD(is)                                                              \
	do {                                                                   \
		if (!(is))                                                     \
			_exit(__LINE__ % 200 + 1);                             \
	} while (0)

/* KiB of anonymous huge pages that the kernel counts for this process. */
static unsigned long
huge_kib(void)
{
	unsigned long kib = 0;
	char line[256];
	FILE *f = fopen("/proc/self/smaps_rollup", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		(void)!sscanf(line, "AnonHugePages: %lu kB", &kib);
	if (f != NULL)
		fclose(f);
	return kib;
}

/* What has come of the advice: errno, or 0; the memory is touched then. */
static int
advise(void)
{
	char *map = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int sys = 0;

	CHILD(map != MAP_FAILED);
	if (madvise(map, LENGTH, MADV_HUGEPAGE) == -1)
		sys = errno;
	memset(map, 1, LENGTH);
	/* Any other is taken. */
	CHILD(madvise(map, LENGTH, MADV_NOHUGEPAGE) == 0);
	CHILD(madvise(map, 4096, MADV_DONTNEED) == 0);
	return sys;
}

/* The kernel gives huge pages to who asks, and to nobody else. */
static bool
is_asked(void)
{
	char text[64] = "";
	int fd = open("/sys/kernel/mm/transparent_hugepage/enabled",
	    O_RDONLY | O_CLOEXEC);

	if (fd != -1)
		(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	return strstr(text, "[madvise]") != NULL;
}

static void
must_be_zero(pid_t pid)
{
	int status;

	ATF_REQUIRE(pid != -1);
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "%d at line %d", status, WEXITSTATUS(status) - 1);
}

ATF_TC_WITHOUT_HEAD(advice__refused);
ATF_TC_BODY(advice__refused, tc)
{
	bool counted = is_asked();
	pid_t pid = fork();

	if (pid == 0) {
		/* As it is without the filter, and with it. */
		CHILD(advise() == 0);
		CHILD(!counted || huge_kib() >= HUGE / 1024);
		_exit(0);
	}
	must_be_zero(pid);
	pid = fork();
	if (pid == 0) {
		advice_refuse_huge();
		CHILD(advise() == EINVAL);
		CHILD(!counted || huge_kib() == 0);
		_exit(0);
	}
	must_be_zero(pid);
}

/* It is said, once, and all is as it was. */
ATF_TC_WITHOUT_HEAD(advice__no_filters);
ATF_TC_BODY(advice__no_filters, tc)
{
	char text[256] = "";
	pid_t pid;
	int fd;

	pid = fork();
	if (pid == 0) {
		fd = open("log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		CHILD(fd != -1 && dup2(fd, STDERR_FILENO) != -1);
		CHILD(denied(SYS_seccomp, ENOSYS) == 0);
		advice_refuse_huge();
		CHILD(advise() == 0);
		_exit(0);
	}
	must_be_zero(pid);
	fd = open("log", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE(fd != -1 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	ATF_CHECK_STREQ("instar: the advice for huge pages stands: seccomp: "
			"Function not implemented\n",
	    text);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, advice__refused);
	ATF_TP_ADD_TC(tp, advice__no_filters);
	return atf_no_error();
}
