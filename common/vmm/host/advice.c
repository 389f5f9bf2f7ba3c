/* SPDX-License-Identifier: ISC */
#include "vmm/host/advice.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The lower half of an argument; the kernel takes an int. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARG(i) offsetof(struct seccomp_data, args[i])
#else
#define ARG(i) (offsetof(struct seccomp_data, args[i]) + 4)
#endif

/*
 * By the number of the call alone: a program for another interface of the kernel
 * may be refused something else, which is no danger.  Without the mitigation
 * that a filter brings on some kernels, for it guards nothing.
 */
static int
filter(void)
{
	struct sock_filter v[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(2)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_HUGEPAGE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(v) / sizeof(v[0]), v };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
}

void
advice_refuse_huge(void)
{
	/* The process is about to become the VMM: its stderr is vmm.log. */
	if (filter() == -1)
		dprintf(STDERR_FILENO,
		    "instar: the advice for huge pages stands: seccomp: %s\n",
		    strerror(errno));
}
