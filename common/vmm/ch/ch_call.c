/* SPDX-License-Identifier: ISC */
/* One call of Cloud Hypervisor's API, and which versions of it are known. */
#include "vmm/ch/ch.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"

#define ACTION_MAX 64 /* bytes of a path */

static int
call(struct vmm *vmm, const char *method, const char *action, json_t *body,
    struct jdoc **reply, int64_t deadline_ms, struct error *err)
{
	struct ch *ch = vmm->own;
	char path[ACTION_MAX];

	snprintf(path, sizeof(path), "/api/v1/%s", action);
	return rest_call(ch->rest, method, path, body, reply, deadline_ms, err);
}

int
ch_get(struct vmm *vmm, const char *action, struct jdoc **reply,
    int64_t deadline_ms, struct error *err)
{
	return call(vmm, "GET", action, NULL, reply, deadline_ms, err);
}

int
ch_put(struct vmm *vmm, const char *action, json_t *body, struct jdoc **reply,
    int64_t deadline_ms, struct error *err)
{
	return call(vmm, "PUT", action, body, reply, deadline_ms, err);
}

/* "51.2.0" of 51 to 53; anything else is not known here. */
static bool
is_known(const char *version)
{
	unsigned major;

	return sscanf(version, "%u.", &major) == 1 && major >= CH_FLOOR &&
	    major <= CH_CEILING;
}

int
ch_version(struct vmm *vmm, char *out, size_t cap, struct error *err)
{
	char version[32] = "";
	struct jdoc *reply;
	int rc;

	if (ch_get(vmm, "vmm.ping", &reply, clock_ms() + VMM_CALL_MS, err) ==
	    -1)
		return -1;
	rc = jdoc_get_str(reply, JDOC_ROOT, "version", version, sizeof(version),
	    JSON_REQUIRED, err);
	jdoc_free(reply);
	if (rc == -1)
		return error_set(err, EX_UNAVAILABLE,
		    CH_NAME ": vmm.ping: no version");
	if (!is_known(version))
		return error_set(err, EX_UNAVAILABLE,
		    CH_NAME " %s: not one of v%d to v%d", version, CH_FLOOR,
		    CH_CEILING);
	if (out != NULL)
		snprintf(out, cap, "%s", version);
	return 0;
}

int
ch_check_saved_version(const char *version, struct error *err)
{
	return is_known(version)
	    ? 0
	    : error_set(err, EX_CONFIG,
		  "saved by " CH_NAME " %s, not one of v%d to v%d", version,
		  CH_FLOOR, CH_CEILING);
}
