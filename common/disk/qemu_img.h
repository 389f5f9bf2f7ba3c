/* SPDX-License-Identifier: ISC */
/*
 * The program qemu-img, in the only place that runs it.  It takes a name with a
 * colon for a protocol, one with a dash for an option, and what it is not told
 * it finds out from bytes that a guest may have written.  So it gets `--`,
 * ./NAME in a directory that we hold, and every format by name; and since it
 * follows what headers say, those of the whole chain are read first.
 */
#ifndef DISK_QEMU_IMG_H
#define DISK_QEMU_IMG_H

#include "base/error.h"
#include "disk/chain.h"

#define QEMU_IMG_CHAIN_MAX 9 /* eight overlays, as vm-create's, and a base */

/*
 * Writes the disk that the file `name` of the directory has, of that format, to
 * the open file `to`, raw and with its holes.  EX_DATAERR: a header of the
 * chain names what is no plain name there, or keeps data elsewhere.
 * EX_UNAVAILABLE: qemu-img is missing or refuses.
 */
int qemu_img_convert(int to, int dirfd, const char *name,
    const struct chain_format *format, struct error *err);

/*
 * The disk of the overlay `name` has `bytes` from then on; what is beneath is not
 * read, and what lies behind a smaller end is gone.  Errors as above.
 */
int qemu_img_resize(int dirfd, const char *name, uint64_t bytes,
    struct error *err);

/*
 * Tells the header of the overlay `name` that it lies on `base`, whose name
 * tells its format; nothing else of either is read.  Errors as above.
 */
int qemu_img_rebase(int dirfd, const char *name, const char *base,
    struct error *err);

#endif
