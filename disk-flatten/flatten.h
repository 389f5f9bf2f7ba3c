/* SPDX-License-Identifier: ISC */
/* A base and the exceptions of a CoW file become one image. */
#ifndef FLATTEN_H
#define FLATTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "foreign/cow_merge.h"

/*
 * Writes the merged image to `out` from its first byte to its last; `map`
 * comes from cow_read() of the same two files.  EX_IOERR.
 */
int flatten_write(struct sink *out, const struct cow_map *map,
    const struct image *base, const struct image *cow, bool quiet,
    struct error *err);

/*
 * Prints an exception a line, in the order of the base; `members` as for
 * json_report().  EX_IOERR: stdout said no.
 */
int flatten_print_map(const struct cow_map *map, uint64_t base_bytes,
    const char *members, struct error *err);

/* Prints the record of the image that was made at `path`. */
int flatten_report(const char *path, const struct cow_map *map,
    const struct sink *out, const char *members, struct error *err);

#endif
