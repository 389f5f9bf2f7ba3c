/* SPDX-License-Identifier: ISC */
#include "vmm/status.h"

#include <sys/stat.h>

#include <fcntl.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/rfc3339.h"
#include "disk/fs.h"
#include "vmm/cgroup.h"
#include "vmm/vmm.h"

#define SETTLE_MS 2000 /* for a process to have its socket, or to be gone */
#define NAP_MS 10

const char *
status_name(enum status status)
{
	static const char *const names[] = { "created", "running", "paused",
		"stopped", "error" };

	return names[status];
}

/*
 * The line to one whose process lives.  The sockets of one that is ending go
 * before it does, and one that is starting has none yet: it is asked again
 * until that is over.
 */
static int
reach(struct vmm **vmm, struct vm *vm, int dirfd, struct error *err)
{
	int64_t deadline_ms = clock_ms() + SETTLE_MS;

	while (vmm_attach(vmm, vm, dirfd, VMM_QUESTIONS,
		   clock_ms() + VMM_ASK_MS, err) == -1) {
		if (err->code == EX_TEMPFAIL || err->code == EX_NOPERM ||
		    !vm_is_alive(vm) || clock_left(deadline_ms) == 0)
			return -1;
		clock_nap(NAP_MS);
	}
	return 0;
}

/* The status of a VM whose process lives; *why is set unless the VMM told. */
static enum status
ask_vmm(struct vm *vm, int dirfd, bool *no_space, struct error *why)
{
	enum vmm_state state = VMM_RUNNING;
	struct error err = { 0 };
	struct vmm *vmm;

	if (reach(&vmm, vm, dirfd, &err) == -1) {
		if (err.code == EX_TEMPFAIL || err.code == EX_NOPERM) {
			*why = err;
			return STATUS_RUNNING;
		}
		return vm_is_alive(vm) ? STATUS_ERROR : STATUS_STOPPED;
	}
	if (vmm_query(vmm, &state, &err) == -1)
		state = VMM_BROKEN;
	vmm_detach(vmm);
	*no_space = state == VMM_NO_SPACE;
	switch (state) {
	case VMM_RUNNING:
		return STATUS_RUNNING;
	case VMM_PAUSED:
	case VMM_UNREADY:
	case VMM_NO_SPACE:
		return STATUS_PAUSED;
	default:
		return STATUS_ERROR;
	}
}

static enum status
find_out(struct vm *vm, int dirfd, bool *no_space, struct error *why)
{
	*no_space = false;
	if (vm_is_alive(vm))
		return ask_vmm(vm, dirfd, no_space, why);
	if (vm->error != NULL)
		return STATUS_ERROR;
	return vm->started_at[0] == '\0' ? STATUS_CREATED : STATUS_STOPPED;
}

int
status_known(enum status *status, struct vm *vm, int dirfd, struct error *err)
{
	struct error why = { 0 };
	bool no_space;

	*status = find_out(vm, dirfd, &no_space, &why);
	if (why.code == EX_NOPERM && err != NULL)
		*err = why;
	return why.code == EX_NOPERM ? -1 : why.code == 0;
}

/*
 * A saved memory file shares its blocks with the snapshot: each page that the
 * guest writes next needs a new one.
 */
static bool
is_memory_at_risk(const struct vm *vm, int dirfd)
{
	uint64_t free_bytes;

	return vm->memory == VM_MEMORY_FILE && vm_has_snapshots(vm) &&
	    vm_is_alive(vm) && fs_free_bytes(&free_bytes, dirfd, NULL) == 0 &&
	    free_bytes < vm->machine.memory_bytes;
}

/* Ports are in effect only while it runs. */
static void
forget_ports(struct vm *vm)
{
	size_t i, k;

	for (i = 0; i < vm->machine.nics.n; i++)
		for (k = 0; k < vm->machine.nics.v[i].forwards_n; k++)
			vm->machine.nics.v[i].forwards[k].host_port = 0;
}

/*
 * Of one that has ended by itself: the last time that anything of it was
 * written.  A proper end removes a socket from the directory.
 */
static void
put_last_sign(struct vm *vm, int dirfd)
{
	static const char *const names[] = { ".", VM_CONSOLE_LOG, VM_VMM_LOG };
	struct timespec last = { 0 };
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (fstatat(dirfd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    (st.st_mtim.tv_sec > last.tv_sec ||
			(st.st_mtim.tv_sec == last.tv_sec &&
			    st.st_mtim.tv_nsec > last.tv_nsec)))
			last = st.st_mtim;
	rfc3339_us(vm->stopped_at, &last);
}

int
status_report_as(json_t **out, struct vm *vm, int dirfd, const char *dir,
    enum status status, struct error *err)
{
	json_t *record;

	if (vm_report(&record, vm, dir, status_name(status),
		vmm_traits(vm->machine.hypervisor)->api_socket, err) == -1)
		return -1;
	if (cgroup_report(record, vm, err) == -1 ||
	    (is_memory_at_risk(vm, dirfd) &&
		json_put_bool(record, "memory_at_risk", true, err) == -1)) {
		json_decref(record);
		return -1;
	}
	*out = record;
	return 0;
}

/* NULL: it ended as it should, or was ended. */
static const char *
why_stopped(const struct vm *vm, int dirfd)
{
	switch (cgroup_find_want(vm)) {
	case CGROUP_WANT_OWN:
		return "the hypervisor was killed: its control group ran out "
		       "of memory";
	case CGROUP_WANT_OTHERS:
		return "the hypervisor was killed: the host, or a control "
		       "group above its own, ran out of memory";
	case CGROUP_WANT_NONE:
		break;
	}
	return vmm_broke_down(vm, dirfd)
	    ? "the hypervisor was killed, or broke down"
	    : NULL;
}

int
status_report(json_t **out, struct vm *vm, int dirfd, const char *dir,
    struct error *err)
{
	struct error why = { 0 };
	enum status status;
	const char *error = NULL;
	bool no_space;
	json_t *record;

	status = find_out(vm, dirfd, &no_space, &why);
	if (no_space)
		error = "no space";
	else if (status == STATUS_STOPPED)
		error = why_stopped(vm, dirfd);
	if (status == STATUS_STOPPED && vm->proc.pid != 0)
		put_last_sign(vm, dirfd);
	if (!vm_is_alive(vm))
		forget_ports(vm);
	if (status_report_as(&record, vm, dirfd, dir, status, err) == -1)
		return -1;
	if (error != NULL && json_put_str(record, "error", error, err) == -1) {
		json_decref(record);
		return -1;
	}
	*out = record;
	return 0;
}

int
status_print(struct vm *vm, int dirfd, const char *dir,
    const enum status *status, const char *members, struct error *err)
{
	json_t *record;
	int rc;

	if ((status == NULL ? status_report(&record, vm, dirfd, dir, err)
			    : status_report_as(&record, vm, dirfd, dir, *status,
				  err)) == -1)
		return -1;
	rc = json_report(record, members, err);
	json_decref(record);
	return rc;
}
