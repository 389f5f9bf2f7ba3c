/* SPDX-License-Identifier: ISC */
#include "report.h"

#include <stdlib.h>

#include "base/json.h"
#include "vmm/status.h"

int
clone_report(struct vm *vm, int dirfd, const struct clone_report *r,
    struct error *err)
{
	const struct clone_how *how = r->how;
	char *dir = root_dir_of(r->root, ROOT_VM, vm->id);
	json_t *record;
	int rc;

	if (dir == NULL)
		return error_nomem(err, NULL);
	rc = status_report_as(&record, vm, dirfd, dir,
	    how->no_start     ? STATUS_CREATED
		: how->paused ? STATUS_PAUSED
			      : STATUS_RUNNING,
	    err);
	free(dir);
	if (rc == -1)
		return -1;
	rc = json_put(record, "clone_ms", json_real(r->ms), err);
	if (rc == 0 && how->from_pool)
		rc = json_put_bool(record, "from_pool", r->was_taken, err);
	if (rc == 0 && r->checked != NULL)
		rc = preflight_put_checks(record, r->checked, err);
	if (rc == 0 &&
	    (how->ready.kind != READY_NONE || how->learn.wanted ||
		r->refresh.is_asked))
		return ready_list_add(r->pending, record, vm->id, how->start_us,
		    &r->refresh, err);
	if (rc == 0 && !how->foreground->console)
		rc = json_report(record, how->members, err);
	json_decref(record);
	return rc;
}
