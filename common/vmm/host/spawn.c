/* SPDX-License-Identifier: ISC */
#include "vmm/host/spawn.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/callfilter.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/lock.h"
#include "base/proc.h"
#include "base/program.h"
#include "base/sig.h"
#include "disk/copy.h"
#include "state/inplace.h"
#include "vmm/cgroup.h"
#include "vmm/host/advice.h"
#include "vmm/host/console.h"
#include "vmm/vmm.h"

#define LAST_WORDS_MAX 16384 /* bytes of vmm.log that are looked at */
#define TRY_MS 100 /* of connecting, before it is asked whether it lives */

int
spawn_memory_file(const struct vm *vm, int dirfd, struct error *err)
{
	int fd, sys;

	if (unlinkat(dirfd, VM_MEMORY, 0) == -1 && errno != ENOENT)
		return error_sys(err, error_code_of(errno), VM_MEMORY);
	fd = openat(dirfd, VM_MEMORY, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), VM_MEMORY);
	do
		sys = posix_fallocate(fd, 0, (off_t)vm->machine.memory_bytes);
	while (sys == EINTR);
	fd_drop(&fd);
	if (sys != 0) {
		unlinkat(dirfd, VM_MEMORY, 0);
		errno = sys;
		return error_sys(err, EX_IOERR, VM_MEMORY);
	}
	return 0;
}

static int
make_memfd(int *fd, struct error *err)
{
	*fd = memfd_create("instar-memory", MFD_CLOEXEC);
	return *fd == -1 ? error_sys(err, EX_OSERR, "memfd") : 0;
}

int
spawn_fill_memfd(int fd, const struct vm *vm, int dirfd, struct error *err)
{
	uint64_t size;
	int from, rc;

	if (ftruncate(fd, (off_t)vm->machine.memory_bytes) == -1)
		return error_sys(err, EX_OSERR, "memfd");
	if (!vm->to_load)
		return 0;
	if (inplace_open(&from, &size, vm->depends_on, dirfd, VM_TEMPLATE,
		err) == -1)
		return -1;
	rc = copy_extents(fd, from, size, NULL, NULL, VM_TEMPLATE, err);
	fd_drop(&from);
	return rc;
}

int
spawn_memfd(struct spawn_fds *h, const struct vm *vm, int dirfd, int number,
    struct error *err)
{
	int fd;

	if (make_memfd(&fd, err) == -1)
		return -1;
	if (spawn_fill_memfd(fd, vm, dirfd, err) == -1) {
		fd_drop(&fd);
		return -1;
	}
	spawn_hand(h, fd, number);
	return 0;
}

