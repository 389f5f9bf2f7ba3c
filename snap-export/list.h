/* SPDX-License-Identifier: ISC */
/* What is inside an archive, without unpacking it. */
#ifndef LIST_H
#define LIST_H

#include "base/error.h"

/*
 * Prints a record for each entry of the archive at `path` ("-": stdin), which
 * is read to its end.  Warns of what is not as in an archive of ours.
 */
int list_archive(const char *path, const char *members, struct error *err);

#endif
