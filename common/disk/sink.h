/* SPDX-License-Identifier: ISC */
/*
 * An image being written from first byte to last, to a file or a pipe: in a
 * file zero blocks become holes, and runs of other files are reflinked where
 * the filesystem can; a pipe gets every byte.
 */
#ifndef DISK_SINK_H
#define DISK_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/outfile.h"
#include "disk/writeback.h"

#define SINK_BLOCK 4096 /* bytes; a smaller run of zeros is written */

struct sink {
	int fd; /* borrowed */
	const char *what; /* borrowed: for messages */
	uint64_t start; /* where the image begins in the file */
	uint64_t off; /* bytes of the image so far */
	bool is_file; /* holes by leaving out; else one byte after another */
	bool may_reflink; /* until the filesystem says no */
	uint64_t reflink_unit; /* bytes; the filesystem's block */
	uint64_t reflinked; /* bytes */
	bool will_sync;
	struct writeback writeback; /* of a file that is synced */
	unsigned char *buf; /* for sink_copy() */
};

/*
 * A regular file without O_APPEND and with nothing behind its position is
 * written sparsely, from that position on; all else as a stream.  `fd` and
 * `what` are borrowed until sink_fini().  EX_OSERR.
 */
int sink_init(struct sink *s, int fd, const char *what, struct error *err);
void sink_fini(struct sink *s);

/* The same for `file` when it is open, else for standard output. */
int sink_open(struct sink *s, const struct outfile *file, struct error *err);

/* The next `len` bytes of the image.  EX_IOERR. */
int sink_data(struct sink *s, const void *buf, size_t len, struct error *err);
int sink_zeros(struct sink *s, uint64_t len, struct error *err);

/*
 * The next `len` bytes are those at `off` in `from`, a file with that many
 * (`what` names it); holes are not read.  EX_IOERR.
 */
int sink_copy(struct sink *s, int from, uint64_t off, uint64_t len,
    const char *what, struct error *err);

/* Gives a file its length, which ends in a hole perhaps.  EX_IOERR. */
int sink_finish(struct sink *s, struct error *err);

#endif
