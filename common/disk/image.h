/* SPDX-License-Identifier: ISC */
/* Raw disk images that the user names: opened, and whether others use them. */
#ifndef DISK_IMAGE_H
#define DISK_IMAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define IMAGE_BYTES_MAX (UINT64_C(8) << 40) /* design: 8 TiB a file */

struct image {
	const char *path; /* borrowed: for messages */
	int fd; /* read-only; -1: none */
	uint64_t bytes;
};

/* What image_close() ignores. */
#define IMAGE_NONE ((struct image){ .fd = -1 })

/* Who else has it open. */
enum image_use {
	IMAGE_FREE,
	IMAGE_LOOP_SHARED, /* behind loop devices that are only read */
	IMAGE_LOCKED_SHARED, /* another process's lock for reading */
	IMAGE_LOCKED, /* another process's lock for writing, or flock(2) */
	IMAGE_LOOP, /* behind a loop device */
};

/*
 * Opens a regular file or a block device for reading; symbolic links are
 * followed, as the user named it.  EX_NOINPUT, EX_NOPERM.  EX_DATAERR: neither
 * of the two, or larger than IMAGE_BYTES_MAX.
 */
int image_open(struct image *out, const char *path, struct error *err);
void image_close(struct image *image);

/*
 * Whether somebody uses the regular file open as `fd`: a loop device stands on
 * it, or another process holds a lock: fcntl(2), flock(2), or those by which
 * QEMU marks its disks (a shared lock on byte 101: it may write).
 */
enum image_use image_in_use(int fd);

/* Whether who uses it so may write to it. */
bool image_use_writes(enum image_use use);

/* In one word or two, for messages; borrowed. */
const char *image_use_name(enum image_use use);

/* Whether `path` exists and is the file that `fd` has open. */
bool image_is(int fd, const char *path);

/* Puts `file` (absolute), `size` and `disk_usage` of the file at `path`. */
#define IMAGE_MEMBERS "file size disk_usage" /* for base/members */
int image_report(json_t *record, const char *path, struct error *err);

#endif
