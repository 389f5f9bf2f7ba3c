/* SPDX-License-Identifier: ISC */
/*
 * The filter: a short list of what is refused, for a list of what is needed
 * would have to know every C library and kernel.  It is searched by halves: the
 * kernel tries it on each of its calls when it takes it.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

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

#define FILTER_MAX 400 /* instructions */

/* The lower half of an argument: all three have it first. */
#define ARG(i) offsetof(struct seccomp_data, args[i])

static const uint32_t refused[] = {
	/* sockets, old and new; io_uring makes and connects them, too */
	SYS_socket,
	SYS_socketpair,
	SYS_bind,
	SYS_connect,
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

/* Signals whose first argument is a process: to this one they are let through. */
static const uint32_t own_signals[] = { SYS_kill, SYS_tgkill };

static const uint32_t signals[] = { SYS_tkill, SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct filter {
	struct sock_filter v[FILTER_MAX];
	unsigned short n;
};

static void
emit(struct filter *f, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
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

/* The next `skip` instructions only where what is loaded is `k`. */
static void
if_equal(struct filter *f, uint32_t k, uint8_t skip)
{
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, k, 0, skip);
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Whether the number is one of v[n], sorted: refused, else allowed. */
static void
search(struct filter *f, const uint32_t *v, size_t n)
{
	unsigned short at;
	size_t i;

	if (n <= 4) {
		for (i = 0; i < n; i++) {
			if_equal(f, v[i], 1);
			answer(f, SECCOMP_RET_ERRNO | EPERM);
		}
		answer(f, SECCOMP_RET_ALLOW);
		return;
	}
	at = f->n;
	emit(f, BPF_JMP | BPF_JGE | BPF_K, v[n / 2], 0, 0);
	search(f, v, n / 2);
	/* Less than 256: each of the halves has three instructions a number. */
	f->v[at].jt = (uint8_t)(f->n - at - 1);
	search(f, v + n / 2, n - n / 2);
}
/* The call `number`, whose flags are at `off`: only to read what is there. */
static void
only_read(struct filter *f, uint32_t number, size_t off)
{
	if_equal(f, number, 4);
	load(f, off);
	emit(f, BPF_JMP | BPF_JSET | BPF_K,
	    O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 0, 1);
	answer(f, SECCOMP_RET_ERRNO | EACCES);
	answer(f, SECCOMP_RET_ALLOW);
}

/* A Landlock before 6.2 lets who may read a file truncate it. */
static void
judge_opens(struct filter *f)
{
	if_equal(f, SYS_openat2, 1);
	answer(f, SECCOMP_RET_ERRNO | ENOSYS); /* then openat(2) is asked */
	only_read(f, SYS_openat, ARG(2));
#ifdef SYS_open
	only_read(f, SYS_open, ARG(1));
	if_equal(f, SYS_creat, 1);
	answer(f, SECCOMP_RET_ERRNO | EACCES);
#endif
}

/* Threads, yes; namespaces, no.  What clone3(2) is told no filter can see. */
static void
judge_clone(struct filter *f)
{
	if_equal(f, SYS_clone3, 1);
	answer(f, SECCOMP_RET_ERRNO | ENOSYS); /* then clone(2) is asked */
	if_equal(f, SYS_clone, 4);
	load(f, ARG(0));
	emit(f, BPF_JMP | BPF_JSET | BPF_K, NEW_NAMESPACES, 0, 1);
	answer(f, SECCOMP_RET_ERRNO | EPERM);
	answer(f, SECCOMP_RET_ALLOW);
}

static void
judge_signals(struct filter *f)
{
	size_t i;

	for (i = 0; i < COUNT(own_signals); i++) {
		if_equal(f, own_signals[i], 4);
		load(f, ARG(0));
		if_equal(f, (uint32_t)getpid(), 1);
		answer(f, SECCOMP_RET_ALLOW);
		answer(f, SECCOMP_RET_ERRNO | EPERM);
	}
	for (i = 0; i < COUNT(signals); i++) {
		if_equal(f, signals[i], 1);
		answer(f, SECCOMP_RET_ERRNO | EPERM);
	}
}

static void
build(struct filter *f, const struct sandbox *s)
{
	uint32_t sorted[COUNT(refused)];

	memcpy(sorted, refused, sizeof(sorted));
	qsort(sorted, COUNT(refused), sizeof(sorted[0]), compare);
	f->n = 0;
	load(f, offsetof(struct seccomp_data, arch));
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	answer(f, SECCOMP_RET_ERRNO | EPERM);
	load(f, offsetof(struct seccomp_data, nr));
#ifdef X32_BIT
	emit(f, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	answer(f, SECCOMP_RET_ERRNO | EPERM);
#endif
	judge_clone(f);
	if (!s->may_signal)
		judge_signals(f);
	if (s->n == 0)
		judge_opens(f);
	search(f, sorted, COUNT(refused));
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
