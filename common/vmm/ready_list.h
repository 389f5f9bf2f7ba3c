/* SPDX-License-Identifier: ISC */
/* Records that are printed when their guests are ready. */
#ifndef VMM_READY_LIST_H
#define VMM_READY_LIST_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "state/root.h"
#include "vmm/ready.h"

struct ready_item {
	json_t *record; /* owned */
	char id[ID_LEN + 1]; /* of the VM */
	int64_t start_us; /* base/clock: when the user began to wait */
};

struct ready_list { /* { 0 } is empty */
	struct ready_item *v;
	size_t n;
};

void ready_list_fini(struct ready_list *list);

/* Takes `record` in any case.  EX_OSERR. */
int ready_list_add(struct ready_list *list, json_t *record, const char *id,
    int64_t start_us, struct error *err);

/*
 * Waits for one VM after the other, none of which is locked by this process, and
 * prints its record: with "ready_ms" when it is ready, else without; at once where
 * `ready` waits for nothing.  What went wrong is told by
 * diag().  The exit status: EX_OK, or the code of the first.
 */
int ready_list_report(const struct ready_list *list, const struct ready *ready,
    const struct root *root, const char *members);

#endif
