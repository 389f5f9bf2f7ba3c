/* SPDX-License-Identifier: ISC */
/* A VM as a row of a table. */
#ifndef VM_LS_ROW_H
#define VM_LS_ROW_H

#include <jansson.h>
#include <time.h>

#include "base/error.h"
#include "base/table.h"

#include "usage.h"

#define ROW_COLUMNS 8
#define ROW_MEMORY_COLUMNS 11 /* with what it has in memory, behind the size */
/* Processors, memory and time, as struct table has it. */
#define ROW_RIGHT 0x38u
#define ROW_MEMORY_RIGHT 0x1f8u

extern const char *const row_heading[ROW_COLUMNS];
extern const char *const row_memory_heading[ROW_MEMORY_COLUMNS];

/* Adds a VM's record (vmm/status).  EX_OSERR. */
int row_add(struct table *t, const json_t *record, time_t now,
    struct error *err);

/* The same with ROW_MEMORY_COLUMNS; and the last row, of all of them. */
int row_add_memory(struct table *t, const json_t *record, time_t now,
    struct error *err);
int row_add_sum(struct table *t, const struct usage_sum *sum,
    struct error *err);

#endif
