/* SPDX-License-Identifier: ISC */
/* QEMU made ready: it answers, and has its state; or says why not. */
#include "vmm/qemu.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/sig.h"
#include "vmm/spawn.h"

#define LOAD_NAP_MS 1 /* between two questions for the state of a load */

/* Puts QEMU's last words in place of "closed its monitor". */
int
qemu_explain(const struct vmm *vmm, struct error *err)
{
	const struct qemu *q = vmm->own;
	char words[ERROR_MSG_MAX - 64];
	int code = EX_UNAVAILABLE;

	if (err == NULL || err->code != EX_UNAVAILABLE)
		return -1;
	spawn_last_words(vmm->dirfd, q->log_from, words, sizeof(words));
	if (words[0] == '\0')
		return -1;
	if (strstr(words, "unsupported machine type") != NULL ||
	    strstr(words, "Machine type received is") != NULL)
		code = EX_CONFIG;
	return error_set(err, code, "%s", words);
}

static int
call(struct vmm *vmm, const char *command, json_t *args, json_t **ret,
    int64_t deadline_ms, struct error *err)
{
	struct qemu *q = vmm->own;

	return qmp_call(q->qmp, command, args, ret, deadline_ms, err);
}

static int
ignore_shared(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	return call(vmm, "migrate-set-capabilities",
	    json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability",
		"x-ignore-shared", "state", 1),
	    NULL, deadline_ms, err);
}

/* Waits until the stream is through, either way. */
static int
wait_stream(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	const char *status, *desc;
	json_t *ret;
	int rc;

	for (;;) {
		if (call(vmm, "query-migrate", NULL, &ret, deadline_ms, err) ==
		    -1)
			return -1;
		status = json_string_value(json_object_get(ret, "status"));
		desc = json_string_value(json_object_get(ret, "error-desc"));
		rc = status != NULL && strcmp(status, "completed") == 0 ? 0 : 1;
		if (status != NULL && strcmp(status, "failed") == 0)
			rc = error_set(err, EX_UNAVAILABLE, "QEMU: %s",
			    desc == NULL ? "state not taken" : desc);
		json_decref(ret);
		if (rc != 1)
			return rc;
		clock_nap(LOAD_NAP_MS);
	}
}

static int
send_state_fd(struct vmm *vmm, const char *file, int flags, int64_t deadline_ms,
    struct error *err)
{
	struct qemu *q = vmm->own;
	int fd, rc;

	fd = openat(vmm->dirfd, file, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", file);
	rc = qmp_call_fd(q->qmp, "getfd", json_pack("{s:s}", "fdname", "state"),
	    fd, NULL, deadline_ms, err);
	fd_drop(&fd);
	return rc;
}

/*
 * A stream is complete a moment before its VMM is ready to go on: "cont" is
 * refused until then ("Migration is not finalized yet").
 */
static int
wait_postmigrate(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	const char *status;
	json_t *ret;
	bool ready = false;

	while (!ready) {
		if (call(vmm, "query-status", NULL, &ret, deadline_ms, err) ==
		    -1)
			return -1;
		status = json_string_value(json_object_get(ret, "status"));
		ready = status == NULL || strcmp(status, "finish-migrate") != 0;
		json_decref(ret);
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
	if (unlinkat(vmm->dirfd, VM_STATE, 0) == -1 && errno != ENOENT)
		return error_sys(err, error_code_of(errno), VM_STATE);
	if (ignore_shared(vmm, deadline_ms, err) == -1 ||
	    send_state_fd(vmm, VM_STATE, O_WRONLY | O_CREAT | O_EXCL,
		deadline_ms, err) == -1 ||
	    call(vmm, "migrate", json_pack("{s:s}", "uri", "fd:state"), NULL,
		deadline_ms, err) == -1 ||
	    wait_stream(vmm, deadline_ms, err) == -1)
		return -1;
	return wait_postmigrate(vmm, deadline_ms, err);
}

static int
parse_version(int *major, int *minor, const char *text)
{
	return sscanf(text, "%d.%d", major, minor) == 2 ? 0 : -1;
}

/* EX_CONFIG: older than the floor, or than the QEMU that saved the state. */
static int
check_version(struct vmm *vmm, struct error *err)
{
	const struct qemu *q = vmm->own;
	const char *saved = vmm->vm->saved_version;
	int major, minor, floor_major, floor_minor;

	if (parse_version(&major, &minor, qmp_version(q->qmp)) == -1)
		return error_set(err, EX_UNAVAILABLE, "QEMU has no version");
	if (major < QEMU_FLOOR_MAJOR ||
	    (major == QEMU_FLOOR_MAJOR && minor < QEMU_FLOOR_MINOR))
		return error_set(err, EX_UNAVAILABLE,
		    "QEMU %s: older than %d.%d", qmp_version(q->qmp),
		    QEMU_FLOOR_MAJOR, QEMU_FLOOR_MINOR);
	if (!vmm->vm->to_load || saved[0] == '\0')
		return 0;
	if (parse_version(&floor_major, &floor_minor, saved) == -1)
		return error_set(err, EX_CONFIG,
		    "saved by QEMU %s, which is no version", saved);
	if (major < floor_major ||
	    (major == floor_major && minor < floor_minor))
		return error_set(err, EX_CONFIG,
		    "saved by QEMU %s, newer than the %s here", saved,
		    qmp_version(q->qmp));
	return 0;
}

/* Whatever else is refused, the clone must not speak with its source's MAC. */
static int
pull_links(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	char name[32];
	size_t i;

	for (i = 0; i < vmm->vm->nics.n; i++) {
		if (!vmm->vm->nics.v[i].link_down)
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
	    send_state_fd(vmm, VM_STATE, O_RDONLY, deadline_ms, err) == -1 ||
	    call(vmm, "migrate-incoming", json_pack("{s:s}", "uri", "fd:state"),
		NULL, deadline_ms, err) == -1 ||
	    wait_stream(vmm, deadline_ms, err) == -1)
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
	if ((vmm->vm->to_load ? load_state(vmm, deadline_ms, err)
			      : write_first_state(vmm, deadline_ms, err)) == -1)
		return -1;
	hook_step("loaded");
	return qemu_read_forwards(vmm, err);
}
