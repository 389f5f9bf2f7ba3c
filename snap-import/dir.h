/* SPDX-License-Identifier: ISC */
/* A directory becomes a snapshot of the store. */
#ifndef DIR_H
#define DIR_H

#include "vmm/intake.h"

/*
 * Takes the directory `path` in, which is only read: as what a driver, wrenn or
 * we know it for.  Files are reflinked or copied, never linked, digests checked
 * where it has them and made where not; then publishes.
 */
int import_from_dir(struct intake *in, const char *path,
    const struct intake_how *how, struct error *err);

#endif
