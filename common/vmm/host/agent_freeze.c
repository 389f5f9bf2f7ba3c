/* SPDX-License-Identifier: ISC */
#include "vmm/host/agent_freeze.h"

#include <string.h>

#include "base/json.h"

#define FILESYSTEMS_MAX 65536 /* no guest mounts more */

int
agent_is_frozen(struct agent *a, bool *is_frozen, int64_t deadline_ms,
    struct error *err)
{
	static const char command[] = "guest-fsfreeze-status";
	struct jdoc *answer;
	char status[16] = "";
	int rc;

	if (agent_call(a, command, NULL, &answer, AGENT_REPLY_MAX, deadline_ms,
		err) == -1)
		return -1;
	rc = jdoc_get_str(answer, JDOC_ROOT, "return", status, sizeof(status),
	    JSON_REQUIRED, err);
	jdoc_free(answer);
	*is_frozen = strcmp(status, "frozen") == 0;
	if (rc == 0 && !*is_frozen && strcmp(status, "thawed") != 0)
		rc = error_set(err, EX_DATAERR,
		    "neither \"frozen\" nor \"thawed\"");
	return rc == -1 ? agent_malformed(a, command, err) : 0;
}

static int
ask_number(struct agent *a, const char *command, uint64_t *n,
    int64_t deadline_ms, struct error *err)
{
	struct jdoc *answer;
	int rc;

	if (agent_call(a, command, NULL, &answer, AGENT_REPLY_MAX, deadline_ms,
		err) == -1)
		return -1;
	rc = jdoc_get_u64(answer, JDOC_ROOT, "return", n, 0, FILESYSTEMS_MAX,
	    JSON_REQUIRED, err);
	jdoc_free(answer);
	return rc == -1 ? agent_malformed(a, command, err) : 0;
}

int
agent_freeze(struct agent *a, uint64_t *n, int64_t deadline_ms,
    struct error *err)
{
	return ask_number(a, "guest-fsfreeze-freeze", n, deadline_ms, err);
}

int
agent_thaw(struct agent *a, uint64_t *n, int64_t deadline_ms, struct error *err)
{
	return ask_number(a, "guest-fsfreeze-thaw", n, deadline_ms, err);
}
