/* SPDX-License-Identifier: ISC */
/*
 * qcow2 overlays: an empty one written, a foreign header looked at (QEMU
 * docs/interop/qcow2.txt).
 */
#ifndef DISK_QCOW2_H
#define DISK_QCOW2_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define QCOW2_BACKING_MAX 1023 /* bytes of a name, the format's limit */
#define QCOW2_FORMAT_CAP 16 /* bytes of a format's name, with the NUL */
#define QCOW2_SIZE_MAX (UINT64_C(8) << 40) /* bytes; design: 8 TiB a file */

struct qcow2_head {
	uint64_t size_bytes; /* virtual size */
	char backing[QCOW2_BACKING_MAX + 1]; /* "" : none */
	char backing_format[QCOW2_FORMAT_CAP]; /* "raw", ...; "": not told */
	bool has_data_file; /* incompatible feature bit 2 */
};

/*
 * Writes an empty version 3 overlay of `size_bytes`, a multiple of 512, over
 * the file with the plain name `backing` of format `backing_format` (disk/chain)
 * to the empty file `fd`, which is left unsynced.  EX_IOERR.
 * EX_DATAERR: a size or name that the format cannot have; QEMU takes a name
 * with a colon for a protocol.
 */
int qcow2_write_overlay(int fd, uint64_t size_bytes, const char *backing,
    const char *backing_format, const char *what, struct error *err);

/*
 * Reads and checks a header (versions 2 and 3): sizes and offsets within the
 * file, no encryption, neither marked as corrupt nor with an incompatible
 * feature that is unknown.  EX_DATAERR.
 */
int qcow2_read_head(struct qcow2_head *out, int fd, uint64_t file_bytes,
    const char *what, struct error *err);

/*
 * The same, and refuses a header that names another backing file or format
 * than given ("" and "": none), an external data file, or another size than
 * `size_bytes` (0: any).  EX_DATAERR.
 */
int qcow2_check(int fd, uint64_t file_bytes, uint64_t size_bytes,
    const char *backing, const char *backing_format, const char *what,
    struct error *err);

#endif
