/* SPDX-License-Identifier: ISC */
#include "vmm/qemu/qmp.h"

#include <sys/random.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "vmm/host/wire.h"

#define QMP_VERSION_MAX 32
#define QMP_NUMBER_MAX 9999 /* in a version */

struct qmp {
	struct wire wire;
	char version[QMP_VERSION_MAX];
	uint64_t last_id; /* of the last command sent; see start_ids() */
	bool closed; /* by QEMU */
};

const char *
qmp_version(const struct qmp *qmp)
{
	return qmp->version;
}

bool
qmp_is_closed(const struct qmp *qmp)
{
	return qmp->closed;
}

void
qmp_close(struct qmp *qmp)
{
	if (qmp == NULL)
		return;
	wire_fini(&qmp->wire);
	free(qmp);
}

/* What wire_fill() and wire_send() say, with QEMU's name before it. */
static int
look_at_wire(struct qmp *qmp, int how, struct error *err)
{
	qmp->closed = how == 0;
	if (how == 0)
		return error_set(err, EX_UNAVAILABLE,
		    "QEMU closed its monitor");
	if (how == 1)
		return 0;
	/* A signal came to us, not to QEMU. */
	return err == NULL || err->code > 128 ? -1 : error_wrap(err, "QEMU");
}

/* The next message; *out is the caller's. */
static int
next_message(struct qmp *qmp, struct jdoc **out, int64_t deadline_ms,
    struct error *err)
{
	struct wire *w = &qmp->wire;
	size_t used, seen = 0;
	char *end = NULL;
	int rc;

	for (;;) {
		if (seen < w->len)
			end = memchr(w->buf + seen, '\n', w->len - seen);
		if (end != NULL)
			break;
		seen = w->len;
		rc = look_at_wire(qmp,
		    wire_fill(w, QMP_LINE_MAX, deadline_ms, err), err);
		if (rc == -1)
			return -1;
	}
	used = (size_t)(end - w->buf) + 1;
	rc = jdoc_parse(out, w->buf, used - 1, err);
	wire_use(w, used);
	if (rc == -1 && err != NULL)
		err->code = EX_UNAVAILABLE;
	return rc == -1 ? error_wrap(err, "QEMU") : 0;
}

/*
 * Whether it is the answer to the last command: not an event, and not the late
 * answer to one that was given up.
 */
static bool
is_answer(const struct qmp *qmp, const struct jdoc *message)
{
	uint64_t id;

	return jdoc_member(message, JDOC_ROOT, "event") == 0 &&
	    jdoc_get_u64(message, JDOC_ROOT, "id", &id, 0, UINT64_MAX,
		JSON_REQUIRED, NULL) == 0 &&
	    id == qmp->last_id;
}

uint32_t
qmp_return(const struct jdoc *answer)
{
	return jdoc_member(answer, JDOC_ROOT, "return");
}

/* QEMU's own words of an error. */
static int
say_refused(const struct jdoc *message, const char *command, struct error *err)
{
	char *desc = NULL;

	if (jdoc_get_strdup(message, jdoc_member(message, JDOC_ROOT, "error"),
		"desc", &desc, QMP_LINE_MAX, JSON_OPTIONAL, NULL) == -1)
		desc = NULL;
	error_set(err, EX_UNAVAILABLE, "QEMU: %s: %s", command,
	    desc == NULL ? "an answer without meaning" : desc);
	free(desc);
	return -1;
}

/* The answer to the last command; what comes before it is passed over. */
static int
take_answer(struct qmp *qmp, const char *command, struct jdoc **answer,
    int64_t deadline_ms, struct error *err)
{
	struct jdoc *message;
	int rc = 0;

	for (;;) {
		if (next_message(qmp, &message, deadline_ms, err) == -1)
			return error_wrap(err, "%s", command);
		if (is_answer(qmp, message))
			break;
		jdoc_free(message);
	}
	if (qmp_return(message) == 0)
		rc = say_refused(message, command, err);
	else if (answer != NULL) {
		*answer = message;
		message = NULL;
	}
	jdoc_free(message);
	return rc;
}

static int
ask(struct qmp *qmp, const char *command, json_t *args, int fd,
    int64_t deadline_ms, struct error *err)
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
		return error_nomem(err, NULL);
	}
	json_decref(args);
	if (json_text(&text, &len, message, 0, err) == -1 ||
	    look_at_wire(qmp,
		wire_send(&qmp->wire, text, len, fd, deadline_ms, err),
		err) == -1)
		error_wrap(err, "%s", command);
	else
		rc = 0;
	free(text);
	json_decref(message);
	return rc;
}

