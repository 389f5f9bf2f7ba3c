/* SPDX-License-Identifier: ISC */
/* Memory that is the same in several processes, and that the kernel may share. */
#ifndef BASE_MERGE_H
#define BASE_MERGE_H

#include "base/error.h"

/*
 * From now on, for this process and what it starts: the kernel's merging of equal
 * pages (Linux Documentation/admin-guide/mm/ksm.rst) takes what they write.
 * EX_UNAVAILABLE: the kernel, before 6.4 or without KSM, knows no such thing.
 */
int merge_allow(struct error *err);

/* For a tool's --merge: that, and a warning where the kernel does not look. */
int merge_begin(struct error *err);

#endif
