/* SPDX-License-Identifier: ISC */
/*
 * The directory VM_HANDOVER in a VM's own, where the VMM may open for writing, and
 * make, what was not there when it was started; private to vmm/.  Nothing stays
 * there: a file has its name there only until it is open.  Where a VMM was started
 * without one everything has the names that it has anyway.
 */
#ifndef VMM_HANDOVER_H
#define VMM_HANDOVER_H

#include "base/error.h"

#define HANDOVER_PATH_MAX 80 /* bytes, with the NUL */

/* Makes it, where it is not there; what a killed tool left in it goes. */
int handover_make(int dirfd, struct error *err);

/*
 * The VMM is about to open the VM's file `name` for writing, under this very
 * name: the file moves there, and a link leads to it, until it is taken back.
 */
int handover_give(int dirfd, const char *name, struct error *err);

/* What has that name there, given or made, gets it in the VM's directory. */
int handover_take(int dirfd, const char *name, struct error *err);

/*
 * What the VMM is to call a file or directory `name` that it makes and that is
 * to be taken: path[HANDOVER_PATH_MAX].  What had the name there goes.
 */
void handover_path(char *path, int dirfd, const char *name);

#endif
