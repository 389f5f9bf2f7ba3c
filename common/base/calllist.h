/* SPDX-License-Identifier: ISC */
/*
 * What two kinds of process are refused before they meet what others wrote: one
 * table, for most of it is the same.
 */
#ifndef BASE_CALLLIST_H
#define BASE_CALLLIST_H

#include <stddef.h>

#include "base/callfilter.h"

enum calllist_of {
	CALLLIST_READER = 1, /* of foreign bytes (base/sandbox.h) */
	CALLLIST_VMM = 2 /* vmm/host/cage.h */
};

struct calllist {
	struct call_rule v[CALLFILTER_RULES_MAX];
	size_t n;
};

/* What is refused to `who` whatever else it may do. */
void calllist_begin(struct calllist *out, enum calllist_of who);

/* Adds v[n], none of which is there already. */
void calllist_add(struct calllist *list, const struct call_rule *v, size_t n);

/* callfilter_install() of it. */
int calllist_install(struct calllist *list, struct error *err);

#endif
