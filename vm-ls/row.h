/* SPDX-License-Identifier: ISC */
/* A VM as a row of a table. */
#ifndef VM_LS_ROW_H
#define VM_LS_ROW_H

#include <jansson.h>
#include <time.h>

#include "base/error.h"
#include "base/table.h"

#define ROW_COLUMNS 8
#define ROW_RIGHT                                                              \
	0x38u /* processors, memory and time, as struct table has it */

extern const char *const row_heading[ROW_COLUMNS];

/* Adds a VM's record (vmm/status).  EX_OSERR. */
int row_add(struct table *t, const json_t *record, time_t now,
    struct error *err);

#endif
