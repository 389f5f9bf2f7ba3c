/* SPDX-License-Identifier: ISC */
#include "console.h"

#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/sig.h"
#include "vmm/vmm.h"

#define NAP_MS 20 /* between two questions */

static int
busy(struct error *err)
{
	return error_set(err, EX_TEMPFAIL,
	    "console: busy: another client has it");
}

/* A client that knows no lock is one that the VMM knows of. */
static bool
is_free_in_time(struct vm_at *at, int64_t deadline_ms)
{
	struct vmm *vmm = NULL;
	bool is_free = true;

	/* A VMM that does not answer now may be saving: its console works. */
	if (vmm_attach(&vmm, &at->vm, at->dirfd, VMM_QUESTIONS, deadline_ms,
		NULL) == -1)
		return true;
	while (vmm_console_is_free(vmm, &is_free, NULL) == 0 && !is_free &&
	    clock_left(deadline_ms) > 0 && sig_check(NULL) == 0)
		clock_nap(NAP_MS);
	vmm_detach(vmm);
	return is_free;
}

/*
 * The lock's file; 1 where the directory may only be read and nobody has made
 * one: then no other client here holds it.
 */
static int
open_lock(int *lock, int dirfd, struct error *err)
{
	const int flags = O_CLOEXEC | O_NOFOLLOW;

	*lock = openat(dirfd, VM_CONSOLE_LOCK, O_RDWR | O_CREAT | flags, 0600);
	if (*lock == -1 && (errno == EROFS || errno == EACCES)) {
		*lock = openat(dirfd, VM_CONSOLE_LOCK, O_RDONLY | flags);
		if (*lock == -1 && (errno == ENOENT || errno == EACCES))
			return 1;
	}
	if (*lock == -1)
		return error_sys(err, error_code_of(errno), VM_CONSOLE_LOCK);
	return 0;
}

int
console_claim(int *lock, struct vm_at *at, struct error *err)
{
	int64_t deadline_ms = clock_ms() + CONSOLE_BUSY_MS;
	struct error why = { 0 };
	int found = open_lock(lock, at->dirfd, err);

	if (found == -1)
		return -1;
	if (found == 0 &&
	    lock_fd(*lock, LOCK_EXCLUSIVE, deadline_ms, VM_CONSOLE_LOCK,
		&why) == -1) {
		if (why.code == EX_TEMPFAIL)
			return busy(err);
		if (err != NULL)
			*err = why;
		return -1;
	}
	if (!is_free_in_time(at, deadline_ms))
		return busy(err);
	return sig_check(err);
}
