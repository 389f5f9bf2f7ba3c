/* SPDX-License-Identifier: ISC */
/*
 * A file of a snapshot against what its envelope records of it.  Whoever finds
 * that one is not what was saved says so in these words.
 */
#ifndef SNAPSHOT_MANIFEST_H
#define SNAPSHOT_MANIFEST_H

#include <stdint.h>

#include "base/error.h"
#include "disk/digest.h"
#include "snapshot/envelope.h"

#define MANIFEST_DIFFERS "differs from its digest"

/*
 * Opens a file that must be there for reading; *fd is the caller's.  EX_DATAERR:
 * missing, or not a regular file.
 */
int manifest_open(int *fd, uint64_t *size_bytes, int dirfd, const char *name,
    struct error *err);

/*
 * The size of such a file, by its name alone; the same errors.  That we could
 * read it is asked, too.
 */
int manifest_size(uint64_t *size_bytes, int dirfd, const char *name,
    struct error *err);

/*
 * Whether `name` is as long as recorded and, where `digest` is not NULL, has
 * the digest that was.  EX_DATAERR.
 */
int manifest_compare(const char *name, uint64_t size_bytes,
    const struct digest *digest, uint64_t want_bytes, const struct digest *want,
    struct error *err);

/* Whether the file is as long as recorded, where that was. */
int manifest_check_size(const struct envelope_file *file, uint64_t size_bytes,
    struct error *err);

/*
 * Reads the open file for its digest (NULL: not wanted), which must be the one
 * that is recorded, where one is.  One of another size is not read.
 */
int manifest_read(struct digest *digest, const struct envelope_file *file,
    int fd, uint64_t size_bytes, struct error *err);

/* The same for a layer. */
int manifest_read_layer(const struct layer *layer, int fd, uint64_t size_bytes,
    struct error *err);

/*
 * Whether cow.raw has the bytes that the envelope says of the storage, where it
 * does: it catches copies that lost their holes, and with them their end.  Under
 * an overlay it may have another size.
 */
int manifest_check_storage(const struct envelope *e, uint64_t cow_bytes,
    struct error *err);

#endif
