/* SPDX-License-Identifier: ISC */
/*
 * usage: console_vm VM PROGRAM [ARGUMENT]...
 *
 * Starts the program as the VMM of a VM that was created, on a console as
 * those VMMs get that have none but their stdin and stdout (vmm/console.h),
 * and writes it into the VM's record.  Prints the pid of the process that
 * serves the console.
 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/rfc3339.h"
#include "state/root.h"
#include "state/vm_at.h"
#include "vmm/host/console.h"

static int
start(struct vm_at *at, char *const *argv, struct error *err)
{
	struct proc_spawn how = { .argv = argv, .dirfd = at->dirfd };
	struct console_parts console = CONSOLE_NONE;
	struct timespec now;
	int pidfd = -1, rc = -1;
	pid_t pid, console_pid;

	how.log_fd = openat(at->dirfd, VM_VMM_LOG,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (how.log_fd == -1)
		return error_sys(err, EX_CANTCREAT, VM_VMM_LOG);
	clock_gettime(CLOCK_REALTIME, &now);
	if (console_open(&console, CONSOLE_TERMINAL, &at->vm, at->dirfd, err) ==
	    -1)
		goto out;
	how.tty_fd = console.tty;
	if (proc_spawn(&pid, &pidfd, &how, err) == -1 ||
	    console_run(&console, &console_pid, err) == -1 ||
	    proc_identify(&at->vm.proc, pid, err) == -1)
		goto out;
	rfc3339_us(at->vm.started_at, &now);
	printf("%ld\n", (long)console_pid);
	rc = vm_at_write(at, false, &now, err);
out:
	console_drop(&console);
	fd_drop(&pidfd);
	fd_drop(&how.log_fd);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct vm_at at = { .dirfd = -1 };
	struct error err = { 0 };
	struct root *root = NULL;
	int rc = -1;

	if (argc < 3)
		return EX_USAGE;
	if (root_open(&root, NULL, &err) == 0 &&
	    vm_at_open(&at, root, argv[1], true, 0, &err) == 0)
		rc = start(&at, argv + 2, &err);
	if (rc == -1)
		fprintf(stderr, "console_vm: %s\n", err.msg);
	vm_at_close(&at);
	root_close(root);
	return rc == -1 ? err.code : 0;
}
