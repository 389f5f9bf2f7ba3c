/* SPDX-License-Identifier: ISC */
/*
 * The calls that no VMM of ours makes, and that Landlock does not ask about.
 * Each has a filter of its own besides, which knows it better.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <string.h>

#include "base/callfilter.h"
#include "vmm/host/cage.h"

static const uint32_t refused[] = {
	/* io_uring makes sockets and connects them in no filter's sight */
	SYS_io_uring_setup,
	/* other processes */
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_pidfd_getfd,
	SYS_process_madvise,
	/* what files are, by name or by a descriptor that only reads them */
	SYS_truncate,
	SYS_fchmod,
	SYS_fchmodat,
	SYS_fchown,
	SYS_fchownat,
	SYS_setxattr,
	SYS_lsetxattr,
	SYS_fsetxattr,
	SYS_removexattr,
	SYS_lremovexattr,
	SYS_fremovexattr,
	CALL_FCHMODAT2,
	CALL_SETXATTRAT,
	CALL_REMOVEXATTRAT,
	CALL_FILE_SETATTR,
	SYS_utimensat,
	SYS_open_by_handle_at,
#ifdef SYS_chmod
	SYS_chmod,
	SYS_chown,
	SYS_lchown,
	SYS_utime,
	SYS_utimes,
	SYS_futimesat,
#endif
	/* memory, queues and semaphores that others have, which are no files */
	SYS_shmget,
	SYS_shmat,
	SYS_shmctl,
	SYS_msgget,
	SYS_msgrcv,
	SYS_semget,
	SYS_semctl,
	SYS_mq_open,
	SYS_mq_unlink,
	/* another view of the host */
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_unshare,
	SYS_setns,
	SYS_open_tree,
	SYS_move_mount,
	SYS_fsopen,
	SYS_fsmount,
	SYS_mount_setattr,
	/* the kernel: doors that VMMs never need, and root's own */
	SYS_bpf,
	SYS_perf_event_open,
	SYS_add_key,
	SYS_request_key,
	SYS_keyctl,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_reboot,
	SYS_swapon,
	SYS_swapoff,
	SYS_acct,
	SYS_quotactl,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_sethostname,
	SYS_setdomainname,
#ifdef SYS_iopl
	SYS_iopl,
	SYS_ioperm,
#endif
};

static const struct call_rule always[] = {
	{ SYS_clone, CALL_NO_NAMESPACE },
	{ SYS_ioctl, CALL_NO_CHANGE }, /* by a descriptor that only reads */
	{ SYS_clone3, CALL_PRETEND }, /* no filter sees what it is told */
	{ SYS_socketpair, CALL_NO_DATAGRAMS },
	{ SYS_prlimit64, CALL_ITSELF }, /* a limit of time ends a process */
};

/*
 * For guests' traffic alone; to be connected to a local service is not.  Who
 * sends with TCP Fast Open connects, and Landlock does not see it.
 */
static const struct call_rule user_nets[] = {
	{ SYS_socket, CALL_INTERNET },
	{ SYS_sendto, CALL_CONNECTED_3 },
	{ SYS_sendmsg, CALL_CONNECTED_2 },
	{ SYS_sendmmsg, CALL_CONNECTED_3 },
};

/* For names in the VM's directory, and to ask about taps; nothing is sent away. */
static const struct call_rule local_sockets[] = {
	{ SYS_socket, CALL_LOCAL },
	{ SYS_connect, CALL_REFUSE },
	{ SYS_sendto, CALL_NO_ADDRESS },
	{ SYS_sendmsg, CALL_REFUSE },
	{ SYS_sendmmsg, CALL_REFUSE },
};

/* It has all that it serves. */
static const struct call_rule no_sockets[] = {
	{ SYS_socket, CALL_REFUSE },
	{ SYS_connect, CALL_REFUSE },
};

static const struct call_rule no_huge[] = {
	{ SYS_madvise, CALL_NO_HUGE },
};

/* A Landlock before 6.2 lets who reads truncate. */
static const struct call_rule no_cuts[] = {
	{ SYS_openat, CALL_WHOLE_AT_2 },
	{ SYS_openat2, CALL_PRETEND },
#ifdef SYS_open
	{ SYS_open, CALL_WHOLE_AT_1 },
#endif
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RULES_MAX                                                              \
	(COUNT(refused) + COUNT(always) + COUNT(local_sockets) +               \
	    COUNT(no_huge) + COUNT(no_cuts))

static size_t
add_rules(struct call_rule *all, size_t n, const struct call_rule *v,
    size_t count)
{
	memcpy(all + n, v, count * sizeof(*v));
	return n + count;
}

int
cage_filter_calls(const struct cage *cage)
{
	struct call_rule all[RULES_MAX];
	struct error err = { 0 };
	size_t n;

	for (n = 0; n < COUNT(refused); n++)
		all[n] = (struct call_rule){ refused[n], CALL_REFUSE };
	n = add_rules(all, n, always, COUNT(always));
	if (cage->has_user_nets)
		n = add_rules(all, n, user_nets, COUNT(user_nets));
	else if (cage->makes_sockets)
		n = add_rules(all, n, local_sockets, COUNT(local_sockets));
	else
		n = add_rules(all, n, no_sockets, COUNT(no_sockets));
	if (cage->refuses_huge)
		n = add_rules(all, n, no_huge, COUNT(no_huge));
	if (cage->rules.abi > 0 && cage->rules.abi < 3)
		n = add_rules(all, n, no_cuts, COUNT(no_cuts));
	if (callfilter_install(all, n, &err) == 0)
		return 0;
	errno = err.sys;
	return -1;
}
