/* SPDX-License-Identifier: ISC */
/*
 * usage: between DIR COMMAND HOW
 * Stands between the QEMU of the VM's directory DIR and whoever has its control
 * line, and passes on what either says, descriptors too; but the first COMMAND
 * of theirs goes wrong as HOW says:
 *   lose      QEMU gets it, its answer gets lost
 *   lose-cut  the same, and the connection is cut
 *   keep      QEMU does not get it
 *   cut       the same, and the connection is cut
 * It says "ready" when it stands there, and "done" when that has happened.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOCKET "qmp.sock"
#define REAL "qmp.real"
#define LINE_MAX_BYTES (1u << 20)

/* What has come from one side and is not passed on: less than a line. */
struct side {
	int fd;
	size_t len;
	int passed; /* a descriptor that came with it, or -1 */
	char buf[LINE_MAX_BYTES];
};

struct plan {
	const char *command; /* NULL: it has gone wrong */
	bool forward, cut;
	bool swallow; /* the next answer */
};

static void
put_address(struct sockaddr_un *sun, const char *name)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", name);
}

static int
listen_at(const char *name)
{
	struct sockaddr_un sun;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	put_address(&sun, name);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 1) == -1)
		err(1, "%s", name);
	return fd;
}

static int
dial(const char *name)
{
	struct sockaddr_un sun;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	put_address(&sun, name);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		err(1, "%s", name);
	return fd;
}

/* More bytes, perhaps with a descriptor; false at the end. */
static bool
hear(struct side *side)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { side->buf + side->len,
		sizeof(side->buf) - side->len };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	struct cmsghdr *cmsg;
	ssize_t n = recvmsg(side->fd, &msg, MSG_CMSG_CLOEXEC);

	if (n <= 0)
		return false;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(&side->passed, CMSG_DATA(cmsg), sizeof(int));
	side->len += (size_t)n;
	return true;
}

/* Passes the first `len` bytes on to the other side. */
static void
say(struct side *from, const struct side *to, size_t len)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { from->buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (from->passed != -1) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &from->passed, sizeof(int));
	}
	/* Who is gone is noticed when he is heard. */
	sendmsg(to->fd, &msg, MSG_NOSIGNAL);
	if (from->passed != -1)
		close(from->passed);
	from->passed = -1;
}

static void
done(struct plan *plan)
{
	plan->command = NULL;
	puts("done");
	fflush(stdout);
}

/* Whether the `len` bytes at `line` have the text. */
static bool
has(const char *line, size_t len, const char *text)
{
	return memmem(line, len, text, strlen(text)) != NULL;
}

/* One line of the tool's, as planned; false: the connection is to be cut. */
static bool
take_order(struct plan *plan, struct side *tool, struct side *qemu, size_t len)
{
	char word[64];

	if (plan->command == NULL || plan->swallow) {
		say(tool, qemu, len);
		return true;
	}
	snprintf(word, sizeof(word), "\"%s\"", plan->command);
	if (!has(tool->buf, len, word) || plan->forward)
		say(tool, qemu, len);
	if (!has(tool->buf, len, word))
		return true;
	if (plan->forward) {
		plan->swallow = true;
		return true;
	}
	done(plan);
	return !plan->cut;
}

/* One line of QEMU's, as planned; false: the connection is to be cut. */
static bool
take_answer(struct plan *plan, struct side *qemu, struct side *tool, size_t len)
{
	if (!plan->swallow || has(qemu->buf, len, "\"event\"")) {
		say(qemu, tool, len);
		return true;
	}
	plan->swallow = false;
	done(plan);
	return !plan->cut;
}

/* The whole lines of one side. */
static bool
take_lines(struct plan *plan, struct side *from, struct side *to, bool is_tool)
{
	char *end;
	size_t len;

	while ((end = memchr(from->buf, '\n', from->len)) != NULL) {
		len = (size_t)(end - from->buf) + 1;
		if (!(is_tool ? take_order(plan, from, to, len)
			      : take_answer(plan, from, to, len)))
			return false;
		from->len -= len;
		memmove(from->buf, from->buf + len, from->len);
	}
	return true;
}

/* One connection of the tool's, to its end. */
static void
relay(struct plan *plan, int client)
{
	static struct side tool, qemu;
	struct pollfd pfd[2];
	bool goes_on = true;

	tool.fd = client;
	qemu.fd = dial(REAL);
	tool.len = qemu.len = 0;
	tool.passed = qemu.passed = -1;
	while (goes_on) {
		pfd[0] = (struct pollfd){ .fd = tool.fd, .events = POLLIN };
		pfd[1] = (struct pollfd){ .fd = qemu.fd, .events = POLLIN };
		if (poll(pfd, 2, -1) == -1 && errno != EINTR)
			err(1, "poll");
		if (pfd[0].revents != 0)
			goes_on = hear(&tool) &&
			    take_lines(plan, &tool, &qemu, true);
		if (goes_on && pfd[1].revents != 0)
			goes_on = hear(&qemu) &&
			    take_lines(plan, &qemu, &tool, false);
	}
	close(qemu.fd);
	close(tool.fd);
}

int
main(int argc, char *argv[])
{
	struct plan plan = { 0 };
	int fd, client;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc != 4)
		errx(64, "usage: between DIR COMMAND HOW");
	plan.command = argv[2];
	plan.forward = strncmp(argv[3], "lose", 4) == 0;
	plan.cut = strstr(argv[3], "cut") != NULL;
	if (chdir(argv[1]) == -1 || rename(SOCKET, REAL) == -1)
		err(1, "%s", argv[1]);
	fd = listen_at(SOCKET);
	puts("ready");
	fflush(stdout);
	while ((client = accept(fd, NULL, NULL)) != -1)
		relay(&plan, client);
	return 1;
}
