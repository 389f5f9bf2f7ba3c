/* SPDX-License-Identifier: ISC */
/* The QEMU driver: questions and orders to one that runs. */
#include "vmm/qemu/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "vmm/host/console.h"
#include "vmm/host/spawn.h"

/* To see whether a guest's agent has its port open. */
#define AGENT_TRIES 4
#define AGENT_NAP_MS 5

static int
check_program(struct error *err)
{
	return spawn_check_program(QEMU_VARIABLE, QEMU_ARCH.program,
	    QEMU_ARCH.hint, err);
}

static int
attach(struct vmm *vmm, enum vmm_line line, int64_t deadline_ms,
    struct error *err)
{
	struct qemu *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return error_nomem(err, NULL);
	vmm->own = q;
	return qmp_open(&q->qmp, vmm->dirfd,
	    line == VMM_CONTROL ? VM_API_SOCKET : VM_WATCH_SOCKET, deadline_ms,
	    err);
}

static void
detach(struct vmm *vmm)
{
	struct qemu *q = vmm->own;

	if (q != NULL) {
		qmp_close(q->qmp);
		qemu_release_ports(q);
		qemu_facts_fini(&q->facts);
	}
	free(q);
}

static int
query(struct vmm *vmm, enum vmm_state *out, struct error *err)
{
	static const struct {
		const char *status;
		enum vmm_state state;
	} states[] = {
		{ "running", VMM_RUNNING },
		{ "paused", VMM_PAUSED },
		{ "prelaunch", VMM_UNREADY },
		{ "postmigrate", VMM_PAUSED },
		{ "finish-migrate", VMM_UNREADY },
		{ "inmigrate", VMM_UNREADY },
		{ "save-vm", VMM_PAUSED },
		{ "suspended", VMM_RUNNING },
		{ "io-error", VMM_NO_SPACE },
	};
	char status[32] = "";
	struct jdoc *answer;
	size_t i;

	if (qemu_call(vmm, "query-status", NULL, &answer, err) == -1)
		return -1;
	/* None, or one that does not fit, is one that we do not know. */
	(void)jdoc_get_str(answer, qmp_return(answer), "status", status,
	    sizeof(status), JSON_OPTIONAL, NULL);
	*out = VMM_BROKEN;
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(status, states[i].status) == 0)
			*out = states[i].state;
	jdoc_free(answer);
	return 0;
}

static int
pause_guest(struct vmm *vmm, struct error *err)
{
	return qemu_call(vmm, "stop", NULL, NULL, err);
}

static int
resume_ask(struct vmm *vmm, struct error *err)
{
	struct qemu *q = vmm->own;

	return qmp_ask(q->qmp, "cont", NULL, clock_ms() + VMM_CALL_MS, err);
}

static int
resume_guest(struct vmm *vmm, struct error *err)
{
	struct qemu *q = vmm->own;

	return qmp_answer(q->qmp, "cont", NULL, clock_ms() + VMM_CALL_MS, err);
}

static int
set_links(struct vmm *vmm, bool up, struct error *err)
{
	char name[32];
	size_t i;

	for (i = 0; i < vmm->vm->machine.nics.n; i++) {
		if (vmm->vm->machine.nics.v[i].kind == NIC_USER)
			continue;
		snprintf(name, sizeof(name), "nic%zu", i);
		if (qemu_call(vmm, "set_link",
			json_pack("{s:s, s:b}", "name", name, "up", (int)up),
			NULL, err) == -1)
			return -1;
	}
	return 0;
}

static int
power_button(struct vmm *vmm, struct error *err)
{
	return qemu_call(vmm, "system_powerdown", NULL, NULL, err);
}

/*
 * What is said of the chardev `label`: *out is the caller's, *i its object, or 0.
 */
static int
ask_chardev(struct vmm *vmm, const char *label, struct jdoc **out, uint32_t *i,
    struct error *err)
{
	char name[16];

	if (qemu_call(vmm, "query-chardev", NULL, out, err) == -1)
		return -1;
	*i = jdoc_first(*out, qmp_return(*out));
	while (*i != 0 &&
	    (jdoc_get_str(*out, *i, "label", name, sizeof(name), JSON_REQUIRED,
		 NULL) == -1 ||
		strcmp(name, label) != 0))
		*i = jdoc_next(*out, *i);
	return 0;
}

