/* SPDX-License-Identifier: ISC */
/* QEMU made ready: it answers, and has its state; or says why not. */
#include "vmm/qemu/qemu.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/path.h"
#include "base/sig.h"
#include "vmm/host/port.h"
#include "vmm/host/spawn.h"

#define LOAD_NAP_MS 1 /* between two questions for the state of a load */

/* By what QEMU says of a forward (net/slirp.c); the error tells who has it. */
static bool
is_port_taken(const char *words, struct error *err)
{
	const char *rule = strstr(words, "host forwarding rule 'tcp:");
	char addr[48];
	unsigned port;

	return rule != NULL &&
	    sscanf(strchr(rule, ':'), ":%47[0-9.]:%u", addr, &port) == 2 &&
	    port_taken(addr, port, err) == -1;
}

/*
 * QEMU's own words in place of "closed its monitor"; what it has answered as
 * long as it lived says more than what it printed.
 */
int
qemu_explain(const struct vmm *vmm, struct error *err)
{
	const struct qemu *q = vmm->own;
	char words[ERROR_MSG_MAX - 64];
	int code = EX_UNAVAILABLE;

	if (err == NULL || err->code != EX_UNAVAILABLE ||
	    (q->qmp != NULL && !qmp_is_closed(q->qmp)))
		return -1;
	spawn_last_words(vmm->dirfd, q->log_from,
	    path_base(spawn_program(QEMU_VARIABLE, QEMU_ARCH.program)), words,
	    sizeof(words));
	if (words[0] == '\0' || is_port_taken(words, err))
		return -1;
	if (strstr(words, "unsupported machine type") != NULL ||
	    strstr(words, "Machine type received is") != NULL ||
	    strstr(words, "exceeds allocated max") != NULL)
		code = EX_CONFIG;
	return error_set(err, code, "%s", words);
}

static int
call(struct vmm *vmm, const char *command, json_t *args, struct jdoc **answer,
    int64_t deadline_ms, struct error *err)
{
	struct qemu *q = vmm->own;

	return qmp_call(q->qmp, command, args, answer, deadline_ms, err);
}

static int
ignore_shared(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	return call(vmm, "migrate-set-capabilities",
	    json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability",
		"x-ignore-shared", "state", 1),
	    NULL, deadline_ms, err);
}

/* "" where the answer has none. */
static void
get_status(char *out, size_t cap, const struct jdoc *answer)
{
	out[0] = '\0';
	(void)jdoc_get_str(answer, qmp_return(answer), "status", out, cap,
	    JSON_OPTIONAL, NULL);
}

static int
say_failed(const struct jdoc *answer, struct error *err)
{
	char *desc = NULL;

	(void)jdoc_get_strdup(answer, qmp_return(answer), "error-desc", &desc,
	    QMP_LINE_MAX, JSON_OPTIONAL, NULL);
	error_set(err, EX_UNAVAILABLE, "QEMU: %s",
	    desc == NULL ? "state not taken" : desc);
	free(desc);
	return -1;
}

/* Waits until the stream is through, either way. */
static int
wait_stream(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct jdoc *answer;
	char status[32];
	int rc;

	for (;;) {
		if (call(vmm, "query-migrate", NULL, &answer, deadline_ms,
			err) == -1)
			return -1;
		get_status(status, sizeof(status), answer);
		rc = strcmp(status, "completed") == 0 ? 0
		    : strcmp(status, "failed") == 0   ? say_failed(answer, err)
						      : 1;
		jdoc_free(answer);
		if (rc != 1)
			return rc;
		clock_nap(LOAD_NAP_MS);
	}
}

/* The version of the QEMU that answers. */
static bool
qemu_is_since(const struct vmm *vmm, int major, int minor)
{
	const struct qemu *q = vmm->own;
	int here_major, here_minor;

	return sscanf(qmp_version(q->qmp), "%d.%d", &here_major, &here_minor) ==
	    2 &&
	    (here_major > major ||
		(here_major == major && here_minor >= minor));
}

/* How QEMU is to reach a file of ours: a descriptor that it was given. */
struct stream {
	char uri[40];
	bool has_set;
	uint64_t fdset; /* to be given back */
};

/*
 * From 8.2 on a file is a descriptor in a set of its own, which QEMU opens
 * anew; as a plain one ("fd:") 10.0 warns of it and 11.1 refuses it.
 */
static int
offer_file(struct stream *out, struct vmm *vmm, int fd, int64_t deadline_ms,
    struct error *err)
{
	struct qemu *q = vmm->own;
	struct jdoc *answer;
	int rc;

	*out = (struct stream){ "fd:state", false, 0 };
	if (!qemu_is_since(vmm, 8, 2))
		return qmp_call_fd(q->qmp, "getfd",
		    json_pack("{s:s}", "fdname", "state"), fd, NULL,
		    deadline_ms, err);
	if (qmp_call_fd(q->qmp, "add-fd", NULL, fd, &answer, deadline_ms,
		err) == -1)
		return -1;
	rc = jdoc_get_u64(answer, qmp_return(answer), "fdset-id", &out->fdset,
	    0, INT64_MAX, JSON_REQUIRED, NULL);
	jdoc_free(answer);
	if (rc == -1)
		return error_set(err, EX_UNAVAILABLE,
		    "QEMU: add-fd: no set in the answer");
	out->has_set = true;
	snprintf(out->uri, sizeof(out->uri), "file:/dev/fdset/%" PRIu64,
	    out->fdset);
	return 0;
}

