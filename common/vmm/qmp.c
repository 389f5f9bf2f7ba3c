/* SPDX-License-Identifier: ISC */
#include "vmm/qmp.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/sig.h"

#define QMP_VERSION_MAX 32
#define QMP_POLL_MS 100 /* so that a signal is noticed soon */
#define QMP_NAP_MS 5 /* between two tries to connect */

struct qmp {
	int fd;
	char version[QMP_VERSION_MAX];
	int64_t last_id; /* of the last command sent */
	char *buf; /* what came and was not used yet */
	size_t len, cap;
};

const char *
qmp_version(const struct qmp *qmp)
{
	return qmp->version;
}

void
qmp_close(struct qmp *qmp)
{
	if (qmp == NULL)
		return;
	fd_drop(&qmp->fd);
	free(qmp->buf);
	free(qmp);
}

/* Waits until the socket is ready for `events`. */
static int
wait_ready(struct qmp *qmp, short events, int64_t deadline_ms,
    struct error *err)
{
	struct pollfd pfd = { .fd = qmp->fd, .events = events };
	int left, n;

	for (;;) {
		left = clock_left(deadline_ms);
		n = poll(&pfd, 1, left < QMP_POLL_MS ? left : QMP_POLL_MS);
		if (n > 0)
			return 0;
		if (n == -1 && errno != EINTR)
			return error_sys(err, EX_OSERR, "poll");
		if (sig_check(err) == -1)
			return -1;
		if (left == 0)
			return error_set(err, EX_TEMPFAIL,
			    "QEMU: no answer in time");
	}
}

/* Reads more into the buffer. */
static int
fill(struct qmp *qmp, int64_t deadline_ms, struct error *err)
{
	size_t cap;
	char *grown;
	ssize_t n;

	if (qmp->len == qmp->cap) {
		cap = qmp->cap == 0 ? 4096 : qmp->cap * 2;
		if (cap > QMP_LINE_MAX)
			return error_set(err, EX_UNAVAILABLE,
			    "QEMU: message of more than %u bytes",
			    QMP_LINE_MAX);
		grown = realloc(qmp->buf, cap);
		if (grown == NULL)
			return error_set(err, EX_OSERR, "out of memory");
		qmp->buf = grown;
		qmp->cap = cap;
	}
	for (;;) {
		n = recv(qmp->fd, qmp->buf + qmp->len, qmp->cap - qmp->len,
		    MSG_DONTWAIT);
		if (n > 0)
			break;
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return error_set(err, EX_UNAVAILABLE,
			    "QEMU closed its monitor");
		if (wait_ready(qmp, POLLIN, deadline_ms, err) == -1)
			return -1;
	}
	qmp->len += (size_t)n;
	return 0;
}

/* The next message; *out is the caller's. */
static int
next_message(struct qmp *qmp, json_t **out, int64_t deadline_ms,
    struct error *err)
{
	size_t used, seen = 0;
	char *end = NULL;
	int rc;

	for (;;) {
		if (seen < qmp->len)
			end = memchr(qmp->buf + seen, '\n', qmp->len - seen);
		if (end != NULL)
			break;
		seen = qmp->len;
		if (fill(qmp, deadline_ms, err) == -1)
			return -1;
	}
	used = (size_t)(end - qmp->buf) + 1;
	rc = json_parse(out, qmp->buf, used - 1, err);
	memmove(qmp->buf, qmp->buf + used, qmp->len - used);
	qmp->len -= used;
	if (rc == -1 && err != NULL)
		err->code = EX_UNAVAILABLE;
	return rc == -1 ? error_wrap(err, "QEMU") : 0;
}

/* Sends all of the text, `fd` (or -1) with its first byte. */
static int
send_text(struct qmp *qmp, char *text, size_t len, int fd, int64_t deadline_ms,
    struct error *err)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr msg;
	struct cmsghdr *cmsg;
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		memset(&msg, 0, sizeof(msg));
		iov.iov_base = text + done;
		iov.iov_len = len - done;
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		if (fd != -1 && done == 0) {
			memset(&control, 0, sizeof(control));
			msg.msg_control = control.room;
			msg.msg_controllen = sizeof(control.room);
			cmsg = CMSG_FIRSTHDR(&msg);
			cmsg->cmsg_level = SOL_SOCKET;
			cmsg->cmsg_type = SCM_RIGHTS;
			cmsg->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
		}
		n = sendmsg(qmp->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EAGAIN) {
			if (wait_ready(qmp, POLLOUT, deadline_ms, err) == -1)
				return -1;
			continue;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return error_set(err, EX_UNAVAILABLE,
			    "QEMU closed its monitor");
		done += (size_t)n;
	}
	return 0;
}

