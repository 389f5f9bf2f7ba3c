/* SPDX-License-Identifier: ISC */
/*
 * Headers of tar entries, ustar and PAX, from bytes to fields and back; GNU's
 * 'S' and 'L' are read.  No file, no memory of its own: the caller hands in
 * bytes.  POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header
 * Block"; GNU tar manual, "Basic Tar Format"; instar-archive(5).
 */
#ifndef ARCHIVE_TAR_HEAD_H
#define ARCHIVE_TAR_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/path.h"

#define TAR_BLOCK 512
#define TAR_PATH_MAX 1023 /* bytes of a name as an archive spells it */
#define TAR_PAX_MAX (1u << 20) /* bytes of one PAX body; libarchive's, Go's */
#define TAR_SIZE_MAX (UINT64_C(8) << 40) /* design: 8 TiB a file */

struct tar_head {
	char path[TAR_PATH_MAX + 1]; /* prefix and name, as they stand there */
	uint64_t size; /* bytes behind the header, without padding */
	char type; /* '0' also for NUL */
	bool is_exact; /* the checksum is spelled as everybody does */
};

/* Whether all of the block is zero: the end of an archive. */
bool tar_block_is_zero(const unsigned char raw[TAR_BLOCK]);

/*
 * Checksum, magic, and the fields above.  EX_DATAERR: wrong checksum, a number
 * that is none, negative or above TAR_SIZE_MAX, a name that is empty.
 */
int tar_head_decode(struct tar_head *out, const unsigned char raw[TAR_BLOCK],
    struct error *err);

/* A number field: octal digits, or base-256 when its first bit is set. */
int tar_number(uint64_t *out, const unsigned char *field, size_t len,
    struct error *err);

/*
 * What can be said about a file's holes in a header.  SUN.holesdata is no form
 * of its own: there the holes are in the data, too.
 */
enum tar_sparse_kind {
	TAR_SPARSE_NONE,
	TAR_SPARSE_GNU_00, /* pairs of offset and numbytes */
	TAR_SPARSE_GNU_01, /* GNU.sparse.map */
	TAR_SPARSE_GNU_10, /* the map stands in the data area */
	TAR_SPARSE_GNU_OLD, /* type 'S': in the header and blocks behind it */
	TAR_SPARSE_COCOON /* COCOON.sparse.map */
};

/* The records of PAX headers that matter here; { 0 } is none at all. */
struct tar_pax {
	bool has_path, has_size, has_real_size;
	char path[TAR_PATH_MAX + 1];
	uint64_t size; /* replaces the header's */
	enum tar_sparse_kind sparse;
	bool has_sparse_name;
	char sparse_name[TAR_PATH_MAX + 1];
	uint64_t real_size; /* apparent bytes of a sparse file */
	const char *map; /* text of the map, in the body; 0.0: the body */
	size_t map_len;
	const char *unknown; /* first key that we do not know, in the body */
	size_t unknown_len;
};

/*
 * Decodes the records in the `len` bytes at `body`, which must live as long as
 * out->map is used.  EX_DATAERR: a record whose length lies, a key twice, keys
 * of several sparse forms or one without its companion, a link, a name that is
 * no text.
 */
int tar_pax_decode(struct tar_pax *out, const char *body, size_t len,
    struct error *err);

/*
 * Steps through the records of a body: 1 and the record, 0 at its end, -1.
 * *pos starts at 0.
 */
struct tar_record {
	const char *key, *value; /* in the body, not terminated */
	size_t key_len, value_len;
};
int tar_pax_next(struct tar_record *out, size_t *pos, const char *body,
    size_t len, struct error *err);

/* Decimal digits and nothing else, at most TAR_SIZE_MAX.  EX_DATAERR. */
int tar_decimal(uint64_t *out, const char *text, size_t len, struct error *err);

/*
 * Makes a header of `type` with owner 0, time 0 and the given mode.  A size
 * that eleven octal digits cannot hold is written in base 256; a path longer
 * than the field is cut (a PAX record has the whole of it).
 */
void tar_head_encode(unsigned char raw[TAR_BLOCK], const char *path,
    uint64_t size, char type, unsigned mode);

/*
 * Appends the record "LEN key=value\n" to the body of *len bytes in buf[cap].
 * EX_SOFTWARE: no room.
 */
int tar_pax_add(char *buf, size_t cap, size_t *len, const char *key,
    const char *value, struct error *err);

#endif
