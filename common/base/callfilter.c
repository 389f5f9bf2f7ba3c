/* SPDX-License-Identifier: ISC */
/*
 * The filter is searched by halves: the kernel tries it on each of its calls
 * when it takes it.
 */
#include "base/callfilter.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

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

#define NEW_NAMESPACES                                                         \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

#define SOCKET_TYPE_MASK 0xf /* linux/net.h, SOCK_TYPE_MASK */

#define FILTER_MAX 254 /* instructions: a jump goes no further */
#define TO_REFUSE 255 /* where a jump is to go, before it is known */
#define TO_ALLOW 255

/* The lower half of an argument: all three have it first. */
#define ARG(i) offsetof(struct seccomp_data, args[i])

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

/* Refused where the flags `i` cut a file that is not to be written. */
static void
put_whole(struct filter *f, int i)
{
	load(f, ARG(i));
	emit(f, BPF_ALU | BPF_AND | BPF_K, O_TRUNC | O_ACCMODE, 0, 0);
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, O_TRUNC | O_RDONLY, 0, 1);
	refuse(f, EACCES);
	answer(f, SECCOMP_RET_ALLOW);
}

/*
 * A filesystem's own orders that bring something along (asm-generic/ioctl.h: the
 * direction, and the type, of which these are theirs: 'f', 'v', 'X' and Btrfs').
 * With them goes FIEMAP, which has an answer only where it is asked something.
 */
static void
put_no_change(struct filter *f)
{
	static const uint32_t types[] = { 'f', 'v', 'X', 0x94 };
	const uint32_t writes = (uint32_t)_IOC_WRITE << _IOC_DIRSHIFT;
	const size_t n = COUNT(types);
	size_t i;

	load(f, ARG(1));
	emit(f, BPF_ALU | BPF_AND | BPF_K,
	    writes | (uint32_t)_IOC_TYPEMASK << _IOC_TYPESHIFT, 0, 0);
	for (i = 0; i < n; i++)
		emit(f, BPF_JMP | BPF_JEQ | BPF_K,
		    writes | types[i] << _IOC_TYPESHIFT, (uint8_t)(n - i), 0);
	answer(f, SECCOMP_RET_ALLOW);
	refuse(f, EPERM);
}

/* Goes on where what was loaded is one of v[n]; else it is refused. */
static void
put_among(struct filter *f, const uint32_t *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, v[i], (uint8_t)(n - i), 0);
	refuse(f, EPERM);
}

/* Goes on where the type of a socket, argument 1, is one of v[n]. */
static void
put_types(struct filter *f, const uint32_t *v, size_t n)
{
	load(f, ARG(1));
	emit(f, BPF_ALU | BPF_AND | BPF_K, SOCKET_TYPE_MASK, 0, 0);
	put_among(f, v, n);
}

/* MPTCP and SMC end as TCP, which no rule for TCP's ports is asked about. */
static void
put_internet(struct filter *f)
{
	static const uint32_t families[] = { AF_INET, AF_INET6 };
	static const uint32_t types[] = { SOCK_STREAM, SOCK_DGRAM };
	static const uint32_t protocols[] = { 0, IPPROTO_TCP, IPPROTO_UDP,
		IPPROTO_ICMP, IPPROTO_ICMPV6 };

	load(f, ARG(0));
	put_among(f, families, COUNT(families));
	put_types(f, types, COUNT(types));
	load(f, ARG(2));
	put_among(f, protocols, COUNT(protocols));
	answer(f, SECCOMP_RET_ALLOW);
}

static void
put_local(struct filter *f)
{
	static const uint32_t families[] = { AF_INET };
	static const uint32_t types[] = { SOCK_DGRAM };
	static const uint32_t protocols[] = { 0, IPPROTO_UDP };

	load(f, ARG(0));
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 1);
	answer(f, SECCOMP_RET_ALLOW);
	put_among(f, families, COUNT(families));
	put_types(f, types, COUNT(types));
	load(f, ARG(2));
	put_among(f, protocols, COUNT(protocols));
	answer(f, SECCOMP_RET_ALLOW);
}

