/* SPDX-License-Identifier: ISC */
/* The tools that are run, and what their options are called in JSON. */
#ifndef TABLES_H
#define TABLES_H

#include "action.h"

extern const struct action table_vms, table_snaps, table_create, table_start,
    table_stop, table_pause, table_resume, table_save, table_restore,
    table_vm_remove, table_vm_set, table_exec, table_pull, table_clone,
    table_snap_set, table_snap_remove, table_push, table_sign, table_verify;

#endif
