/* SPDX-License-Identifier: ISC */
/* QEMU started: its memory, its sockets, its process. */
#include "vmm/qemu.h"

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
#include "vmm/tap.h"

/* What is handed down to QEMU: our descriptor, its number there. */
struct handed {
	int pairs[2 * (QEMU_FD_TAP + NIC_MAX)];
	size_t n;
};

static void
hand(struct handed *h, int fd, int number)
{
	h->pairs[2 * h->n] = fd;
	h->pairs[2 * h->n + 1] = number;
	h->n++;
}

static void
drop_handed(struct handed *h)
{
	while (h->n > 0)
		fd_drop(&h->pairs[2 * --h->n]);
}

/* A listening socket `name` in the VM's directory. */
static int
listen_at(struct handed *h, int dirfd, const char *name, int number,
    struct error *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (unlinkat(dirfd, name, 0) == -1 && errno != ENOENT)
		return error_sys(err, error_code_of(errno), "%s", name);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/%s",
	    dirfd, name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return error_sys(err, EX_OSERR, "socket");
	/* The name gets the mode of the socket: Linux net/unix/af_unix.c. */
	if (fchmod(fd, 0600) == -1 ||
	    bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 16) == -1) {
		error_sys(err, error_code_of(errno), "%s", name);
		fd_drop(&fd);
		return -1;
	}
	hand(h, fd, number);
	return 0;
}

/* memory.raw anew, wholly allocated: a guest must not meet a full disk. */
static int
make_memory_file(const struct vm *vm, int dirfd, struct error *err)
{
	int fd, sys;

	if (unlinkat(dirfd, VM_MEMORY, 0) == -1 && errno != ENOENT)
		return error_sys(err, error_code_of(errno), VM_MEMORY);
	fd = openat(dirfd, VM_MEMORY, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), VM_MEMORY);
	do
		sys = posix_fallocate(fd, 0, (off_t)vm->memory_bytes);
	while (sys == EINTR);
	fd_drop(&fd);
	if (sys != 0) {
		unlinkat(dirfd, VM_MEMORY, 0);
		errno = sys;
		return error_sys(err, EX_IOERR, VM_MEMORY);
	}
	return 0;
}

/* A memfd of the VM's size; with a template its data is copied into it. */
static int
make_memfd(struct handed *h, const struct vm *vm, int dirfd, struct error *err)
{
	int fd = -1, from = -1, rc = -1;
	uint64_t size;

	fd = memfd_create("instar-memory", MFD_CLOEXEC);
	if (fd == -1 || ftruncate(fd, (off_t)vm->memory_bytes) == -1) {
		error_sys(err, EX_OSERR, "memfd");
		goto out;
	}
	if (vm->to_load) {
		if (fd_open_file(&from, &size, dirfd, VM_TEMPLATE, O_RDONLY,
			err) == -1 ||
		    copy_extents(fd, from, size, NULL, NULL, VM_TEMPLATE,
			err) == -1)
			goto out;
	}
	hand(h, fd, QEMU_FD_MEMORY);
	fd = -1;
	rc = 0;
out:
	fd_drop(&fd);
	fd_drop(&from);
	return rc;
}

static int
make_memory(struct handed *h, struct vm *vm, int dirfd, struct error *err)
{
	if (!vm->to_load) {
		unlinkat(dirfd, VM_TEMPLATE, 0);
		vm->memory = vm->memory_choice;
		if (vm->memory == VM_MEMORY_AUTO)
			vm->memory = copy_can_reflink(dirfd) ? VM_MEMORY_FILE
							     : VM_MEMORY_MEMFD;
		if (vm->memory == VM_MEMORY_FILE)
			return make_memory_file(vm, dirfd, err);
	}
	if (vm->memory == VM_MEMORY_MEMFD)
		return make_memfd(h, vm, dirfd, err);
	return 0;
}

static int
choose_accel(struct vm *vm, struct error *err)
{
	const char *wish = getenv("INSTAR_ACCEL");

	vm->accel = vm->accel_choice;
	if (vm->accel == VM_ACCEL_AUTO && wish != NULL && wish[0] != '\0') {
		if (strcmp(wish, "kvm") == 0)
			vm->accel = VM_ACCEL_KVM;
		else if (strcmp(wish, "tcg") == 0)
			vm->accel = VM_ACCEL_TCG;
		else if (strcmp(wish, "auto") != 0)
			return error_set(err, EX_USAGE,
			    "INSTAR_ACCEL=%s: not auto, kvm or tcg", wish);
	}
	if (vm->accel == VM_ACCEL_AUTO)
		vm->accel = qemu_has_kvm() ? VM_ACCEL_KVM : VM_ACCEL_TCG;
	return 0;
}

