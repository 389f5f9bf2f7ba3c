/* SPDX-License-Identifier: ISC */
/*
 * Before foreign bytes are read: no new privileges; Landlock (landlock(7)), so
 * that only descriptors that are open already can be used, and what stands
 * beneath the given directories; and a filter of system calls (seccomp(2)) for
 * what Landlock leaves open.  What is refused fails with EACCES or EPERM and
 * ends nobody: a library that asks for it does without.
 *
 * By Landlock: opening, making, removing, renaming and linking (kernel 5.13),
 * truncating by name (6.2), TCP (6.7), ioctl(2) of devices opened from then on
 * (6.10), abstract sockets and signals to processes outside (6.12).  By the
 * filter, on any kernel: every socket, running a program, tracing, signals to
 * other processes, truncating and changing owner, mode or attributes by name,
 * mounting, namespaces, io_uring, and what only root may do to the host.  A
 * kernel that has one of the two, or a part, gives that part.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct sandbox {
	/* Beneath these all but running programs and making devices. */
	const int *dirfds;
	size_t n;
	/* These, and what is beneath, are read: files may be among them. */
	const int *read_dirfds;
	size_t read_n;
	bool may_signal; /* other processes, too */
	bool may_connect; /* by IP, and to local services; nobody to it */
};

/*
 * From here on this process, which has no other thread yet, and those that it
 * starts, can do no more than `s` says.  A kernel that has none of it is no
 * error, and sanitizer builds do nothing.  EX_OSERR: the kernel refused.
 */
int sandbox_enter_as(const struct sandbox *s, struct error *err);

/* The same with the `n` directories `dirfds` to be written beneath. */
int sandbox_enter(const int *dirfds, size_t n, struct error *err);

#endif