int
qmp_ask(struct qmp *qmp, const char *command, json_t *args, int64_t deadline_ms,
    struct error *err)
{
	return ask(qmp, command, args, -1, deadline_ms, err);
}

int
qmp_answer(struct qmp *qmp, const char *command, struct jdoc **answer,
    int64_t deadline_ms, struct error *err)
{
	return take_answer(qmp, command, answer, deadline_ms, err);
}

int
qmp_call_fd(struct qmp *qmp, const char *command, json_t *args, int fd,
    struct jdoc **answer, int64_t deadline_ms, struct error *err)
{
	return ask(qmp, command, args, fd, deadline_ms, err) == -1
	    ? -1
	    : take_answer(qmp, command, answer, deadline_ms, err);
}

int
qmp_call(struct qmp *qmp, const char *command, json_t *args,
    struct jdoc **answer, int64_t deadline_ms, struct error *err)
{
	return qmp_call_fd(qmp, command, args, -1, answer, deadline_ms, err);
}

bool
qmp_version_decode(struct qmp_version *out, const struct jdoc *message)
{
	static const char *const way[] = { "QMP", "version", "qemu" };
	uint64_t major, minor, micro;
	uint32_t at = JDOC_ROOT;
	size_t i;

	for (i = 0; i < sizeof(way) / sizeof(way[0]); i++)
		at = jdoc_member(message, at, way[i]);
	if (jdoc_get_u64(message, at, "major", &major, 0, QMP_NUMBER_MAX,
		JSON_REQUIRED, NULL) == -1 ||
	    jdoc_get_u64(message, at, "minor", &minor, 0, QMP_NUMBER_MAX,
		JSON_REQUIRED, NULL) == -1 ||
	    jdoc_get_u64(message, at, "micro", &micro, 0, QMP_NUMBER_MAX,
		JSON_REQUIRED, NULL) == -1)
		return false;
	out->major = (unsigned)major;
	out->minor = (unsigned)minor;
	out->micro = (unsigned)micro;
	return true;
}

/*
 * QEMU gives the answer to a client that has left to the next one (its
 * monitor/qmp.c: it knows a monitor, and no clients), so no two clients may
 * count alike.  What json_int_t holds is far enough away for all commands.
 */
static int
start_ids(struct qmp *qmp, struct error *err)
{
	if (getrandom(&qmp->last_id, sizeof(qmp->last_id), 0) !=
	    (ssize_t)sizeof(qmp->last_id))
		return error_sys(err, EX_OSERR, "random numbers");
	qmp->last_id >>= 2;
	return 0;
}

/* What QEMU says to whoever is there, before it has greeted too. */
static bool
is_answer_or_event(const struct jdoc *message)
{
	return jdoc_member(message, JDOC_ROOT, "event") != 0 ||
	    jdoc_member(message, JDOC_ROOT, "return") != 0 ||
	    jdoc_member(message, JDOC_ROOT, "error") != 0;
}

/*
 * Commands are allowed once QEMU was told which of its capabilities are wanted:
 * none.  It reads that when it has greeted, and its answer, which says nothing,
 * is passed over by whoever waits for the next one; to ask at once, and to wait
 * for the greeting alone, spares two turns of two processes.
 */
static int
greet(struct qmp *qmp, int64_t deadline_ms, struct error *err)
{
	struct qmp_version v;
	struct jdoc *message;
	bool is_greeting, is_passed;

	if (start_ids(qmp, err) == -1 ||
	    ask(qmp, "qmp_capabilities", NULL, -1, deadline_ms, err) == -1)
		return -1;
	do {
		if (next_message(qmp, &message, deadline_ms, err) == -1)
			return -1;
		is_greeting = qmp_version_decode(&v, message);
		is_passed = !is_greeting && is_answer_or_event(message);
		jdoc_free(message);
	} while (is_passed);
	if (!is_greeting)
		return error_set(err, EX_UNAVAILABLE, "QEMU: not a greeting");
	snprintf(qmp->version, sizeof(qmp->version), "%u.%u.%u", v.major,
	    v.minor, v.micro);
	return 0;
}

int
qmp_open(struct qmp **out, int dirfd, const char *name, int64_t deadline_ms,
    struct error *err)
{
	struct qmp *qmp = calloc(1, sizeof(*qmp));

	if (qmp == NULL)
		return error_nomem(err, NULL);
	qmp->wire.fd = -1;
	if (wire_dial(&qmp->wire, dirfd, name, false, deadline_ms, err) == -1 ||
	    greet(qmp, deadline_ms, err) == -1) {
		qmp_close(qmp);
		return -1;
	}
	*out = qmp;
	return 0;
}
