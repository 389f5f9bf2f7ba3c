/* SPDX-License-Identifier: ISC */
/* The disk of a stopped VM of ours, whose content is to be another. */
#ifndef VMTARGET_H
#define VMTARGET_H

#include <stdint.h>

#include "base/error.h"
#include "state/root.h"
#include "state/vm_at.h"

struct vmtarget {
	struct root *root;
	struct vm_at at; /* holds the VM's lock */
	struct storage *disk; /* within at.vm */
	char *top; /* absolute path of what the disk is now */
	char *path; /* where the image is to be: the same, or a free name */
};

/* What vmtarget_close() ignores. */
#define VMTARGET_NONE ((struct vmtarget){ .at = { .dirfd = -1 } })

/*
 * Finds and locks.  A file with overlays over it, or that a snapshot shares,
 * keeps its name and content: `path` is a new one.  EX_NOINPUT: no such VM or
 * disk.  EX_TEMPFAIL: somebody changes it.  EX_NOPERM: it runs, the disk is
 * read-only, or the VM's next start loads a state that fits the present one.
 */
int vmtarget_open(struct vmtarget *out, const char *root, const char *ref,
    const char *disk, struct error *err);

/* EX_DATAERR: an image of `size_bytes` in the file `what` can be no disk. */
int vmtarget_check(uint64_t size_bytes, const char *what, struct error *err);

/*
 * The image of `size_bytes` is at `path`: the record names it, and what the
 * disk was goes.
 */
int vmtarget_publish(struct vmtarget *t, uint64_t size_bytes,
    struct error *err);

void vmtarget_close(struct vmtarget *t);

#endif
