/* SPDX-License-Identifier: ISC */
/* Disk images that the user names: looked at before they are taken in. */
#ifndef GIVEN_H
#define GIVEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/chain.h"

struct given {
	const char *path; /* borrowed */
	int fd;
	uint64_t file_bytes;
	const struct chain_format *format; /* by its content */
	uint64_t disk_bytes; /* that a guest sees */
};

/* An empty file of the VM's own; *fd to write it. */
int given_new(int *fd, int dirfd, const char *name, struct error *err);

/*
 * Opens a disk image of the user's that nobody writes to and that stands alone.
 * As input_open_filled(); EX_TEMPFAIL: somebody has it open for writing.  EX_DATAERR: neither raw nor
 * qcow2, damaged, or it lies on another file, which could be any of yours.
 */
int given_open(struct given *out, const char *path, struct error *err);

/*
 * Puts its disk, raw, into the new file `name` beneath `dirfd`: a reflink or a
 * copy, or what qemu-img makes of it, which stderr is told of unless `quiet`.
 * EX_UNAVAILABLE: qemu-img is missing or refuses.
 */
int given_put(const struct given *given, int dirfd, const char *name,
    bool quiet, struct error *err);

/* The same where a reflink does it: 0, 1 where it cannot, -1. */
int given_reflink(const struct given *given, int dirfd, const char *name,
    struct error *err);

void given_close(struct given *given);

#endif
