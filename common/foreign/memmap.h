/* SPDX-License-Identifier: ISC */
/*
 * memfile.header of a wrenn snapshot directory: which part of the guest's
 * memory is in which generation's file, and where; memmap(5).
 */
#ifndef FOREIGN_MEMMAP_H
#define FOREIGN_MEMMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/sink.h"

#define MEMMAP_NAME "memfile.header"
#define MEMMAP_HEAD_BYTES 64
#define MEMMAP_ENTRY_BYTES 40
#define MEMMAP_VERSION 1
#define MEMMAP_BLOCK 4096 /* what wrenn writes; read, any power of two */
#define MEMMAP_BLOCK_MAX (UINT64_C(2) << 20) /* x86's large page */
#define MEMMAP_SIZE_MAX (UINT64_C(8) << 40) /* design: 8 TiB a file */
#define MEMMAP_GENERATION_MAX 1024 /* wrenn merges at 8 */
#define MEMMAP_BUILDS_MAX                                                      \
	64 /* files; one a generation, and wrenn merges at 8 */
/* 32 GiB of memory in which every other page changed; the file has 160 MiB. */
#define MEMMAP_ENTRIES_MAX (1u << 22)
#define MEMMAP_BYTES_MAX                                                       \
	(MEMMAP_HEAD_BYTES + (size_t)MEMMAP_ENTRIES_MAX * MEMMAP_ENTRY_BYTES)
#define MEMMAP_UUID_BYTES 16
#define MEMMAP_UUID_TEXT 37 /* bytes, with the NUL */

#define MEMMAP_ZEROS (-1) /* a build that stands for zeros */

struct memmap_uuid {
	unsigned char raw[MEMMAP_UUID_BYTES]; /* in RFC 4122's order */
};

struct memmap_entry {
	uint64_t off, len; /* of the memory; len is never 0 */
	int build; /* index into builds, or MEMMAP_ZEROS */
	uint64_t storage_off; /* in that build's file */
};

/* Entries are in order and cover all of the memory without gaps. */
struct memmap {
	uint64_t block_bytes, size_bytes, generation;
	struct memmap_uuid build, base_build;
	struct memmap_entry *v;
	size_t n;
	struct memmap_uuid builds[MEMMAP_BUILDS_MAX];
	size_t builds_n;
};

/* { 0 } is an empty one. */
void memmap_fini(struct memmap *map);

/*
 * On success *out is the caller's.  EX_DATAERR names the byte: a remainder, a
 * gap, an overlap, anything that is not whole blocks or beyond its limit.
 */
int memmap_decode(struct memmap *out, const unsigned char *raw, size_t len,
    struct error *err);

/* The bytes of the file, which the caller frees.  EX_OSERR. */
int memmap_encode(unsigned char **raw, size_t *len, const struct memmap *map,
    struct error *err);

/*
 * Appends a run of memory behind the last one, and joins it with that where it
 * goes on in the same file.  `build` NULL: zeros.  EX_DATAERR: more than
 * MEMMAP_ENTRIES_MAX or MEMMAP_BUILDS_MAX.  EX_OSERR.
 */
int memmap_add(struct memmap *map, uint64_t len,
    const struct memmap_uuid *build, uint64_t storage_off, struct error *err);

/* Lower case, with hyphens. */
void memmap_uuid_text(char out[MEMMAP_UUID_TEXT],
    const struct memmap_uuid *uuid);

/* The files of the builds, open for reading. */
struct memmap_files {
	int fds[MEMMAP_BUILDS_MAX];
	size_t n;
};

/*
 * Opens "memfile.UUID" for each build, or else "memfile" for one that has no
 * such file, and checks that each entry lies within its file.  Close also what
 * failed.  EX_NOINPUT: no file.  EX_DATAERR: two builds without a file of
 * their own, a file too short, no regular file.
 */
int memmap_files_open(struct memmap_files *files, const struct memmap *map,
    int dirfd, struct error *err);
void memmap_files_close(struct memmap_files *files);

/* Writes the memory from first byte to last, and finishes the sink. */
int memmap_unpack(struct sink *out, const struct memmap *map,
    const struct memmap_files *files, struct error *err);

/*
 * The way back as one generation: writes those blocks of the memory open as
 * `from` (`size_bytes`, whole blocks) that are not zero to `out`, one behind
 * the other, finishes it, and makes the map.  EX_DATAERR, EX_IOERR.
 */
int memmap_pack(struct memmap *map, struct sink *out, int from,
    uint64_t size_bytes, const struct memmap_uuid *build, const char *what,
    struct error *err);

#endif
