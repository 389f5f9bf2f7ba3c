/* SPDX-License-Identifier: ISC */
/*
 * MIRN: a disk image with a JSON header, compressed with zstd, its SHA-256 in
 * the header; mirn(5).
 */
#ifndef FOREIGN_MIRN_H
#define FOREIGN_MIRN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/rfc3339.h"

#define MIRN_FIXED_BYTES 12 /* magic, version, length of the JSON */
#define MIRN_VERSION 1
#define MIRN_JSON_MAX (1u << 20) /* bytes, a limit of the format */
#define MIRN_NAME_MAX 1024 /* bytes of what we write; read, any header's */
#define MIRN_SIZE_MAX (UINT64_C(8) << 40) /* design: 8 TiB a file */
#define MIRN_CHECKSUM_LEN 64 /* hex digits, without the NUL */
/* 128 MiB, as zstd(1) takes without being told; writers use 8 MiB. */
#define MIRN_WINDOW_LOG_MAX 27

struct mirn_head {
	char *name; /* owned, as the next; never NULL */
	char *filesystem; /* of the image: "ext4"; may be empty */
	uint64_t size_bytes; /* of the image */
	char timestamp[RFC3339_MAX];
	char checksum[MIRN_CHECKSUM_LEN + 1]; /* SHA-256 of the image */
};

/* { 0 } is an empty one. */
void mirn_head_fini(struct mirn_head *head);

/* Sets the two strings to copies.  EX_USAGE: too long, or not UTF-8. */
int mirn_head_name(struct mirn_head *head, const char *name,
    const char *filesystem, struct error *err);

/*
 * The length of the JSON that follows the first bytes.  EX_DATAERR: another
 * magic or version, an empty or too long header.
 */
int mirn_fixed_decode(size_t *json_len,
    const unsigned char raw[MIRN_FIXED_BYTES], struct error *err);

/*
 * The JSON of a header.  size_bytes, timestamp and checksum must be there.  On
 * success *out is the caller's (mirn_head_fini).  EX_DATAERR.
 */
int mirn_head_decode(struct mirn_head *out, const char *json, size_t len,
    struct error *err);

/*
 * All bytes before the image, which the caller frees.  An empty checksum
 * becomes 64 zeros: the length is that of the header with the right one.
 */
int mirn_head_encode(unsigned char **out, size_t *len,
    const struct mirn_head *head, struct error *err);

/* Puts the members of the header. */
#define MIRN_MEMBERS "name size_bytes filesystem timestamp checksum version"
int mirn_head_report(json_t *record, const struct mirn_head *head,
    struct error *err);

/* An image being read out of a MIRN file. */
struct mirn_reader;

/*
 * Reads the header from `fd`, a file or a pipe at its first byte, which it
 * borrows with `what`.  Returns owned (mirn_reader_free).  EX_DATAERR.
 */
int mirn_reader_new(struct mirn_reader **out, int fd, const char *what,
    struct error *err);
void mirn_reader_free(struct mirn_reader *reader);

/* Borrowed. */
const struct mirn_head *mirn_reader_head(const struct mirn_reader *reader);

/*
 * The next bytes of the image, at most `cap`; *got is 0 only at its end, when
 * all that the file holds was found to be right but for the checksum.
 * EX_DATAERR names the byte of the file: a frame that is broken, cut, or wants
 * a window beyond MIRN_WINDOW_LOG_MAX, an image of another length than the
 * header says, bytes behind the last frame.
 */
int mirn_reader_next(struct mirn_reader *reader, void *buf, size_t cap,
    size_t *got, struct error *err);

#endif
