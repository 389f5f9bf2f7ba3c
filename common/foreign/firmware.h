/* SPDX-License-Identifier: ISC */
/*
 * Firmware images as distributions install them: a BIOS, or UEFI firmware
 * volumes, whose variables lie in a file of their own or before the code.
 */
#ifndef FOREIGN_FIRMWARE_H
#define FOREIGN_FIRMWARE_H

#include <stdint.h>

#include "base/error.h"

#define FIRMWARE_BYTES_MAX (64u << 20) /* those seen have 8 MiB at most */
#define FIRMWARE_BIOS_ALIGN 65536 /* a BIOS is a multiple of that */

/* By the firmware volumes that it begins with: UEFI PI 1.8, volume 3, 3.2.1. */
enum firmware_kind {
	FIRMWARE_PLAIN, /* no volume: a BIOS, perhaps */
	FIRMWARE_CODE, /* code; its variables are elsewhere */
	FIRMWARE_VARS, /* variables alone */
	FIRMWARE_WHOLE /* variables, and the code behind them */
};

/* What lies in `fd`, by its head.  EX_DATAERR: no size of such an image. */
int firmware_kind(enum firmware_kind *out, int fd, uint64_t size,
    const char *what, struct error *err);

/*
 * The file that a package has installed for "ovmf" or "seabios".  NULL: `name`
 * is neither.  *found is whether that file is there; it is the first place to
 * look where none is.
 */
const char *firmware_find(const char *name, int *found);

/*
 * The variables that belong to the code at `path`, which lie beside it: CODE in
 * its name is VARS there.  The caller frees it; NULL: there are none, or no
 * memory.
 */
char *firmware_vars_beside(const char *path);

#endif