int
spawn_empty_memfd(struct spawn_fds *h, int *own, int number, struct error *err)
{
	int fd;

	if (make_memfd(&fd, err) == -1)
		return -1;
	*own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (*own == -1) {
		error_sys(err, EX_OSERR, "memfd");
		fd_drop(&fd);
		return -1;
	}
	spawn_hand(h, fd, number);
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

/* What is done in the process before it is the VMM. */
struct entry {
	const struct spawn_fds *fds;
	struct cage *cage;
	int cgroup; /* cgroup_join(), or -1 */
};

static int
enter(void *arg)
{
	const struct entry *entry = arg;

	if (cgroup_join(entry->cgroup) == -1)
		return -1;
	if (entry->fds->enter != NULL &&
	    entry->fds->enter(entry->fds->arg) == -1)
		return -1;
	/* Else the cage's own filter does it. */
	if (entry->cage->refuses_huge &&
	    (entry->cage->is_open || !callfilter_is_there()))
		advice_refuse_huge();
	return cage_enter(entry->cage);
}

static int
spawn_in(struct vmm *vmm, struct entry *entry, struct proc_spawn *how,
    const struct console_parts *console, const struct timespec *now,
    struct error *err)
{
	struct note note = { vmm, now };
	pid_t pid, console_pid;
	int pidfd;

	how->enter = enter;
	how->enter_arg = entry;
	how->note = note_process;
	how->arg = &note;
	if (proc_spawn(&pid, &pidfd, how, err) == -1) {
		vmm->vm->proc.pid = 0;
		return -1;
	}
	fd_drop(&pidfd);
	/* While the program starts, which takes longer. */
	if (console != NULL && console_run(console, &console_pid, err) == -1) {
		vmm_kill(vmm->vm, 0, NULL);
		return -1;
	}
	return 0;
}

int
spawn_process(struct vmm *vmm, char *const *argv, const struct spawn_fds *fds,
    int log_fd, const struct console_parts *console, const struct timespec *now,
    struct error *err)
{
	struct cage cage;
	struct entry entry = { fds, &cage, -1 };
	struct proc_spawn how = {
		.argv = argv,
		.dirfd = vmm->dirfd,
		.log_fd = log_fd,
		.tty_fd = console == NULL || console->tty == -1 ? 0
								: console->tty,
		.keep = fds->pairs,
		.keep_n = fds->n,
	};
	int rc;

	if (cage_prepare(&cage, vmm->vm, vmm->dirfd, &fds->needs, argv[0],
		err) == -1)
		return -1;
	/* By the VMM as long as it lives, for who is not to see its pid. */
	lock_mark(log_fd);
	rc = cgroup_make(&entry.cgroup, vmm->vm, err);
	if (rc == 0)
		rc = spawn_in(vmm, &entry, &how, console, now, err);
	if (rc == -1)
		cgroup_remove(vmm->vm);
	fd_drop(&entry.cgroup);
	cage_fini(&cage);
	return rc;
}

/* What a program says of a fault: its name, and no word of a warning. */
static bool
is_fault(const char *line, const char *program)
{
	size_t len = program == NULL ? 0 : strlen(program);

	return len > 0 && strncmp(line, program, len) == 0 &&
	    strncmp(line + len, ": ", 2) == 0 &&
	    strncmp(line + len, ": warning: ", 11) != 0 &&
	    strncmp(line + len, ": info: ", 8) != 0;
}

void
spawn_last_words(int dirfd, uint64_t log_from, const char *program, char *text,
    size_t cap)
{
	char buf[LAST_WORDS_MAX + 1], *line, *rest = buf;
	uint64_t size;
	ssize_t n;
	int fd;

	text[0] = '\0';
	if (fd_open_file(&fd, &size, dirfd, VM_VMM_LOG, O_RDONLY, NULL) == -1)
		return;
	/* The first fault stands at the beginning, last words at the end. */
	if (program == NULL && size > log_from + LAST_WORDS_MAX)
		log_from = size - LAST_WORDS_MAX;
	n = pread(fd, buf, LAST_WORDS_MAX, (off_t)log_from);
	fd_drop(&fd);
	if (n <= 0)
		return;
	buf[n] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL) {
		/* A hint for people is not what was wrong. */
		if (line[0] == '\0' || strncmp(line, "Use -", 5) == 0)
			continue;
		snprintf(text, cap, "%.*s", (int)cap - 1, line);
		if (is_fault(line, program))
			return;
	}
}

int
spawn_connect(struct rest **out, const struct vmm *vmm, const char *name,
    int64_t deadline_ms, struct error *err)
{
	int64_t try_ms;

	for (;;) {
		try_ms = clock_ms() + TRY_MS;
		if (rest_open(out, vmm->dirfd, name, true,
			try_ms < deadline_ms ? try_ms : deadline_ms, err) == 0)
			return 0;
		if (sig_check(err) == -1 || !vm_is_alive(vmm->vm) ||
		    clock_left(deadline_ms) == 0)
			return -1;
	}
}

const char *
spawn_program(const char *variable, const char *name)
{
	const char *program = getenv(variable);

	return program != NULL && program[0] != '\0' ? program : name;
}

int
spawn_check_program(const char *variable, const char *name, const char *hint,
    struct error *err)
{
	const char *program = spawn_program(variable, name);
	char *path = program_find(program);

	if (path != NULL) {
		free(path);
		return 0;
	}
	if (strchr(program, '/') != NULL)
		return error_sys(err, EX_UNAVAILABLE, "%s: %s", variable,
		    program);
	return error_set(err, EX_UNAVAILABLE, "%s: not in PATH; %s or set %s",
	    program, hint, variable);
}
