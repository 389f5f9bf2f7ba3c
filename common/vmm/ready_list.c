/* SPDX-License-Identifier: ISC */
#include "vmm/ready_list.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/json.h"

void
ready_list_fini(struct ready_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		json_decref(list->v[i].record);
	free(list->v);
	*list = (struct ready_list){ 0 };
}

int
ready_list_add(struct ready_list *list, json_t *record, const char *id,
    int64_t start_us, const struct ready_refresh *refresh, struct error *err)
{
	struct ready_item *grown, *item;

	grown = realloc(list->v, (list->n + 1) * sizeof(*grown));
	if (grown == NULL) {
		json_decref(record);
		return error_nomem(err, NULL);
	}
	list->v = grown;
	item = &grown[list->n++];
	*item = (struct ready_item){ .record = record, .start_us = start_us };
	if (refresh != NULL)
		item->refresh = *refresh;
	snprintf(item->id, sizeof(item->id), "%s", id);
	return 0;
}

/* A VM that is not as far is there all the same, and so is its record. */
static int
report_one(const struct ready_item *item, const struct ready *ready,
    const struct root *root, const char *members, bool silent,
    struct error *err)
{
	struct error why = { 0 };
	struct vm_at at = { .dirfd = -1 };
	const char *name = item->id;
	int rc;

	if (ready->kind == READY_NONE)
		return silent ? 0 : json_report(item->record, members, err);
	rc = vm_at_open(&at, root, item->id, false, 0, &why);
	if (rc == 0) {
		rc = ready_wait(ready, &at, item->start_us / 1000, &why);
		name = vm_label(&at.vm);
		if (rc == -1)
			error_wrap(&why, "%s", name);
	}
	if (rc == 0)
		rc = json_put(item->record, "ready_ms",
		    json_real((double)(clock_us() - item->start_us) / 1000),
		    &why);
	vm_at_close(&at);
	if (!silent &&
	    json_report(item->record, members, rc == 0 ? err : NULL) == -1 &&
	    rc == 0)
		return -1;
	if (rc == -1)
		*err = why;
	return rc;
}

int
ready_list_report(const struct ready_list *list, const struct ready *ready,
    const struct root *root, const char *members)
{
	struct error err;
	int status = EX_OK;
	size_t i;

	for (i = 0; i < list->n; i++) {
		err = (struct error){ 0 };
		if (report_one(&list->v[i], ready, root, members, list->silent,
			&err) == -1)
			diag_failure(&status, &err);
	}
	return status;
}
