/* SPDX-License-Identifier: ISC */
/* The data disks of a new VM. */
#ifndef DATA_H
#define DATA_H

#include "base/error.h"
#include "snapshot/storage.h"

#include "build.h"

/*
 * Reads storage configs, one JSON object a line, from the file `path` ("-":
 * stdin): data disks that lie ready, as disk-mkdata prints them.  On success
 * *out is the caller's.  EX_DATAERR names the line.
 */
int data_read_configs(struct storage_list *out, const char *path,
    struct error *err);

/*
 * Makes the disks in the VM's directory and appends them to the record's: new
 * ones as declared, ready ones as copies (reflinks where possible), raw.
 */
int data_build(struct plan *plan, int dirfd, struct error *err);

#endif
