/* SPDX-License-Identifier: ISC */
/* A kernel, or a disk, that says no to one system call. */
#ifndef TESTS_DENIED_H
#define TESTS_DENIED_H

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

static inline int
denied_filter(const struct sock_filter *code, unsigned short n)
{
	const struct sock_fprog prog = { n,
		(struct sock_filter *)(uintptr_t)code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/*
 * From now on, for this process and what it starts, the system call `number`
 * fails with `sys`.  0, or -1 with errno.
 */
static inline int
denied(unsigned number, unsigned sys)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | sys),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return denied_filter(code, sizeof(code) / sizeof(code[0]));
}

/* The same where its second argument, of which the lower half counts, is that. */
static inline int
denied_flags(unsigned number, unsigned flags, unsigned sys)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, flags, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | sys),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return denied_filter(code, sizeof(code) / sizeof(code[0]));
}

#endif
