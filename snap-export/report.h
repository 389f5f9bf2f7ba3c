/* SPDX-License-Identifier: ISC */
/* The records that snap-export prints. */
#ifndef REPORT_H
#define REPORT_H

#include <stdint.h>

#include "export.h"
#include "state/root.h"

/* --dry-run: what export_estimate() found. */
int report_estimate(const struct export *x, const char *members,
    struct error *err);

/* -o: the snapshot's record, and where its archive lies. */
int report_archive(const struct snap *snap, const struct root *root,
    const char *out, uint64_t bytes, const char *members, struct error *err);

/* A directory was made: the snapshot's record, and under `key` where it is. */
int report_dir(const struct snap *snap, const struct root *root,
    const char *key, const char *dir, const char *members, struct error *err);

#endif
