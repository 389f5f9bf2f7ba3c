/* SPDX-License-Identifier: ISC */
/*
 * The filter: a short list of what is refused, for a list of what is needed
 * would have to know every C library and kernel.  It is searched by halves: the
 * kernel tries it on each of its calls when it takes it.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sandbox_impl.h"

/* The one architecture whose numbers these are; another's calls are refused. */
#if defined(__x86_64__) && !defined(__ILP32__)
#define ARCH AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u /* the third interface of the same */
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

#ifdef ARCH

/* Newer than some headers; from 424 on numbers are the same everywhere. */
#define CALL_FCHMODAT2 452
#define CALL_SETXATTRAT 463
#define CALL_REMOVEXATTRAT 466

#define NEW_NAMESPACES                                                         \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

#define FILTER_MAX 250 /* instructions: a jump goes no further */
#define TO_REFUSE 255 /* where a jump is to go, before it is known */
#define TO_ALLOW 255

/* The lower half of an argument: all three have it first. */
#define ARG(i) offsetof(struct seccomp_data, args[i])

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

/* What becomes of a call: refused in one way, or by one of its arguments. */
enum verdict {
	REFUSE, /* EPERM */
	PRETEND, /* ENOSYS: the caller then asks as its C library did before */
	OWN_PROCESS, /* where argument 0 is another process */
	NO_NAMESPACE, /* where argument 0 asks for one */
	NO_NETWORK, /* where argument 0 is a family that is not spoken */
	READ_AT_1, /* where flags, which are argument 1, are not to read */
	READ_AT_2 /* or argument 2 */
};

struct rule {
	uint32_t number;
	enum verdict verdict;
};

static const struct rule always[] = {
	{ SYS_clone, NO_NAMESPACE },
	{ SYS_clone3, PRETEND }, /* no filter sees what it is told */
};

/* To be bound to an address is part of asking which the host has. */
static const struct rule sockets[] = {
	{ SYS_socket, REFUSE },
	{ SYS_socketpair, REFUSE },
	{ SYS_bind, REFUSE },
	{ SYS_connect, REFUSE },
};

static const struct rule networks[] = {
	{ SYS_socket, NO_NETWORK },
};

static const struct rule signals[] = {
	{ SYS_kill, OWN_PROCESS },
	{ SYS_tgkill, OWN_PROCESS },
	{ SYS_tkill, REFUSE },
	{ SYS_rt_sigqueueinfo, REFUSE },
	{ SYS_rt_tgsigqueueinfo, REFUSE },
	{ SYS_pidfd_send_signal, REFUSE },
};

/* Who writes nowhere: a Landlock before 6.2 lets who reads truncate. */
static const struct rule opens[] = {
	{ SYS_openat, READ_AT_2 },
	{ SYS_openat2, PRETEND },
#ifdef SYS_open
	{ SYS_open, READ_AT_1 },
	{ SYS_creat, REFUSE },
#endif
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RULES_MAX                                                              \
	(COUNT(refused) + COUNT(always) + COUNT(sockets) + COUNT(signals) +    \
	    COUNT(opens))

struct filter {
	struct sock_filter v[FILTER_MAX];
	unsigned short n;
};

static void
emit(struct filter *f, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	assert(f->n < FILTER_MAX);
	f->v[f->n++] = (struct sock_filter){ code, yes, no, k };
}

static void
load(struct filter *f, size_t off)
{
	emit(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)off, 0, 0);
}

static void
answer(struct filter *f, uint32_t how)
{
	emit(f, BPF_RET | BPF_K, how, 0, 0);
}

static void
refuse(struct filter *f, uint32_t sys)
{
	answer(f, SECCOMP_RET_ERRNO | sys);
}

/* Refused where a bit of `bits` is set in the argument `i`. */
static void
put_bits(struct filter *f, int i, uint32_t bits, uint32_t sys)
{
	load(f, ARG(i));
	emit(f, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
	refuse(f, sys);
	answer(f, SECCOMP_RET_ALLOW);
}

/* Names are resolved by the others: nscd's socket, and the host's addresses. */
static void
put_families(struct filter *f)
{
	load(f, ARG(0));
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 3, 0);
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0);
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0);
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1);
	answer(f, SECCOMP_RET_ALLOW);
	refuse(f, EPERM);
}

