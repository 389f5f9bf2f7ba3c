/* SPDX-License-Identifier: ISC */
#include "vmm/host/agent.h"

#include <sys/random.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/sig.h"
#include "vmm/host/wire.h"
#include "vmm/vmm.h"

/* Before a reply to guest-sync-delimited; in no text that is UTF-8. */
#define MARK 0xff
#define SYNC_LINE_MAX 128 /* bytes of that reply */
#define SKIM_MAX (64u << 10) /* of what is read to be dropped */
#define NAP_MS 25 /* between two looks, or tries */
#define VSOCK_LINE_MAX 32 /* "OK 1073741824" */

struct agent {
	int dirfd; /* borrowed */
	const char *socket; /* its name there */
	bool has_vsock;
	struct wire wire; /* fd -1: not held */
	int lock; /* -1: not held */
	char refusal[64]; /* "": none */
};

int
agent_open(struct agent **out, const struct vm *vm, int dirfd,
    struct error *err)
{
	const struct vmm_traits *traits = vmm_traits(vm->machine.hypervisor);
	struct agent *a;

	if (!vm->machine.agent || traits->agent_socket == NULL)
		return error_set(err, EX_UNAVAILABLE,
		    "has no channel for a guest agent: vm-create --agent "
		    "makes a VM with one");
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return error_nomem(err, NULL);
	*a = (struct agent){ .dirfd = dirfd,
		.socket = traits->agent_socket,
		.has_vsock = traits->has_vsock,
		.wire = { .fd = -1 },
		.lock = -1 };
	*out = a;
	return 0;
}

void
agent_release(struct agent *a)
{
	wire_fini(&a->wire);
	fd_drop(&a->lock);
}

void
agent_yield(struct agent *a)
{
	if (a->lock == -1 || !lock_is_wanted(a->lock))
		return;
	wire_fini(&a->wire);
	lock_yield(a->lock);
	agent_release(a);
}

void
agent_nap(struct agent *a, int ms)
{
	int64_t until_ms = clock_ms() + ms;
	int left;

	while ((left = clock_left(until_ms)) > 0 && sig_check(NULL) == 0) {
		clock_nap(left < NAP_MS ? left : NAP_MS);
		agent_yield(a);
	}
}

void
agent_close(struct agent *a)
{
	if (a == NULL)
		return;
	agent_release(a);
	free(a);
}

bool
agent_is_held(const struct agent *a)
{
	return a->wire.fd != -1;
}

static int
take_lock(struct agent *a, int64_t deadline_ms, struct error *err)
{
	const int flags = O_CLOEXEC | O_NOFOLLOW;
	struct error why = { 0 };

	a->lock = openat(a->dirfd, VM_AGENT_LOCK, O_RDWR | O_CREAT | flags,
	    0600);
	/* Where nothing may be made, and nobody has made one, nobody has it. */
	if (a->lock == -1 && (errno == EROFS || errno == EACCES)) {
		a->lock = openat(a->dirfd, VM_AGENT_LOCK, O_RDONLY | flags);
		if (a->lock == -1 && errno == ENOENT)
			return 0;
	}
	if (a->lock == -1)
		return error_sys(err, error_code_of(errno), VM_AGENT_LOCK);
	if (lock_want(a->lock, deadline_ms, VM_AGENT_LOCK, &why) == 0)
		return 0;
	if (why.code == EX_TEMPFAIL)
		return error_set(err, EX_TEMPFAIL,
		    "guest agent: busy: another program talks with it");
	if (err != NULL)
		*err = why;
	return -1;
}

/* What wire_fill() and wire_send() say, in the words of who talks with a guest. */
static int
look_at_wire(int how, struct error *err)
{
	if (how == 0)
		return error_set(err, EX_UNAVAILABLE,
		    "guest agent: the VM has closed its channel");
	if (how == 1)
		return 0;
	/* A signal came to us, not to the guest. */
	return err == NULL || err->code > 128 ? -1
					      : error_wrap(err, "guest agent");
}

/*
 * Waits for a line of at most `max` bytes, until `deadline_ms` or until nothing of
 * it comes any more; *len is what it has with its end.  It is in the buffer, for
 * wire_use().
 */
static int
await_line(struct agent *a, size_t *len, size_t max, int64_t deadline_ms,
    struct error *err)
{
	struct wire *w = &a->wire;
	size_t seen = 0;
	char *end = NULL;
	int64_t until_ms;

	for (;;) {
		if (seen < w->len)
			end = memchr(w->buf + seen, '\n', w->len - seen);
		if (end != NULL)
			break;
		seen = w->len;
		until_ms = clock_ms() + AGENT_SILENCE_MS;
		if (look_at_wire(wire_fill(w, max,
				     until_ms < deadline_ms ? until_ms
							    : deadline_ms,
				     err),
			err) == -1)
			return -1;
	}
	*len = (size_t)(end - w->buf) + 1;
	return 0;
}

