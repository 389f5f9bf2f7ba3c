/* SPDX-License-Identifier: ISC */
/* Which files of firmware a VM gets for --firmware and --firmware-vars. */
#ifndef VMM_FLASH_H
#define VMM_FLASH_H

#include <stdbool.h>

#include "base/error.h"

struct flash { /* flash_fini(); { 0 } is none */
	const char *code; /* borrowed, or NULL: all is in `vars` */
	char *vars; /* to be copied for the VM, or NULL: it has none */
};

/*
 * `wanted` is a file, or "ovmf" or "seabios"; `vars` a file, or NULL: those that
 * lie beside the code.  A VMM without flash devices (`has_flash`) gets `wanted`
 * as it is.  EX_NOINPUT: there is none; EX_DATAERR: it is no firmware;
 * EX_USAGE: the two do not go together.
 */
int flash_plan(struct flash *out, const char *wanted, const char *vars,
    bool has_flash, struct error *err);

void flash_fini(struct flash *flash);

#endif
