/* SPDX-License-Identifier: ISC */
/* What a VMM that has ended leaves behind, taken away. */
#include "vmm/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/rfc3339.h"
#include "state/vm_seed.h"
#include "vmm/cgroup.h"
#include "vmm/driver.h"
#include "vmm/host/console.h"

void
vmm_state_drop(int dirfd, const char *name)
{
	struct strv names = { 0 };
	size_t i;
	int fd;

	if (unlinkat(dirfd, name, 0) == 0 || errno != EISDIR ||
	    fd_open_dir(&fd, dirfd, name, false, NULL) == -1)
		return;
	if (dir_list(&names, fd, name, NULL) == 0)
		for (i = 0; i < names.n; i++)
			unlinkat(fd, names.v[i], 0);
	strv_fini(&names);
	fd_drop(&fd);
	unlinkat(dirfd, name, AT_REMOVEDIR);
}

static void
remove_files(int dirfd, const char *const *names, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		unlinkat(dirfd, names[i], 0);
}

static void
remove_sockets(const struct vm *vm, int dirfd)
{
	const struct vmm_driver *driver = vmm_find_driver(
	    vm->machine.hypervisor);
	const char *const sockets[] = {
		vmm_traits(vm->machine.hypervisor)->api_socket, VM_WATCH_SOCKET,
		VM_CONSOLE_SOCKET, VM_AGENT_SOCKET
	};

	/* The guest's last words may still be on their way to the log. */
	console_await_end(dirfd, clock_ms() + VMM_ASK_MS);
	remove_files(dirfd, sockets, sizeof(sockets) / sizeof(sockets[0]));
	if (driver != NULL && driver->clean_up != NULL)
		driver->clean_up(vm, dirfd);
}

/* The guest's state and memory, as far as the VM has them for itself. */
static void
remove_guest(const struct vm *vm, int dirfd)
{
	const struct vmm_traits *traits = vmm_traits(vm->machine.hypervisor);
	const char *const *state;

	for (state = traits->state_files; *state != NULL; state++)
		unlinkat(dirfd, *state, 0);
	unlinkat(dirfd, VM_MEMORY, 0);
	if (traits->memory_dump != NULL)
		unlinkat(dirfd, traits->memory_dump, 0);
}

bool
vmm_broke_down(const struct vm *vm, int dirfd)
{
	return vm->proc.pid != 0 && vm->tidies && !vm_is_alive(vm) &&
	    faccessat(dirfd, vmm_traits(vm->machine.hypervisor)->api_socket,
		F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int
vmm_clear(struct vm *vm, int dirfd, const struct timespec *now,
    struct error *err)
{
	remove_sockets(vm, dirfd);
	remove_guest(vm, dirfd);
	unlinkat(dirfd, VM_TEMPLATE, 0);
	vmm_state_drop(dirfd, VM_HANDOVER);
	cgroup_remove(vm);
	vm->proc.pid = 0;
	vm->memory_from[0] = '\0';
	rfc3339_us(vm->stopped_at, now);
	return vm_write(vm, dirfd, false, now, err);
}

static bool
is_no_space(const struct error *why)
{
	return why->sys == ENOSPC || why->sys == EDQUOT;
}

int
vmm_note_end(struct vm *vm, int dirfd, bool shut_down,
    const struct timespec *now, struct error *err)
{
	struct error why = { 0 };
	int rc = 0;

	if (shut_down && vm_seed_was_read(vm, dirfd))
		rc = vm_seed_let_go(vm, dirfd,
		    !vmm_traits(vm->machine.hypervisor)->adds_seed, now, &why);
	if (rc == 0 || is_no_space(&why))
		rc = vmm_clear(vm, dirfd, now, &why);
	if (rc == 0)
		return 0;
	if (is_no_space(&why)) {
		diag("warning: %s: stopped, but not recorded: %s", vm->id,
		    why.msg);
		return 0;
	}
	if (err != NULL)
		*err = why;
	return -1;
}

int
vmm_undo_start(struct vm *vm, bool to_load, int dirfd,
    const struct timespec *now, struct error *err)
{
	struct vm recorded;
	bool was_recorded;

	if (vmm_kill(vm, 0, err) == -1 || vm_read(&recorded, dirfd, err) == -1)
		return -1;
	was_recorded = recorded.proc.pid != 0 &&
	    recorded.proc.pid == vm->proc.pid &&
	    recorded.proc.start_ticks == vm->proc.start_ticks;
	vm_fini(&recorded);
	remove_sockets(vm, dirfd);
	vmm_state_drop(dirfd, VM_HANDOVER);
	if (!to_load)
		remove_guest(vm, dirfd);
	/* Where no process came about the record is as it was. */
	if (!was_recorded)
		return 0;
	vm->to_load = to_load;
	if (to_load && vm->thaw == VM_THAW_UNSURE)
		vm->thaw = VM_THAW_DUE;
	vm->proc.pid = 0;
	return vm_write(vm, dirfd, false, now, err);
}
