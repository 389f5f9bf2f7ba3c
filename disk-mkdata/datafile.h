/* SPDX-License-Identifier: ISC */
/* The file of a data disk. */
#ifndef DATAFILE_H
#define DATAFILE_H

#include "base/error.h"
#include "base/outfile.h"
#include "seed/datadisk.h"

/*
 * Gives `file`, which nobody sees yet, the size and the filesystem of the
 * list's only disk, filled from the directory `from` (NULL: empty).
 */
int datafile_make(const struct outfile *file, const struct datadisk_list *list,
    const char *from, struct error *err);

/* Prints the storage config, its path a resolved one beneath `dir`. */
int datafile_report(const struct storage_list *disks, const char *dir,
    const char *members, struct error *err);

#endif
