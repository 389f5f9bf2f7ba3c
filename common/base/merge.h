/* SPDX-License-Identifier: ISC */
/* Memory that is the same in several processes, and that the kernel may share. */
#ifndef BASE_MERGE_H
#define BASE_MERGE_H

#include <stdbool.h>

#include "base/error.h"

/*
 * From now on, for this process and what it starts: the kernel's merging of equal
 * pages (Linux Documentation/admin-guide/mm/ksm.rst) takes what they write.
 * EX_UNAVAILABLE: the kernel, before 6.4 or without KSM, knows no such thing.
 */
int merge_allow(struct error *err);

/* What is told where merge_is_on() says no. */
#define MERGE_IS_OFF                                                           \
	"nobody looks for equal pages: /sys/kernel/mm/ksm/run is not 1"

/* Whether the kernel looks for equal pages at all, which is root's to say. */
bool merge_is_on(void);

#endif
