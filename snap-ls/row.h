/* SPDX-License-Identifier: ISC */
/* A snapshot as a row of a table. */
#ifndef SNAP_LS_ROW_H
#define SNAP_LS_ROW_H

#include <jansson.h>
#include <time.h>

#include "base/error.h"
#include "base/table.h"

#define ROW_COLUMNS 7
#define ROW_RIGHT 0x1cu /* age and sizes, as struct table has it */

extern const char *const row_heading[ROW_COLUMNS];

/* Adds a snapshot's record (state/snap).  EX_OSERR. */
int row_add(struct table *t, const json_t *record, time_t now,
    struct error *err);

#endif
