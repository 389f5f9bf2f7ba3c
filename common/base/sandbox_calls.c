/* SPDX-License-Identifier: ISC */
/*
 * What the sandbox's filter refuses: a short list, for a list of what is needed
 * would have to know every C library and kernel.
 */
#include <sys/syscall.h>

#include <string.h>

#include "base/callfilter.h"
#include "base/sandbox_impl.h"

static const uint32_t refused[] = {
	/* sockets for others; io_uring makes and connects them, too */
	SYS_listen,
	SYS_accept,
	SYS_accept4,
	SYS_io_uring_setup,
	/* other processes */
	SYS_execve,
	SYS_execveat,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_pidfd_getfd,
	SYS_process_madvise,
	/* files by name, where Landlock does not ask, or a kernel has none */
	SYS_truncate,
	SYS_fchmodat,
	SYS_fchownat,
	SYS_setxattr,
	SYS_lsetxattr,
	SYS_removexattr,
	SYS_lremovexattr,
	CALL_FCHMODAT2,
	CALL_SETXATTRAT,
	CALL_REMOVEXATTRAT,
	SYS_open_by_handle_at,
#ifdef SYS_chmod
	SYS_chmod,
	SYS_chown,
	SYS_lchown,
#endif
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
	/* the kernel: doors that parsers never need, and root's own */
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
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
	SYS_clock_adjtime,
	SYS_adjtimex,
	SYS_sethostname,
	SYS_setdomainname,
#ifdef SYS_iopl
	SYS_iopl,
	SYS_ioperm,
#endif
};

static const struct call_rule always[] = {
	{ SYS_clone, CALL_NO_NAMESPACE },
	{ SYS_clone3, CALL_PRETEND }, /* no filter sees what it is told */
};

/* To be bound to an address is part of asking which the host has. */
static const struct call_rule sockets[] = {
	{ SYS_socket, CALL_REFUSE },
	{ SYS_socketpair, CALL_REFUSE },
	{ SYS_bind, CALL_REFUSE },
	{ SYS_connect, CALL_REFUSE },
};

static const struct call_rule networks[] = {
	{ SYS_socket, CALL_NO_NETWORK },
};

static const struct call_rule signals[] = {
	{ SYS_kill, CALL_OWN_PROCESS },
	{ SYS_tgkill, CALL_OWN_PROCESS },
	{ SYS_tkill, CALL_REFUSE },
	{ SYS_rt_sigqueueinfo, CALL_REFUSE },
	{ SYS_rt_tgsigqueueinfo, CALL_REFUSE },
	{ SYS_pidfd_send_signal, CALL_REFUSE },
};

/* Who writes nowhere: a Landlock before 6.2 lets who reads truncate. */
static const struct call_rule opens[] = {
	{ SYS_openat, CALL_READ_AT_2 },
	{ SYS_openat2, CALL_PRETEND },
#ifdef SYS_open
	{ SYS_open, CALL_READ_AT_1 },
	{ SYS_creat, CALL_REFUSE },
#endif
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RULES_MAX                                                              \
	(COUNT(refused) + COUNT(always) + COUNT(sockets) + COUNT(signals) +    \
	    COUNT(opens))

static size_t
add_rules(struct call_rule *all, size_t n, const struct call_rule *v,
    size_t count)
{
	memcpy(all + n, v, count * sizeof(*v));
	return n + count;
}

int
sandbox_filter(const struct sandbox *s, struct error *err)
{
	struct call_rule all[RULES_MAX];
	size_t n;

	for (n = 0; n < COUNT(refused); n++)
		all[n] = (struct call_rule){ refused[n], CALL_REFUSE };
	n = add_rules(all, n, always, COUNT(always));
	if (s->may_connect)
		n = add_rules(all, n, networks, COUNT(networks));
	else
		n = add_rules(all, n, sockets, COUNT(sockets));
	if (!s->may_signal)
		n = add_rules(all, n, signals, COUNT(signals));
	if (s->n == 0)
		n = add_rules(all, n, opens, COUNT(opens));
	return callfilter_install(all, n, err);
}
