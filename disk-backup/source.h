/* SPDX-License-Identifier: ISC */
/* The image to be backed up, as a raw one that can be read from end to end. */
#ifndef SOURCE_H
#define SOURCE_H

#include <sys/stat.h>

#include <stdbool.h>

#include "base/error.h"
#include "disk/chain.h"
#include "disk/image.h"

struct source {
	struct image image; /* what is to be read: the image, or a copy */
	enum image_use use; /* by whom the image itself is used */
	bool is_copy; /* of one point in time */
	struct stat before; /* of the image, when it was opened */
	int hold; /* the directory of a VM that must not change, or -1 */
};

/* What source_close() ignores. */
#define SOURCE_NONE ((struct source){ .image = IMAGE_NONE })

/*
 * Opens the image `path` of a format: "raw" or "qcow2"; with NULL it must be a
 * raw one, and not begin as one of another format does.
 * A raw one that somebody may write to meanwhile is reflinked into a nameless
 * file beside it, where the filesystem can.  A qcow2 one is read by qemu-img
 * into a nameless file in $TMPDIR or /var/tmp; backing files must lie beside
 * it, under a plain name.  As image_open(); EX_USAGE: another format.
 * EX_TEMPFAIL: a qcow2 image in use.  EX_DATAERR: not raw; a header of the chain names
 * something else.  EX_UNAVAILABLE: qemu-img is missing or refuses.
 */
int source_open(struct source *out, const char *path, const char *format,
    struct error *err);

/*
 * Puts a raw copy of the file `name` beneath `dirfd`, of that format, in
 * place of out->image; as source_open().
 */
int source_convert(struct source *out, int dirfd, const char *name,
    const struct chain_format *format, struct error *err);

/* EX_USAGE: `path`, when not NULL, is the image itself. */
int source_check_output(const struct source *source, const char *path,
    struct error *err);

/*
 * Why what was read may be no point in time, or NULL: somebody uses the image,
 * or it changed.  Borrowed.
 */
const char *source_doubt(const struct source *source);

/*
 * "ext4", "xfs" or "btrfs", by the superblock; "" where it is none of them.
 * Borrowed.
 */
const char *source_filesystem(const struct source *source);

void source_close(struct source *source);

#endif