/*
 * Asks the VMM for the port of the guest's vsock: "CONNECT PORT", and "OK" with a
 * number comes back.  Where nobody listens it closes.
 */
static int
connect_port(struct agent *a, int64_t deadline_ms, struct error *err)
{
	struct wire *w = &a->wire;
	char line[VSOCK_LINE_MAX];
	size_t len;
	int n;

	n = snprintf(line, sizeof(line), "CONNECT %d\n", AGENT_VSOCK_PORT);
	if (look_at_wire(wire_send(w, line, (size_t)n, -1, deadline_ms, err),
		err) == -1 ||
	    await_line(a, &len, VSOCK_LINE_MAX, deadline_ms, err) == -1)
		return -1;
	if (len < 4 || memcmp(w->buf, "OK ", 3) != 0)
		return error_set(err, EX_UNAVAILABLE,
		    "guest agent: the VM has no way to port %d",
		    AGENT_VSOCK_PORT);
	wire_use(w, len);
	return 0;
}

/* The byte that makes an agent forget half a question comes first. */
static int
send_sync(struct agent *a, uint64_t id, int64_t deadline_ms, struct error *err)
{
	char text[128];
	int n;

	n = snprintf(text, sizeof(text),
	    "%c{\"execute\":\"guest-sync-delimited\",\"arguments\":"
	    "{\"id\":%llu}}\n",
	    MARK, (unsigned long long)id);
	return look_at_wire(wire_send(&a->wire, text, (size_t)n, -1,
				deadline_ms, err),
	    err);
}

static bool
is_reply_to_sync(const char *line, size_t len, uint64_t id)
{
	struct jdoc *reply;
	uint64_t got = 0;

	if (jdoc_parse(&reply, line, len, NULL) == -1)
		return false;
	if (jdoc_get_u64(reply, JDOC_ROOT, "return", &got, 0, INT64_MAX,
		JSON_REQUIRED, NULL) == -1)
		got = 0;
	jdoc_free(reply);
	return got == id;
}

/*
 * Looks at what is in the buffer for the reply behind a mark; what can be no
 * part of it is dropped, and counted.  True: it came, and is dropped, too.
 */
static bool
skim(struct wire *w, uint64_t id, uint64_t *dropped)
{
	char *mark, *next, *end;
	size_t n;
	bool found = false;

	while (!found && w->len > 0) {
		mark = memchr(w->buf, MARK, w->len);
		n = mark == NULL ? w->len : (size_t)(mark - w->buf);
		*dropped += n;
		wire_use(w, n);
		if (w->len == 0)
			break;
		next = memchr(w->buf + 1, MARK, w->len - 1);
		end = memchr(w->buf, '\n', w->len);
		if (end == NULL && next == NULL && w->len <= SYNC_LINE_MAX)
			break;
		n = 1;
		if (end != NULL && (next == NULL || end < next) &&
		    end - w->buf <= SYNC_LINE_MAX) {
			n = (size_t)(end - w->buf) + 1;
			found = is_reply_to_sync(w->buf + 1, n - 2, id);
		}
		*dropped += n;
		wire_use(w, n);
	}
	return found;
}

static int
sync_up(struct agent *a, int64_t deadline_ms, struct error *err)
{
	uint64_t id, dropped = 0;

	if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return error_sys(err, EX_OSERR, "random numbers");
	id = id % INT64_MAX + 1;
	if (send_sync(a, id, deadline_ms, err) == -1)
		return -1;
	hook_step("agent-asked");
	while (!skim(&a->wire, id, &dropped)) {
		if (dropped > AGENT_STALE_MAX)
			return error_set(err, EX_UNAVAILABLE,
			    "guest agent: it sends without end");
		if (look_at_wire(wire_fill(&a->wire, SKIM_MAX, deadline_ms,
				     err),
			err) == -1)
			return -1;
	}
	return 0;
}

static int
take_up(struct agent *a, int64_t deadline_ms, struct error *err)
{
	struct error why = { 0 };

	if (a->lock == -1 && take_lock(a, deadline_ms, err) == -1)
		return -1;
	hook_step("agent-locked");
	if (wire_dial(&a->wire, a->dirfd, a->socket, false, deadline_ms,
		&why) == 0 &&
	    (!a->has_vsock || connect_port(a, deadline_ms, &why) == 0) &&
	    sync_up(a, deadline_ms, &why) == 0) {
		hook_step("agent-held");
		return 0;
	}
	if (why.code == EX_TEMPFAIL)
		return error_set(err, EX_UNAVAILABLE,
		    "guest agent: no answer from the guest");
	if (err != NULL)
		*err = why;
	return -1;
}

int
agent_hold(struct agent *a, int64_t deadline_ms, struct error *err)
{
	if (agent_is_held(a))
		return 0;
	if (take_up(a, deadline_ms, err) == 0)
		return 0;
	agent_release(a);
	return -1;
}