/* QEMU tells of a chardev's socket without a client by its name alone. */
static int
ask_console(struct vmm *vmm, bool *is_free, struct error *err)
{
	static const char unused[] = "disconnected:";
	struct jdoc *answer;
	char *name = NULL;
	uint32_t i;

	if (vmm->vm->machine.console_max_bytes != 0) {
		*is_free = console_is_free(vmm->dirfd);
		return 0;
	}
	if (ask_chardev(vmm, "console", &answer, &i, err) == -1)
		return -1;
	if (i != 0)
		(void)jdoc_get_strdup(answer, i, "filename", &name,
		    QMP_LINE_MAX, JSON_OPTIONAL, NULL);
	*is_free = name == NULL || strncmp(name, unused, strlen(unused)) == 0;
	free(name);
	jdoc_free(answer);
	return 0;
}

/* A guest that was loaded has its port open, if it had, a moment after it runs. */
static int
ask_agent(struct vmm *vmm, bool *is_there, struct error *err)
{
	struct jdoc *answer;
	uint32_t port;
	int tries;

	*is_there = false;
	for (tries = 0; !*is_there && tries < AGENT_TRIES; tries++) {
		if (tries > 0)
			clock_nap(AGENT_NAP_MS);
		if (ask_chardev(vmm, "agent", &answer, &port, err) == -1)
			return -1;
		if (port != 0)
			(void)jdoc_get_bool(answer, port, "frontend-open",
			    is_there, JSON_OPTIONAL, NULL);
		jdoc_free(answer);
	}
	return 0;
}

static int
quit(struct vmm *vmm, struct error *err)
{
	return qemu_call(vmm, "quit", NULL, NULL, err);
}

static int
open_memory(struct vmm *vmm, int *fd, struct error *err)
{
	char path[64];

	if (vmm->vm->memory == VM_MEMORY_FILE)
		return fd_open_file(fd, NULL, vmm->dirfd, VM_MEMORY, O_RDONLY,
		    err);
	snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)vmm->vm->proc.pid,
	    QEMU_FD_MEMORY);
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd == -1 ? error_sys(err, error_code_of(errno), "%s", path) : 0;
}

static const char *const state_files[] = { QEMU_STATE_NAME, NULL };

static int
version(struct vmm *vmm, char *out, size_t cap, struct error *err)
{
	const struct qemu *q = vmm->own;

	(void)err;
	snprintf(out, cap, "%s", qmp_version(q->qmp));
	return 0;
}

const struct vmm_driver vmm_qemu = {
	.name = "qemu",
	.traits = { .api_socket = VM_API_SOCKET,
	    .agent_socket = VM_AGENT_SOCKET,
	    .state_files = state_files,
	    .memory_file = VM_MEMORY,
	    .disks_max = QEMU_DISKS_MAX,
	    .has_tcg = true,
	    .has_firmware = true,
	    .has_flash = true,
	    .has_user_nics = true,
	    .has_links = true,
	    .has_vmgenid = true,
	    .has_memfd = true,
	    .can_overlay = true,
	    .can_switch = true,
	    .can_resize = true,
	    .needs_host = true },
	.check_program = check_program,
	.reads_templates = qemu_reads_templates,
	.spawn = qemu_spawn,
	.ready = qemu_ready,
	.explain = qemu_explain,
	.attach = attach,
	.detach = detach,
	.query = query,
	.pause = pause_guest,
	.resume_ask = resume_ask,
	.resume = resume_guest,
	.set_links = set_links,
	.set_forwards = qemu_set_forwards,
	.resize_disk = qemu_resize_disk,
	.power_button = power_button,
	.console_is_free = ask_console,
	.agent_is_there = ask_agent,
	.quit = quit,
	.describe = qemu_describe,
	.open_memory = open_memory,
	.check_host = qemu_check_host,
	.version = version,
	.settle_disks = qemu_settle_disks,
	.add_overlays = qemu_add_overlays,
	.drop_overlays = qemu_drop_overlays,
	.switch_disks = qemu_switch_disks,
	.state_save = qemu_state_save,
	.state_finish = qemu_state_finish,
	.state_check = qemu_state_check,
	.state_match = qemu_state_match,
	.devices_match = qemu_devices_match,
};
