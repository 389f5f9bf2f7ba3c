/* SPDX-License-Identifier: ISC */
/* The files that a VM boots, from the user's into its directory. */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include "base/error.h"
#include "snapshot/machine.h"

/*
 * Copies (reflinks where possible) the files `paths`, by enum machine_boot, NULL
 * or "" for none, as the hypervisor wants them: a packed kernel plain where it
 * unpacks none.  What stands there already is in the way.  EX_NOINPUT: missing,
 * empty, or no file.  EX_DATAERR: no kernel; firmware in another form than raw.
 */
int boot_put(int dirfd, const char *hypervisor,
    const char *const paths[MACHINE_BOOT_FILES], struct error *err);

#endif
