/* SPDX-License-Identifier: ISC */
/*
 * What is refused, not what is needed: that would have to know every C library,
 * kernel and VMM.  A VMM has a filter of its own besides, which knows it better.
 */
#include "base/calllist.h"

#include <sys/syscall.h>

#include <assert.h>
#include <string.h>

#define READER CALLLIST_READER
#define VMM CALLLIST_VMM
#define BOTH (READER | VMM)

static const struct {
	uint32_t number;
	unsigned char who;
} refused[] = {
	/* io_uring makes sockets and connects them in no filter's sight */
	{ SYS_io_uring_setup, BOTH },
	{ SYS_listen, READER },
	{ SYS_accept, READER },
	{ SYS_accept4, READER },
	/* other processes; a VMM is run when this is in force */
	{ SYS_execve, READER },
	{ SYS_execveat, READER },
	{ SYS_ptrace, BOTH },
	{ SYS_process_vm_readv, BOTH },
	{ SYS_process_vm_writev, BOTH },
	{ SYS_pidfd_getfd, BOTH },
	{ SYS_process_madvise, BOTH },
	/* files by name, where Landlock does not ask, or a kernel has none */
	{ SYS_truncate, BOTH },
	{ SYS_fchmodat, BOTH },
	{ SYS_fchownat, BOTH },
	{ SYS_setxattr, BOTH },
	{ SYS_lsetxattr, BOTH },
	{ SYS_removexattr, BOTH },
	{ SYS_lremovexattr, BOTH },
	{ CALL_FCHMODAT2, BOTH },
	{ CALL_SETXATTRAT, BOTH },
	{ CALL_REMOVEXATTRAT, BOTH },
	{ CALL_FILE_SETATTR, BOTH },
	{ SYS_open_by_handle_at, BOTH },
#ifdef SYS_chmod
	{ SYS_chmod, BOTH },
	{ SYS_chown, BOTH },
	{ SYS_lchown, BOTH },
#endif
	/* what files are, by a descriptor that only reads them, and when */
	{ SYS_fchmod, VMM },
	{ SYS_fchown, VMM },
	{ SYS_fsetxattr, VMM },
	{ SYS_fremovexattr, VMM },
	{ SYS_utimensat, VMM },
#ifdef SYS_utime
	{ SYS_utime, VMM },
	{ SYS_utimes, VMM },
	{ SYS_futimesat, VMM },
#endif
	/* memory, queues and semaphores that others have, which are no files */
	{ SYS_shmget, VMM },
	{ SYS_shmat, VMM },
	{ SYS_shmctl, VMM },
	{ SYS_msgget, VMM },
	{ SYS_msgrcv, VMM },
	{ SYS_semget, VMM },
	{ SYS_semctl, VMM },
	{ SYS_mq_open, VMM },
	{ SYS_mq_unlink, VMM },
	/* another view of the host */
	{ SYS_mount, BOTH },
	{ SYS_umount2, BOTH },
	{ SYS_pivot_root, BOTH },
	{ SYS_chroot, BOTH },
	{ SYS_unshare, BOTH },
	{ SYS_setns, BOTH },
	{ SYS_open_tree, BOTH },
	{ SYS_move_mount, BOTH },
	{ SYS_fsopen, BOTH },
	{ SYS_fsmount, BOTH },
	{ SYS_mount_setattr, BOTH },
	/* the kernel: doors that neither needs, and root's own */
	{ SYS_bpf, BOTH },
	{ SYS_perf_event_open, BOTH },
	{ SYS_userfaultfd, READER }, /* a VMM may load memory by it */
	{ SYS_add_key, BOTH },
	{ SYS_request_key, BOTH },
	{ SYS_keyctl, BOTH },
	{ SYS_init_module, BOTH },
	{ SYS_finit_module, BOTH },
	{ SYS_delete_module, BOTH },
	{ SYS_kexec_load, BOTH },
	{ SYS_reboot, BOTH },
	{ SYS_swapon, BOTH },
	{ SYS_swapoff, BOTH },
	{ SYS_acct, BOTH },
	{ SYS_quotactl, BOTH },
	{ SYS_settimeofday, BOTH },
	{ SYS_clock_settime, BOTH },
	{ SYS_clock_adjtime, BOTH },
	{ SYS_adjtimex, BOTH },
	{ SYS_sethostname, BOTH },
	{ SYS_setdomainname, BOTH },
#ifdef SYS_iopl
	{ SYS_iopl, BOTH },
	{ SYS_ioperm, BOTH },
#endif
};

static const struct call_rule always[] = {
	{ SYS_clone, CALL_NO_NAMESPACE },
	{ SYS_clone3, CALL_PRETEND }, /* no filter sees what it is told */
};

void
calllist_begin(struct calllist *out, enum calllist_of who)
{
	size_t i;

	out->n = 0;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if ((refused[i].who & who) != 0)
			calllist_add(out,
			    &(struct call_rule){ refused[i].number,
				CALL_REFUSE },
			    1);
	calllist_add(out, always, sizeof(always) / sizeof(always[0]));
}

void
calllist_add(struct calllist *list, const struct call_rule *v, size_t n)
{
	assert(n <= CALLFILTER_RULES_MAX - list->n);
	memcpy(list->v + list->n, v, n * sizeof(*v));
	list->n += n;
}

int
calllist_install(struct calllist *list, struct error *err)
{
	return callfilter_install(list->v, list->n, err);
}