static void
put_verdict(struct filter *f, enum verdict verdict)
{
	const uint32_t more = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;

	switch (verdict) {
	case REFUSE:
		refuse(f, EPERM);
		break;
	case PRETEND:
		refuse(f, ENOSYS);
		break;
	case OWN_PROCESS:
		load(f, ARG(0));
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 0, 1);
		answer(f, SECCOMP_RET_ALLOW);
		refuse(f, EPERM);
		break;
	case NO_NAMESPACE:
		put_bits(f, 0, NEW_NAMESPACES, EPERM);
		break;
	case NO_NETWORK:
		put_families(f);
		break;
	case READ_AT_1:
		put_bits(f, 1, more, EACCES);
		break;
	case READ_AT_2:
		put_bits(f, 2, more, EACCES);
		break;
	}
}

/*
 * The rule of v[n], sorted, that the number has; else it is allowed.  Both ends
 * are shared, and put behind: the shorter a filter, the sooner it is taken.
 */
static void
search(struct filter *f, const struct rule *v, size_t n)
{
	unsigned short at = f->n;

	if (n == 1) {
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, v->number, TO_REFUSE,
		    TO_ALLOW);
		if (v->verdict == REFUSE)
			return;
		f->v[at].jt = 0;
		put_verdict(f, v->verdict);
		return;
	}
	emit(f, BPF_JMP | BPF_JGE | BPF_K, v[n / 2].number, 0, 0);
	search(f, v, n / 2);
	/* Half of all rules, at two instructions each. */
	f->v[at].jt = (uint8_t)(f->n - at - 1);
	search(f, v + n / 2, n - n / 2);
}

/* The two ends, and where they are. */
static void
finish(struct filter *f, unsigned short from)
{
	unsigned short at;

	for (at = from; at < f->n; at++) {
		if (f->v[at].code != (BPF_JMP | BPF_JEQ | BPF_K))
			continue;
		if (f->v[at].jt == TO_REFUSE)
			f->v[at].jt = (uint8_t)(f->n - at);
		if (f->v[at].jf == TO_ALLOW)
			f->v[at].jf = (uint8_t)(f->n - at - 1);
	}
	answer(f, SECCOMP_RET_ALLOW);
	refuse(f, EPERM);
}

static int
compare(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static size_t
add_rules(struct rule *all, size_t n, const struct rule *v, size_t count)
{
	memcpy(all + n, v, count * sizeof(*v));
	return n + count;
}

static void
build(struct filter *f, const struct sandbox *s)
{
	struct rule all[RULES_MAX];
	unsigned short from;
	size_t n;

	for (n = 0; n < COUNT(refused); n++)
		all[n] = (struct rule){ refused[n], REFUSE };
	n = add_rules(all, n, always, COUNT(always));
	if (s->may_connect)
		n = add_rules(all, n, networks, COUNT(networks));
	else
		n = add_rules(all, n, sockets, COUNT(sockets));
	if (!s->may_signal)
		n = add_rules(all, n, signals, COUNT(signals));
	if (s->n == 0)
		n = add_rules(all, n, opens, COUNT(opens));
	qsort(all, n, sizeof(all[0]), compare);
	f->n = 0;
	load(f, offsetof(struct seccomp_data, arch));
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	refuse(f, EPERM);
	load(f, offsetof(struct seccomp_data, nr));
#ifdef X32_BIT
	emit(f, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	refuse(f, EPERM);
#endif
	from = f->n;
	search(f, all, n);
	finish(f, from);
}

int
sandbox_filter(const struct sandbox *s, struct error *err)
{
	struct filter f;
	struct sock_fprog program = { .filter = f.v };

	build(&f, s);
	program.len = f.n;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0 ||
	    errno == EINVAL || errno == ENOSYS) /* a kernel without */
		return 0;
	return error_sys(err, EX_OSERR, "seccomp");
}

#else /* an architecture that is not known here: Landlock alone */

int
sandbox_filter(const struct sandbox *s, struct error *err)
{
	(void)s;
	(void)err;
	return 0;
}

#endif