/* Runs `command` to its end on the VM's `file`: opened for one direction. */
static int
run_stream(struct vmm *vmm, const char *command, const char *file, int flags,
    int64_t deadline_ms, struct error *err)
{
	struct stream stream;
	int fd, rc;

	fd = openat(vmm->dirfd, file, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", file);
	rc = offer_file(&stream, vmm, fd, deadline_ms, err);
	fd_drop(&fd);
	if (rc == -1 ||
	    call(vmm, command, json_pack("{s:s}", "uri", stream.uri), NULL,
		deadline_ms, err) == -1 ||
	    wait_stream(vmm, deadline_ms, err) == -1)
		return -1;
	return !stream.has_set
	    ? 0
	    : call(vmm, "remove-fd",
		  json_pack("{s:I}", "fdset-id", (json_int_t)stream.fdset),
		  NULL, deadline_ms, err);
}

/*
 * A stream is complete a moment before its VMM is ready to go on: "cont" is
 * refused until then ("Migration is not finalized yet").
 */
static int
wait_postmigrate(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct jdoc *answer;
	char status[32];
	bool ready = false;

	while (!ready) {
		if (call(vmm, "query-status", NULL, &answer, deadline_ms,
			err) == -1)
			return -1;
		get_status(status, sizeof(status), answer);
		ready = strcmp(status, "finish-migrate") != 0;
		jdoc_free(answer);
		if (!ready && clock_left(deadline_ms) == 0)
			return error_set(err, EX_TEMPFAIL,
			    "QEMU: a stream does not end");
		if (!ready)
			clock_nap(LOAD_NAP_MS);
	}
	return 0;
}

/*
 * Before the guest's first instruction its state is written once, so that
 * every later save has a head to build on (vmm/qemu_state.c).
 */
static int
write_first_state(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	if (unlinkat(vmm->dirfd, QEMU_STATE_NAME, 0) == -1 && errno != ENOENT)
		return error_sys(err, error_code_of(errno), QEMU_STATE_NAME);
	if (ignore_shared(vmm, deadline_ms, err) == -1 ||
	    run_stream(vmm, "migrate", QEMU_STATE_NAME,
		O_WRONLY | O_CREAT | O_EXCL, deadline_ms, err) == -1)
		return -1;
	return wait_postmigrate(vmm, deadline_ms, err);
}

/* EX_UNAVAILABLE: older than the floor.  EX_CONFIG: than what saved the state. */
static int
check_version(struct vmm *vmm, struct error *err)
{
	struct qemu *q = vmm->own;

	/* Another program than was asked: a wrapper that was made another. */
	if (q->facts.version[0] != '\0' &&
	    strcmp(q->facts.version, qmp_version(q->qmp)) != 0)
		qemu_facts_forget();
	if (!qemu_is_since(vmm, QEMU_FLOOR_MAJOR, QEMU_FLOOR_MINOR))
		return error_set(err, EX_UNAVAILABLE,
		    "QEMU %s: older than %d.%d", qmp_version(q->qmp),
		    QEMU_FLOOR_MAJOR, QEMU_FLOOR_MINOR);
	if (!vmm->vm->to_load || vmm->vm->saved_version[0] == '\0')
		return 0;
	return qemu_check_saved(vmm->vm->saved_version, qmp_version(q->qmp),
	    err);
}

/* Whatever else is refused, the clone must not speak with its source's MAC. */
static int
pull_links(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	char name[32];
	size_t i;

	for (i = 0; i < vmm->vm->machine.nics.n; i++) {
		if (!vmm->vm->machine.nics.v[i].link_down)
			continue;
		snprintf(name, sizeof(name), "nic%zu", i);
		if (call(vmm, "set_link",
			json_pack("{s:s, s:b}", "name", name, "up", 0), NULL,
			deadline_ms, err) == -1)
			return -1;
	}
	return 0;
}

static int
load_state(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	if (ignore_shared(vmm, deadline_ms, err) == -1 ||
	    call(vmm, "migrate-set-parameters",
		json_pack("{s:i}", "announce-rounds", 0), NULL, deadline_ms,
		err) == -1 ||
	    pull_links(vmm, deadline_ms, err) == -1 ||
	    run_stream(vmm, "migrate-incoming", QEMU_STATE_NAME, O_RDONLY,
		deadline_ms, err) == -1)
		return -1;
	/* The saved link state came with the stream: once more. */
	return pull_links(vmm, deadline_ms, err);
}

int
qemu_ready(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct qemu *q = vmm->own;

	if (qmp_open(&q->qmp, vmm->dirfd, VM_API_SOCKET, deadline_ms, err) ==
		-1 ||
	    check_version(vmm, err) == -1)
		return -1;
	hook_step("answered");
	qemu_release_ports(q);
	if ((vmm->vm->to_load ? load_state(vmm, deadline_ms, err)
			      : write_first_state(vmm, deadline_ms, err)) == -1)
		return -1;
	hook_step("loaded");
	return qemu_read_forwards(vmm, err);
}
