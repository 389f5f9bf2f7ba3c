/* SPDX-License-Identifier: ISC */
/* What archive_read.c and archive_bytes.c share; nobody else includes it. */
#ifndef ARCHIVE_ARCHIVE_IMPL_H
#define ARCHIVE_ARCHIVE_IMPL_H

#include "archive/archive.h"
#include "archive/decode.h"
#include "archive/tar_head.h"
#include "archive/tar_sparse.h"

struct archive_reader {
	struct decode *decode;
	struct chunk *chunk; /* being read, or NULL */
	size_t pos; /* in chunk */
	uint64_t off; /* bytes of tar taken */
	uint64_t head_off; /* of the header being judged */
	struct tar_head head;
	struct tar_pax pax;
	bool has_pax, has_long_name, is_at_end;
	char long_name[TAR_PATH_MAX + 1];
	char *body; /* of a PAX header, TAR_PAX_MAX bytes */
	struct sparse_map map;
	struct sparse_iter runs;
	bool is_sparse;
	uint64_t run_off, run_left; /* the run being read */
	size_t padding; /* bytes behind the entry's data */
	unsigned entries;
	char what[PATH_NAME_MAX + 1]; /* current entry, for messages */
	char oddity[ERROR_MSG_MAX];
};

/* Notes what no archive of ours has; the first one is kept. */
void reader_oddity(struct archive_reader *r, const char *text);

/* Borrows the next bytes, at most `max`; *len 0 at the stream's end. */
int reader_take(struct archive_reader *r, const unsigned char **p, size_t *len,
    size_t max, struct error *err);

/* Fills buf; *got is less only at the end. */
int reader_copy(struct archive_reader *r, void *buf, size_t len, size_t *got,
    struct error *err);

/* The next block, all of it. */
int reader_block(struct archive_reader *r, unsigned char block[TAR_BLOCK],
    struct error *err);

/* Fails: the stream ended. */
int reader_ends_early(struct error *err);

/* Takes what fills an entry's last block. */
int reader_skip_padding(struct archive_reader *r, struct error *err);

/* Bytes that fill the last block of `len`. */
size_t reader_padding(uint64_t len);

/* Puts entry and offset in front of what *err says. */
int reader_wrap_at(const struct archive_reader *r, uint64_t off,
    struct error *err);

#endif
