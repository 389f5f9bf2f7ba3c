/* SPDX-License-Identifier: ISC */
/* One more overlay on a VM's disk, so that what lies under it stands still. */
#ifndef VMM_OVERLAY_H
#define VMM_OVERLAY_H

#include "base/error.h"
#include "snapshot/storage.h"

/*
 * Makes the empty overlay `overlay` over the file `top` of the VM's directory,
 * synced; one of that name is what a killed tool left, and goes.  EX_IOERR,
 * EX_DATAERR: `top` is damaged.
 */
int overlay_make(int dirfd, const char *top, const char *overlay,
    struct error *err);

/* The disk is `overlay` now, over what it was.  EX_OSERR: unchanged. */
int overlay_push(struct storage *disk, const char *overlay, struct error *err);

#endif