/* What a start from power-on decides; a load has it from the snapshot. */
static int
choose_machine(struct vm *vm, struct error *err)
{
	if (vm->to_load)
		return 0;
	if (choose_accel(vm, err) == -1)
		return -1;
	snprintf(vm->machine, sizeof(vm->machine), "%s", QEMU_MACHINE);
	snprintf(vm->cpu_model, sizeof(vm->cpu_model), "%s",
	    vm->accel == VM_ACCEL_KVM ? QEMU_CPU_KVM : QEMU_CPU_TCG);
	return 0;
}

static int
open_taps(struct handed *h, const struct vm *vm, struct error *err)
{
	const struct nic *nic;
	size_t i;
	int fd;

	for (i = 0; i < vm->nics.n; i++) {
		nic = &vm->nics.v[i];
		if (nic->kind == NIC_USER)
			continue;
		if ((nic->kind == NIC_TAP
			    ? tap_open(&fd, nic->ifname, err)
			    : tap_open_on_bridge(&fd, nic->ifname, err)) == -1)
			return -1;
		hand(h, fd, QEMU_FD_TAP + (int)i);
	}
	return 0;
}

/* Opens `name` to append; *from is its length. */
static int
open_log(int *fd, uint64_t *from, int dirfd, const char *name,
    struct error *err)
{
	struct stat st;

	*fd = openat(dirfd, name,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	if (fstat(*fd, &st) == -1)
		return error_sys(err, EX_IOERR, "%s", name);
	*from = (uint64_t)st.st_size;
	return 0;
}

struct note {
	struct vmm *vmm;
	const struct timespec *now;
};

/* Into the record, before there is anything that could be lost sight of. */
static int
note_process(void *arg, pid_t pid, struct error *err)
{
	const struct note *note = arg;
	struct vm *vm = note->vmm->vm;

	hook_step("spawned");
	if (proc_identify(&vm->proc, pid, err) == -1 ||
	    vm_write(vm, note->vmm->dirfd, false, note->now, err) == -1)
		return -1;
	hook_step("recorded");
	return 0;
}

static int
run(struct vmm *vmm, struct handed *h, int log_fd, const struct timespec *now,
    struct error *err)
{
	struct note note = { vmm, now };
	struct proc_spawn how = {
		.dirfd = vmm->dirfd,
		.log_fd = log_fd,
		.keep = h->pairs,
		.keep_n = h->n,
		.note = note_process,
		.arg = &note,
	};
	struct strv argv = { 0 };
	int pidfd = -1, rc = -1;
	pid_t pid;

	if (qemu_argv(&argv, vmm->vm, err) == -1)
		goto out;
	how.argv = argv.v;
	if (proc_spawn(&pid, &pidfd, &how, err) == 0)
		rc = 0;
	else
		vmm->vm->proc.pid = 0;
out:
	fd_drop(&pidfd);
	strv_fini(&argv);
	return rc;
}

int
qemu_spawn(struct vmm *vmm, const struct timespec *now, struct error *err)
{
	struct handed h = { .n = 0 };
	struct vm *vm = vmm->vm;
	struct qemu *q;
	int log_fd = -1, con_fd = -1, rc = -1;
	uint64_t log_from;

	q = vmm->own = calloc(1, sizeof(struct qemu));
	if (q == NULL)
		return error_set(err, EX_OSERR, "out of memory");
	if (choose_machine(vm, err) == -1 ||
	    make_memory(&h, vm, vmm->dirfd, err) == -1 ||
	    open_taps(&h, vm, err) == -1 ||
	    open_log(&log_fd, &log_from, vmm->dirfd, VM_VMM_LOG, err) == -1 ||
	    open_log(&con_fd, &vm->console_from, vmm->dirfd, VM_CONSOLE_LOG,
		err) == -1 ||
	    listen_at(&h, vmm->dirfd, VM_API_SOCKET, QEMU_FD_CONTROL, err) ==
		-1 ||
	    listen_at(&h, vmm->dirfd, VM_WATCH_SOCKET, QEMU_FD_QUESTIONS,
		err) == -1 ||
	    listen_at(&h, vmm->dirfd, VM_CONSOLE_SOCKET, QEMU_FD_CONSOLE,
		err) == -1)
		goto out;
	q->log_from = (int64_t)log_from;
	rc = run(vmm, &h, log_fd, now, err);
out:
	fd_drop(&con_fd);
	fd_drop(&log_fd);
	drop_handed(&h);
	return rc;
}
