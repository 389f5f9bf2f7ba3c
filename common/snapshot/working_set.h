/* SPDX-License-Identifier: ISC */
/*
 * The pages of a snapshot's memory that a clone touches before it answers, in
 * the order in which it does: a file beside the envelope, of which nothing
 * follows but what is read ahead; instar-snapshot(5), The working set.
 */
#ifndef SNAPSHOT_WORKING_SET_H
#define SNAPSHOT_WORKING_SET_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define WORKING_SET_NAME "working-set"
#define WORKING_SET_PAGE UINT64_C(4096) /* bytes, on every host */
#define WORKING_SET_BYTES_MAX (1u << 20) /* of the file */
#define WORKING_SET_RUNS_MAX 16384u /* of 34 bytes at most: 544 KiB */
#define WORKING_SET_MS_MAX UINT64_C(86400000) /* a day */

struct page_run {
	uint64_t first, n; /* in pages; n is not 0 */
	uint64_t at_ms; /* when it was seen first; never less than before it */
};

struct working_set { /* { 0 } is none */
	uint64_t memory_bytes;
	struct page_run *v; /* no page is in two of them */
	size_t n;
};

void working_set_fini(struct working_set *w);

/*
 * All of it is checked, but for whose memory it speaks of.  On success *out is
 * the caller's (working_set_fini).  EX_DATAERR names the line.
 */
int working_set_decode(struct working_set *out, const char *text, size_t len,
    struct error *err);

/*
 * The caller frees *text.  What has more runs than a file may have loses the
 * last ones.  EX_OSERR.
 */
int working_set_encode(char **text, size_t *len, const struct working_set *w,
    struct error *err);

/*
 * That of the directory, for a memory of so many bytes.  EX_NOINPUT: it has
 * none.  EX_DATAERR: it is wrong, or another memory's.
 */
int working_set_read(struct working_set *out, int dirfd, uint64_t memory_bytes,
    struct error *err);

/* The same of a file that is open, of `size` bytes. */
int working_set_read_open(struct working_set *out, int fd, uint64_t size,
    uint64_t memory_bytes, struct error *err);

/* Puts it into the directory in place of the one that is there, synced. */
int working_set_write(int dirfd, const struct working_set *w,
    struct error *err);

uint64_t working_set_bytes(const struct working_set *w);

#endif
