/* SPDX-License-Identifier: ISC */
#include "vmm/qemu/qmp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "vmm/host/wire.h"

#define QMP_VERSION_MAX 32

struct qmp {
	struct wire wire;
	char version[QMP_VERSION_MAX];
	int64_t last_id; /* of the last command sent */
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
next_message(struct qmp *qmp, json_t **out, int64_t deadline_ms,
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
	rc = json_parse(out, w->buf, used - 1, err);
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
		return error_nomem(err, NULL);
	}
	json_decref(args);
	if (json_text(&text, &len, message, 0, err) == -1 ||
	    look_at_wire(qmp,
		wire_send(&qmp->wire, text, len, fd, deadline_ms, err),
		err) == -1)
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
