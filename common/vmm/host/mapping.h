/* SPDX-License-Identifier: ISC */
/* Where a process has a file mapped privately: proc(5)'s maps. */
#ifndef VMM_MAPPING_H
#define VMM_MAPPING_H

#include <sys/types.h>

#include <stdint.h>

#include "base/error.h"

/* A part of the mapping: [addr, addr + len) shows the file from `off` on. */
struct mapping_part {
	uint64_t addr, len, off;
};

/*
 * Calls `each` for every part of the mapping that the process has of the open
 * file, of `size` bytes, until one fails.  EX_SOFTWARE: one shows more than the
 * file has.
 */
int mapping_each(uint64_t *covered_bytes, pid_t pid, int fd, uint64_t size,
    int (*each)(const struct mapping_part *part, void *arg, struct error *err),
    void *arg, struct error *err);

#endif
