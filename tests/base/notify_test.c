/* SPDX-License-Identifier: ISC */
#include "base/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <atf-c.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

/* Listens as systemd does; `name` may begin with '@'. */
static int
supervise(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ATF_REQUIRE(fd != -1);
	memcpy(at.sun_path, name, len);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	ATF_REQUIRE_EQ(0,
	    bind(fd, (struct sockaddr *)&at,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)));
	ATF_REQUIRE_EQ(0, setenv("NOTIFY_SOCKET", name, 1));
	return fd;
}

static void
check_said(int fd, const char *want)
{
	char got[256];
	ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);

	ATF_REQUIRE(n >= 0);
	got[n] = '\0';
	ATF_CHECK_STREQ(want, got);
}

static void
check_tells(const char *name)
{
	struct notify n = { .fd = -1 };
	struct error err = { 0 };
	int fd = supervise(name);

	ATF_REQUIRE_EQ_MSG(0, notify_open(&n, &err), "%s", err.msg);
	ATF_CHECK(getenv("NOTIFY_SOCKET") == NULL);
	ATF_CHECK((fcntl(n.fd, F_GETFD) & FD_CLOEXEC) != 0);
	ATF_CHECK_EQ(0, notify_say(&n, "READY=1\nSTATUS=x\n", &err));
	check_said(fd, "READY=1\nSTATUS=x\n");
	notify_close(&n);
	ATF_CHECK_EQ(-1, n.fd);
	fd_drop(&fd);
}

ATF_TC_WITHOUT_HEAD(say__to_a_path);
ATF_TC_BODY(say__to_a_path, tc)
{
	char dir[256], name[sizeof(dir) + 8];

	ATF_REQUIRE(getcwd(dir, sizeof(dir)) != NULL);
	snprintf(name, sizeof(name), "%s/s", dir);
	if (strlen(name) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		atf_tc_skip("the path to here is too long");
	check_tells(name);
}

ATF_TC_WITHOUT_HEAD(say__to_an_abstract_name);
ATF_TC_BODY(say__to_an_abstract_name, tc)
{
	char name[64];

	snprintf(name, sizeof(name), "@instar/test/%ld", (long)getpid());
	check_tells(name);
}

ATF_TC_WITHOUT_HEAD(say__nobody_asks);
ATF_TC_BODY(say__nobody_asks, tc)
{
	struct notify n;

	unsetenv("NOTIFY_SOCKET");
	ATF_REQUIRE_EQ(0, notify_open(&n, NULL));
	ATF_CHECK_EQ(-1, n.fd);
	ATF_CHECK_EQ(0, notify_say(&n, "READY=1\n", NULL));
	notify_flush(&n);
	ATF_REQUIRE_EQ(0, setenv("NOTIFY_SOCKET", "", 1));
	ATF_REQUIRE_EQ(0, notify_open(&n, NULL));
	ATF_CHECK_EQ(-1, n.fd);
	notify_close(&n);
}

ATF_TC_WITHOUT_HEAD(open__wrong);
ATF_TC_BODY(open__wrong, tc)
{
	static const struct {
		const char *name, *why;
	} wrong[] = {
		{ "relative",
		    "NOTIFY_SOCKET: relative: neither a path nor an "
		    "abstract socket" },
		{ "vsock:2:1",
		    "NOTIFY_SOCKET: vsock:2:1: neither a path nor "
		    "an abstract socket" },
		{ "@",
		    "NOTIFY_SOCKET: @: neither a path nor an abstract "
		    "socket" },
		{ "/nowhere/s",
		    "NOTIFY_SOCKET: /nowhere/s: No such file or "
		    "directory" },
	};
	struct error err;
	struct notify n;
	char name[128];
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		err = (struct error){ 0 };
		ATF_REQUIRE_EQ(0, setenv("NOTIFY_SOCKET", wrong[i].name, 1));
		ATF_CHECK_EQ(-1, notify_open(&n, &err));
		ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		ATF_CHECK_STREQ(wrong[i].why, err.msg);
		ATF_CHECK_EQ(-1, n.fd);
		ATF_CHECK(getenv("NOTIFY_SOCKET") == NULL);
	}
	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	ATF_REQUIRE_EQ(0, setenv("NOTIFY_SOCKET", name, 1));
	ATF_CHECK_EQ(-1, notify_open(&n, &err));
	ATF_CHECK(strstr(err.msg, ": too long") != NULL);
}

/* Reads all, descriptors too, and closes these. */
static void *
read_all(void *arg)
{
	const int *fd = arg;
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char text[64];
	struct iovec iov = { text, sizeof(text) };
	struct msghdr msg;
	int passed;
	ssize_t n;

	for (;;) {
		msg = (struct msghdr){ .msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes) };
		n = recvmsg(*fd, &msg, 0);
		if (n == 9 && memcmp(text, "BARRIER=1", 9) == 0 &&
		    msg.msg_controllen > 0) {
			memcpy(&passed, CMSG_DATA(&control.head), sizeof(int));
			close(passed);
			return NULL;
		}
		if (n <= 0)
			return NULL;
	}
}

ATF_TC_WITHOUT_HEAD(flush__waits_for_the_reader);
ATF_TC_BODY(flush__waits_for_the_reader, tc)
{
	struct notify n;
	char name[64], left;
	pthread_t reader;
	int fd;

	snprintf(name, sizeof(name), "@instar/test/%ld", (long)getpid());
	fd = supervise(name);
	ATF_REQUIRE_EQ(0, notify_open(&n, NULL));
	ATF_REQUIRE_EQ(0, notify_say(&n, "READY=1\n", NULL));
	ATF_REQUIRE_EQ(0, pthread_create(&reader, NULL, read_all, &fd));
	notify_flush(&n);
	/* All of it was read by then. */
	ATF_CHECK_EQ(-1, recv(fd, &left, 1, MSG_DONTWAIT));
	ATF_REQUIRE_EQ(0, pthread_join(reader, NULL));
	notify_close(&n);
	fd_drop(&fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, say__to_a_path);
	ATF_TP_ADD_TC(tp, say__to_an_abstract_name);
	ATF_TP_ADD_TC(tp, say__nobody_asks);
	ATF_TP_ADD_TC(tp, open__wrong);
	ATF_TP_ADD_TC(tp, flush__waits_for_the_reader);
	return atf_no_error();
}
