/* SPDX-License-Identifier: ISC */
/* What differs between two images, as a CoW file over the first. */
#ifndef OVERLAY_H
#define OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/image.h"
#include "disk/sink.h"

/* Numbers of the chunks that differ, ascending. */
struct overlay_list {
	uint64_t *v;
	size_t n;
};

/*
 * Reads the sectors of a chunk; NULL stands for COW_CHUNK_SECTORS.  EX_USAGE:
 * not a power of two that the kernel takes.
 */
int overlay_parse_chunk(uint32_t *out, const char *text, struct error *err);

/* EX_DATAERR: not of one size, or no whole sectors. */
int overlay_check(const struct image *base, const struct image *changed,
    struct error *err);

/*
 * Compares two images that overlay_check() took; what is a hole in both is not read.
 * On success *out is the caller's (overlay_list_fini).  EX_DATAERR: more than
 * COW_EXCEPTIONS_MAX chunks.  EX_IOERR, EX_OSERR.
 */
int overlay_compare(struct overlay_list *out, const struct image *base,
    const struct image *changed, uint32_t chunk_sectors, bool quiet,
    struct error *err);
void overlay_list_fini(struct overlay_list *list);

/* Writes the CoW file from its first byte to its last.  EX_IOERR. */
int overlay_write(struct sink *out, const struct overlay_list *list,
    const struct image *changed, uint32_t chunk_sectors, struct error *err);

/* Prints the record of the CoW file that was made at `path`. */
int overlay_report(const char *path, const struct overlay_list *list,
    uint32_t chunk_sectors, const struct sink *out, const char *members,
    struct error *err);

#endif