int
agent_turn(struct agent *a, struct error *err)
{
	agent_yield(a);
	if (agent_is_held(a))
		return 0;
	/* Others are waited for, not an agent that says nothing. */
	if (take_lock(a, clock_ms() + AGENT_TURN_MS, err) == -1) {
		agent_release(a);
		return -1;
	}
	return agent_hold(a, clock_ms() + AGENT_CALL_MS, err);
}

int
agent_await(struct agent *a, int64_t deadline_ms, struct error *err)
{
	struct error why;
	int64_t until_ms;

	for (;;) {
		why = (struct error){ 0 };
		until_ms = clock_ms() + AGENT_TRY_MS;
		if (agent_hold(a,
			until_ms < deadline_ms ? until_ms : deadline_ms,
			&why) == 0)
			return 0;
		if ((why.code != EX_UNAVAILABLE && why.code != EX_TEMPFAIL) ||
		    clock_left(deadline_ms) == 0)
			break;
		clock_nap(NAP_MS);
	}
	if (err != NULL)
		*err = why;
	return -1;
}

uint32_t
agent_return(const struct jdoc *answer)
{
	return jdoc_member(answer, JDOC_ROOT, "return");
}

const char *
agent_refusal(const struct agent *a)
{
	return a->refusal[0] == '\0' ? NULL : a->refusal;
}

int
agent_malformed(struct agent *a, const char *command, struct error *err)
{
	agent_release(a);
	if (err != NULL && err->code == EX_DATAERR)
		err->code = EX_UNAVAILABLE;
	return error_wrap(err, "guest agent: %s", command);
}

/* {"return": ...} or {"error": {"class": ..., "desc": ...}}, nothing else. */
static int
look_at_reply(struct agent *a, const struct jdoc *reply, const char *command,
    struct error *err)
{
	char desc[ERROR_MSG_MAX / 2] = "";
	uint32_t error = jdoc_member(reply, JDOC_ROOT, "error"), text;

	if (error == 0 && agent_return(reply) != 0)
		return 0;
	text = jdoc_member(reply, error, "desc");
	if (agent_return(reply) != 0 || jdoc_type(reply, text) != JDOC_STRING)
		return error_set(err, EX_UNAVAILABLE,
		    "guest agent: %s: what came is no reply", command);
	/* However long it is. */
	if (jdoc_get_str(reply, error, "desc", desc, sizeof(desc),
		JSON_REQUIRED, NULL) == -1)
		snprintf(desc, sizeof(desc), "refused");
	if (jdoc_get_str(reply, error, "class", a->refusal, sizeof(a->refusal),
		JSON_REQUIRED, NULL) == -1 ||
	    a->refusal[0] == '\0')
		snprintf(a->refusal, sizeof(a->refusal), "none");
	return error_set(err, EX_UNAVAILABLE, "guest agent: %s: %s", command,
	    desc);
}

static int
take_reply(struct agent *a, const char *command, struct jdoc **answer,
    size_t max, int64_t deadline_ms, struct error *err)
{
	struct error why = { 0 };
	struct jdoc *reply = NULL;
	size_t len;
	int rc;

	if (await_line(a, &len, max, deadline_ms, err) == -1)
		return -1;
	rc = jdoc_parse(&reply, a->wire.buf, len - 1, &why);
	if (rc == -1)
		return why.code == EX_DATAERR
		    ? error_set(err, EX_UNAVAILABLE,
			  "guest agent: %s: what came is no reply: %s", command,
			  why.msg)
		    : error_set(err, why.code, "%s", why.msg);
	wire_use(&a->wire, len);
	rc = look_at_reply(a, reply, command, err);
	if (rc == 0 && answer != NULL) {
		*answer = reply;
		reply = NULL;
	}
	jdoc_free(reply);
	return rc;
}

/* Takes `args`. */
static int
make_question(char **text, size_t *len, const char *command, json_t *args,
    struct error *err)
{
	json_t *message = json_pack("{s:s}", "execute", command);
	int rc;

	if (message == NULL ||
	    (args != NULL && json_object_set(message, "arguments", args) == -1))
		rc = error_nomem(err, NULL);
	else
		rc = json_text(text, len, message, 0, err);
	json_decref(args);
	json_decref(message);
	return rc;
}

int
agent_call(struct agent *a, const char *command, json_t *args,
    struct jdoc **answer, size_t max, int64_t deadline_ms, struct error *err)
{
	char *text = NULL;
	size_t len;
	int rc;

	a->refusal[0] = '\0';
	if (make_question(&text, &len, command, args, err) == -1)
		return -1;
	rc = agent_hold(a, deadline_ms, err);
	if (rc == 0 &&
	    (look_at_wire(wire_send(&a->wire, text, len, -1, deadline_ms, err),
		 err) == -1 ||
		take_reply(a, command, answer, max, deadline_ms, err) == -1)) {
		/* What would come next is not known any more. */
		if (a->refusal[0] == '\0')
			agent_release(a);
		rc = -1;
	}
	free(text);
	return rc;
}
