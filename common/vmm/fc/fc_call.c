/* SPDX-License-Identifier: ISC */
/* One call of Firecracker's API, and which program and version it is. */
#include "vmm/fc/fc.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "vmm/host/spawn.h"

#define VARIABLE "INSTAR_FIRECRACKER"

const char *
fc_program(void)
{
	return spawn_program(VARIABLE, "firecracker");
}

int
fc_check_program(struct error *err)
{
	return spawn_check_program(VARIABLE, "firecracker",
	    "install Firecracker", err);
}

int
fc_call(struct vmm *vmm, const char *method, const char *path, json_t *body,
    struct jdoc **reply, int64_t deadline_ms, struct error *err)
{
	struct fc *fc = vmm->own;

	if (rest_call(fc->rest, method, path, body, reply, deadline_ms, err) ==
	    0)
		return 0;
	/* A signal of ours says its own. */
	if (err != NULL &&
	    (err->code == EX_UNAVAILABLE || err->code == EX_TEMPFAIL))
		error_wrap(err, "Firecracker");
	return -1;
}

int
fc_ask_version(struct vmm *vmm, char *version, size_t cap, int64_t deadline_ms,
    struct error *err)
{
	struct fc *fc = vmm->own;
	char text[32];
	struct jdoc *reply;
	int rc;

	if (fc_call(vmm, "GET", "/version", NULL, &reply, deadline_ms, err) ==
	    -1)
		return -1;
	rc = jdoc_get_str(reply, JDOC_ROOT, "firecracker_version", text,
	    sizeof(text), JSON_REQUIRED, err);
	jdoc_free(reply);
	if (rc == -1) {
		if (err != NULL)
			err->code = EX_UNAVAILABLE;
		return error_wrap(err, "Firecracker: GET /version");
	}
	if (version != NULL)
		snprintf(version, cap, "%s", text);
	return fc_version_check(&fc->minor, text, err);
}
