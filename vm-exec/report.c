/* SPDX-License-Identifier: ISC */
#include "report.h"

#include "base/json.h"
#include "vmm/host/agent_report.h"

int
report_job(const struct job *job, const char *members, struct error *err)
{
	const struct vm *vm = &job->at.vm;
	json_t *record = json_object();
	int rc = -1;

	if (json_put_str(record, "id", vm->id, err) == 0 &&
	    json_put_text(record, "name", vm->name, err) == 0 &&
	    (job->end.has_ended
		    ? agent_report_end(record, &job->end, err)
		    : json_put_u64(record, "pid", job->pid, err)) == 0)
		rc = json_report(record, members, err);
	json_decref(record);
	return rc;
}
