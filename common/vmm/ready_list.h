/* SPDX-License-Identifier: ISC */
/* Records that are printed when their guests are as they were asked for. */
#ifndef VMM_READY_LIST_H
#define VMM_READY_LIST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "seed/cidata.h"
#include "state/root.h"
#include "vmm/ready.h"

/* What a guest is to be asked to make new (vmm/refresh.h); { 0 }: nothing. */
struct ready_refresh {
	bool is_asked;
	unsigned steps;
	char hostname[CIDATA_HOSTNAME_MAX + 1];
};

struct ready_item {
	struct ready_refresh refresh;
	json_t *record; /* owned */
	char id[ID_LEN + 1]; /* of the VM */
	int64_t start_us; /* base/clock: when the user began to wait */
};

struct ready_list { /* { 0 } is empty */
	struct ready_item *v;
	size_t n;
	bool silent; /* no record is printed */
};

void ready_list_fini(struct ready_list *list);

/* Takes `record` in any case; `refresh` or NULL.  EX_OSERR. */
int ready_list_add(struct ready_list *list, json_t *record, const char *id,
    int64_t start_us, const struct ready_refresh *refresh, struct error *err);

/*
 * Waits for one VM after the other, none of which is locked by this process, and
 * prints its record: with "ready_ms" when it is ready, else without; at once where
 * `ready` waits for nothing.  What went wrong is told by
 * diag().  The exit status: EX_OK, or the code of the first.
 */
int ready_list_report(const struct ready_list *list, const struct ready *ready,
    const struct root *root, const char *members);

#endif
