/* SPDX-License-Identifier: ISC */
/*
 * What is done in the guest, by its shell and its tar: an archive made, or
 * unpacked, in a directory that nobody else knows.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "vmm/host/agent.h"

#define GUEST_PATH_MAX 4096 /* bytes with the NUL, PATH_MAX of Linux */

struct guest {
	struct agent *agent; /* borrowed */
	const char *vm; /* what messages call it; borrowed */
	char dir[GUEST_PATH_MAX]; /* of ours in the guest; "": none yet */
	char archive[GUEST_PATH_MAX + 8]; /* in it */
	bool has_sparse; /* its tar knows holes */
};

/*
 * Makes the directory in the one that `path` is in, or is.  EX_NOINPUT: there is
 * no such directory.  EX_UNAVAILABLE: no tar in the guest.  With `name`, that of
 * a file or of a directory (`is_dir`) which is to be put at `path`, it looks first
 * whether that can be; EX_CANTCREAT as in guest_unpack().
 */
int guest_begin(struct guest *g, const char *path, const char *name,
    bool is_dir, struct error *err);

/*
 * Unpacks the archive, whose one entry is called `name`, with what is beneath, and
 * puts it in place: in `path` where that is a directory, else as `path`.
 * EX_CANTCREAT: there is a directory of that name already, or anything where one
 * is to be.
 */
int guest_unpack(struct guest *g, const char *path, const char *name,
    struct error *err);

/*
 * Makes the archive of `path`; *size is its length.  EX_NOINPUT.  EX_CANTCREAT:
 * it is a directory, and there is to be none (`no_dir`).
 */
int guest_pack(struct guest *g, const char *path, bool no_dir, uint64_t *size,
    struct error *err);

/* Takes the directory away, as far as that can be. */
void guest_end(struct guest *g);

#endif