/*
 * Whether it is the answer to the last command: not an event, and not the late
 * answer to one that was given up.
 */
static bool
is_answer(const struct qmp *qmp, const json_t *message)
{
	return json_object_get(message, "event") == NULL &&
	    json_integer_value(json_object_get(message, "id")) == qmp->last_id;
}

/* The answer to the last command; what comes before it is passed over. */
static int
take_answer(struct qmp *qmp, const char *command, json_t **ret,
    int64_t deadline_ms, struct error *err)
{
	json_t *message, *value;
	const char *desc;

	for (;;) {
		if (next_message(qmp, &message, deadline_ms, err) == -1)
			return error_wrap(err, "%s", command);
		if (is_answer(qmp, message))
			break;
		json_decref(message);
	}
	value = json_object_get(message, "return");
	if (value != NULL) {
		if (ret != NULL)
			*ret = json_incref(value);
		json_decref(message);
		return 0;
	}
	desc = json_string_value(
	    json_object_get(json_object_get(message, "error"), "desc"));
	error_set(err, EX_UNAVAILABLE, "QEMU: %s: %s", command,
	    desc == NULL ? "an answer without meaning" : desc);
	json_decref(message);
	return -1;
}

int
qmp_call_fd(struct qmp *qmp, const char *command, json_t *args, int fd,
    json_t **ret, int64_t deadline_ms, struct error *err)
{
	json_t *message;
	char *text = NULL;
	size_t len;
	int rc = -1;

	message = json_pack("{s:s, s:I}", "execute", command, "id",
	    (json_int_t)++qmp->last_id);
	if (message == NULL ||
	    (args != NULL &&
		json_object_set(message, "arguments", args) == -1)) {
		json_decref(args);
		json_decref(message);
		return error_set(err, EX_OSERR, "out of memory");
	}
	json_decref(args);
	if (json_text(&text, &len, message, 0, err) == -1 ||
	    send_text(qmp, text, len, fd, deadline_ms, err) == -1)
		error_wrap(err, "%s", command);
	else
		rc = take_answer(qmp, command, ret, deadline_ms, err);
	free(text);
	json_decref(message);
	return rc;
}

int
qmp_call(struct qmp *qmp, const char *command, json_t *args, json_t **ret,
    int64_t deadline_ms, struct error *err)
{
	return qmp_call_fd(qmp, command, args, -1, ret, deadline_ms, err);
}

static int
greet(struct qmp *qmp, int64_t deadline_ms, struct error *err)
{
	json_t *message;
	int major, minor, micro;

	if (next_message(qmp, &message, deadline_ms, err) == -1)
		return -1;
	if (json_unpack(message, "{s:{s:{s:{s:i, s:i, s:i}}}}", "QMP",
		"version", "qemu", "major", &major, "minor", &minor, "micro",
		&micro) == -1) {
		json_decref(message);
		return error_set(err, EX_UNAVAILABLE, "QEMU: not a greeting");
	}
	json_decref(message);
	snprintf(qmp->version, sizeof(qmp->version), "%d.%d.%d", major, minor,
	    micro);
	return qmp_call(qmp, "qmp_capabilities", NULL, NULL, deadline_ms, err);
}

/*
 * Others may stand in the queue of a QEMU that is slow to answer, or that
 * somebody has stopped: connect(2) itself has no deadline.
 */
static int
dial(int *out, int dirfd, const char *name, int64_t deadline_ms,
    struct error *err)
{
	struct error why = { 0 };
	int fd, flags;

	while (fd_dial_now(&fd, dirfd, name, &why) == -1) {
		if (why.code != EX_TEMPFAIL || clock_left(deadline_ms) == 0) {
			if (err != NULL)
				*err = why;
			return -1;
		}
		if (sig_check(err) == -1)
			return -1;
		clock_nap(QMP_NAP_MS);
	}
	flags = fcntl(fd, F_GETFL);
	if (flags == -1 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == -1) {
		error_sys(err, EX_OSERR, "%s", name);
		fd_drop(&fd);
		return -1;
	}
	*out = fd;
	return 0;
}

int
qmp_open(struct qmp **out, int dirfd, const char *name, int64_t deadline_ms,
    struct error *err)
{
	struct qmp *qmp = calloc(1, sizeof(*qmp));

	if (qmp == NULL)
		return error_set(err, EX_OSERR, "out of memory");
	qmp->fd = -1;
	if (dial(&qmp->fd, dirfd, name, deadline_ms, err) == -1 ||
	    greet(qmp, deadline_ms, err) == -1) {
		qmp_close(qmp);
		return -1;
	}
	*out = qmp;
	return 0;
}
