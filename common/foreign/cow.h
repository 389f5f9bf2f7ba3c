/* SPDX-License-Identifier: ISC */
/*
 * The CoW file of device-mapper's persistent snapshot: instar-cow(5), Linux
 * drivers/md/dm-snap-persistent.c.  A chunk is the unit; chunk 0 is the head,
 * then areas of exceptions ("this chunk of the base is at that chunk of the
 * file") with the data that they speak of behind each.
 */
#ifndef FOREIGN_COW_H
#define FOREIGN_COW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define COW_MAGIC UINT32_C(0x70416e53) /* "SnAp" */
#define COW_VERSION 1
#define COW_HEAD_BYTES 16
#define COW_ENTRY_BYTES 16
#define COW_SECTOR_BYTES 512
#define COW_CHUNK_SECTORS 8 /* what wrenn uses; the kernel's default is 32 */
/* The largest power of two within the kernel's INT_MAX >> SECTOR_SHIFT. */
#define COW_CHUNK_SECTORS_MAX (UINT32_C(1) << 21)
#define COW_BYTES_MAX (UINT64_C(8) << 40) /* design: 8 TiB a file */
/* 1 TiB of changes in chunks of 4 KiB; the map takes 4 GiB then. */
#define COW_EXCEPTIONS_MAX (UINT64_C(1) << 28)

struct cow_head {
	bool is_new; /* no magic yet: no exceptions, and no chunk size */
	uint32_t chunk_sectors; /* a power of two */
};

struct cow_exception {
	uint64_t old_chunk; /* of the base */
	uint64_t new_chunk; /* of the CoW file */
};

struct cow_map {
	uint64_t chunk_bytes; /* 0: a new file, without exceptions */
	struct cow_exception *v; /* by old_chunk, each but once */
	size_t n;
};

/* EX_DATAERR: another magic or version, invalid, or no chunk size. */
int cow_head_decode(struct cow_head *out,
    const unsigned char raw[COW_HEAD_BYTES], struct error *err);

void cow_head_encode(unsigned char raw[COW_HEAD_BYTES], uint32_t chunk_sectors);
void cow_entry_encode(unsigned char raw[COW_ENTRY_BYTES],
    const struct cow_exception *e);

/* Whether the kernel would take it. */
bool cow_is_chunk_sectors(uint64_t n);

uint64_t cow_entries_per_area(uint32_t chunk_sectors);

/* Where area `n` stands, where the data of the i-th exception is put. */
uint64_t cow_area_chunk(uint32_t chunk_sectors, uint64_t n);
uint64_t cow_data_chunk(uint32_t chunk_sectors, uint64_t i);

/*
 * Areas that `exceptions` need: one more than are full, as the end of the
 * list is an empty entry.
 */
uint64_t cow_areas(uint32_t chunk_sectors, uint64_t exceptions);

/*
 * Reads the head and every area of `fd`, a CoW file of `cow_bytes` over a base
 * of `base_bytes`, and checks all of it: after this each chunk named in *out
 * lies within its file (the last of the base may reach beyond its end) and is
 * named once.  A file without magic has no exceptions, and no data anywhere:
 * all that is no hole is read.  On success *out is the caller's (cow_map_fini).
 * EX_DATAERR names the byte; EX_IOERR; EX_OSERR: out of memory; a signal came.
 */
int cow_read(struct cow_map *out, int fd, uint64_t cow_bytes,
    uint64_t base_bytes, const char *what, struct error *err);

void cow_map_fini(struct cow_map *map);

/*
 * How many exceptions from the i-th on are neighbours in the base as well as
 * in the CoW file; at least 1.
 */
size_t cow_map_run(const struct cow_map *map, size_t i);

#endif
