/* SPDX-License-Identifier: ISC */
/* Leaves of a file's groups, many by one request. */
#ifndef LEAVES_H
#define LEAVES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "registry/reader.h"

/*
 * Told of a leaf, which is verified, of a group of file number `file`, in
 * whatever order.
 */
typedef int leaves_take(void *arg, uint32_t file,
    const struct page_group *group, const struct leaf *leaf, struct error *err);

/*
 * Gets the leaves of those groups of the file that are not marked in `done`,
 * which has a byte for each (NULL: of all).  `ranges` as gather_init() has it.
 * EX_DATAERR: one is not what its hash says.
 */
int leaves_get(struct reader *r, uint32_t file, const unsigned char *done,
    unsigned ranges, leaves_take *take, void *arg, struct error *err);

#endif
