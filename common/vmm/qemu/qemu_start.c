/* SPDX-License-Identifier: ISC */
/* QEMU started: its memory, its sockets, its process. */
#include "vmm/qemu/qemu.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "disk/copy.h"
#include "vmm/host/console.h"
#include "vmm/host/processor.h"
#include "vmm/host/spawn.h"
#include "vmm/host/tap.h"

/* Firmware of one that is installed elsewhere, and of one in its build directory. */
static const char *const data[] = { "share/qemu", "share/seabios", "share/ipxe",
	NULL };
static const char *const built[] = { "qemu-bundle", "pc-bios", NULL };

_Static_assert(QEMU_FD_TAP + NIC_MAX - 1 <= PROC_NUMBER_MAX &&
	QEMU_FD_TAP - QEMU_FD_AGENT + NIC_MAX <= SPAWN_FDS_MAX,
    "sockets, memory and a tap for each NIC");

static int
make_memory(struct spawn_fds *h, struct vm *vm, int dirfd, struct error *err)
{
	if (!vm->to_load) {
		unlinkat(dirfd, VM_TEMPLATE, 0);
		vm->memory = vm->memory_choice;
		if (vm->memory == VM_MEMORY_AUTO)
			vm->memory = copy_can_reflink(dirfd) ? VM_MEMORY_FILE
							     : VM_MEMORY_MEMFD;
		if (vm->memory == VM_MEMORY_FILE)
			return spawn_memory_file(vm, dirfd, err);
	}
	if (vm->memory == VM_MEMORY_MEMFD)
		return spawn_memfd(h, vm, dirfd, QEMU_FD_MEMORY, err);
	return 0;
}

static int
choose_accel(struct vm *vm, struct error *err)
{
	const char *wish = getenv("INSTAR_ACCEL");

	vm->accel = vm->accel_choice;
	if (vm->accel == VM_ACCEL_AUTO && wish != NULL && wish[0] != '\0' &&
	    !vm_accel_parse(&vm->accel, wish))
		return error_set(err, EX_USAGE,
		    "INSTAR_ACCEL=%s: not auto, kvm or tcg", wish);
	if (vm->accel != VM_ACCEL_AUTO)
		return 0;
	vm->accel = processor_runs_guests() ? VM_ACCEL_KVM : VM_ACCEL_TCG;
	return 0;
}

/* What a start from power-on decides; a load has it from the snapshot. */
static int
choose_machine(struct vm *vm, const struct qemu_facts *facts, struct error *err)
{
	if (vm->to_load)
		return 0;
	if (choose_accel(vm, err) == -1)
		return -1;
	snprintf(vm->machine.type, sizeof(vm->machine.type), "%s",
	    qemu_facts_machine(facts, QEMU_ARCH.machine));
	snprintf(vm->machine.cpu_model, sizeof(vm->machine.cpu_model), "%s",
	    vm->accel == VM_ACCEL_KVM ? QEMU_ARCH.cpu_kvm : QEMU_ARCH.cpu_tcg);
	return 0;
}

static int
open_taps(struct spawn_fds *h, const struct vm *vm, struct error *err)
{
	const struct nic *nic;
	size_t i;
	int fd;

	for (i = 0; i < vm->machine.nics.n; i++) {
		nic = &vm->machine.nics.v[i];
		if (nic->kind == NIC_USER)
			continue;
		if ((nic->kind == NIC_TAP
			    ? tap_open(&fd, nic->ifname, err)
			    : tap_open_on_bridge(&fd, nic->ifname, err)) == -1)
			return -1;
		spawn_hand(h, fd, QEMU_FD_TAP + (int)i);
	}
	return 0;
}

/*
 * QEMU serves console.sock and keeps the log itself, but no bound of it: where
 * there is one it gets a connection to a process of ours that does.
 */
static int
open_console(struct console_parts *console, struct spawn_fds *h, struct vm *vm,
    int dirfd, struct error *err)
{
	int rc;

	if (vm->machine.console_max_bytes == 0) {
		rc = console_log_open(&console->log, vm, dirfd, err);
		console_log_drop(&console->log);
		return rc == -1 ? -1
				: spawn_listen(h, dirfd, VM_CONSOLE_SOCKET,
				      QEMU_FD_CONSOLE, err);
	}
	if (console_open(console, CONSOLE_SOCKET, vm, dirfd, err) == -1)
		return -1;
	spawn_hand(h, console->tty, QEMU_FD_CONSOLE);
	console->tty = -1;
	return 0;
}

int
qemu_spawn(struct vmm *vmm, const struct timespec *now, struct error *err)
{
	struct spawn_fds h = { .n = 0 };
	struct vm *vm = vmm->vm;
	struct qemu *q;
	struct strv argv = { 0 };
	struct console_parts console = CONSOLE_NONE;
	int log_fd = -1, rc = -1;

	q = vmm->own = calloc(1, sizeof(struct qemu));
	if (q == NULL)
		return error_nomem(err, NULL);
	qemu_facts_get(&q->facts);
	qemu_hold_ports(q, vm);
	if (choose_machine(vm, &q->facts, err) == -1 ||
	    make_memory(&h, vm, vmm->dirfd, err) == -1 ||
	    open_taps(&h, vm, err) == -1 ||
	    spawn_open_log(&log_fd, &q->log_from, vmm->dirfd, VM_VMM_LOG,
		err) == -1)
		goto out;
	/* It removes the first at a proper end: QEMU util/qemu-sockets.c. */
	vm->tidies = true;
	if (spawn_listen(&h, vmm->dirfd, VM_API_SOCKET, QEMU_FD_CONTROL, err) ==
		-1 ||
	    spawn_listen(&h, vmm->dirfd, VM_WATCH_SOCKET, QEMU_FD_QUESTIONS,
		err) == -1 ||
	    (vm->machine.agent &&
		spawn_listen(&h, vmm->dirfd, VM_AGENT_SOCKET, QEMU_FD_AGENT,
		    err) == -1) ||
	    open_console(&console, &h, vm, vmm->dirfd, err) == -1 ||
	    qemu_argv(&argv, vm, &q->facts, err) == -1)
		goto out;
	h.needs.writes_template = !qemu_facts_since(&q->facts, QEMU_ROM_MAJOR,
	    QEMU_ROM_MINOR);
	h.needs.beside = data;
	h.needs.built = built;
	h.needs.writes_console = vm->machine.console_max_bytes == 0;
	rc = spawn_process(vmm, argv.v, &h, log_fd,
	    console.master == -1 ? NULL : &console, now, err);
out:
	strv_fini(&argv);
	console_drop(&console);
	fd_drop(&log_fd);
	spawn_drop(&h);
	return rc;
}