/* A socket verdict; the others are put_verdict()'s. */
static void
put_socket_verdict(struct filter *f, enum call_verdict verdict)
{
	/* Names are resolved by nscd's socket, and the host's addresses. */
	static const uint32_t network[] = { AF_UNIX, AF_INET, AF_INET6,
		AF_NETLINK };
	static const uint32_t pairs[] = { SOCK_STREAM, SOCK_SEQPACKET };
	static const uint32_t null[] = { 0 };

	switch (verdict) {
	case CALL_INTERNET:
		put_internet(f);
		return;
	case CALL_LOCAL:
		put_local(f);
		return;
	case CALL_NO_NETWORK:
		load(f, ARG(0));
		put_among(f, network, COUNT(network));
		break;
	case CALL_NO_DATAGRAMS:
		put_types(f, pairs, COUNT(pairs));
		break;
	default: /* CALL_NO_ADDRESS */
		load(f, ARG(4));
		put_among(f, null, COUNT(null));
		load(f, ARG(4) + sizeof(uint32_t));
		put_among(f, null, COUNT(null));
		break;
	}
	answer(f, SECCOMP_RET_ALLOW);
}

static void
put_verdict(struct filter *f, enum call_verdict verdict)
{
	const uint32_t itself[] = { 0, (uint32_t)getpid() };
	const uint32_t more = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;

	switch (verdict) {
	case CALL_REFUSE:
		refuse(f, EPERM);
		break;
	case CALL_PRETEND:
		refuse(f, ENOSYS);
		break;
	case CALL_OWN_PROCESS:
		load(f, ARG(0));
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 0, 1);
		answer(f, SECCOMP_RET_ALLOW);
		refuse(f, EPERM);
		break;
	case CALL_NO_NAMESPACE:
		put_bits(f, 0, NEW_NAMESPACES, EPERM);
		break;
	case CALL_ITSELF:
		load(f, ARG(0));
		put_among(f, itself, COUNT(itself));
		answer(f, SECCOMP_RET_ALLOW);
		break;
	case CALL_NO_NETWORK:
	case CALL_INTERNET:
	case CALL_LOCAL:
	case CALL_NO_DATAGRAMS:
	case CALL_NO_ADDRESS:
		put_socket_verdict(f, verdict);
		break;
	case CALL_CONNECTED_2:
		put_bits(f, 2, MSG_FASTOPEN, EPERM);
		break;
	case CALL_CONNECTED_3:
		put_bits(f, 3, MSG_FASTOPEN, EPERM);
		break;
	case CALL_NO_HUGE:
		load(f, ARG(2));
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, MADV_HUGEPAGE, 0, 1);
		refuse(f, EINVAL);
		answer(f, SECCOMP_RET_ALLOW);
		break;
	case CALL_NO_CHANGE:
		put_no_change(f);
		break;
	case CALL_WHOLE_AT_1:
		put_whole(f, 1);
		break;
	case CALL_WHOLE_AT_2:
		put_whole(f, 2);
		break;
	case CALL_READ_AT_1:
		put_bits(f, 1, more, EACCES);
		break;
	case CALL_READ_AT_2:
		put_bits(f, 2, more, EACCES);
		break;
	}
}

/*
 * The rule of v[n], sorted, that the number has; else it is allowed.  Both ends
 * are shared, and put behind: the shorter a filter, the sooner it is taken.
 */
static void
search(struct filter *f, const struct call_rule *v, size_t n)
{
	unsigned short at = f->n;

	if (n == 1) {
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, v->number, TO_REFUSE,
		    TO_ALLOW);
		if (v->verdict == CALL_REFUSE)
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
	const struct call_rule *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static void
build(struct filter *f, struct call_rule *v, size_t n)
{
	unsigned short from;

	qsort(v, n, sizeof(v[0]), compare);
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
	search(f, v, n);
	finish(f, from);
}

int
callfilter_install(struct call_rule *v, size_t n, struct error *err)
{
	struct filter f;
	struct sock_fprog program = { .filter = f.v };

	build(&f, v, n);
	program.len = f.n;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0 ||
	    errno == EINVAL || errno == ENOSYS) /* a kernel without */
		return 0;
	return error_sys(err, EX_OSERR, "seccomp");
}

bool
callfilter_is_there(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != -1;
}

#else /* an architecture that is not known here */

int
callfilter_install(struct call_rule *v, size_t n, struct error *err)
{
	(void)v;
	(void)n;
	(void)err;
	return 0;
}

bool
callfilter_is_there(void)
{
	return false;
}

#endif
