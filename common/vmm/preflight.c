/* SPDX-License-Identifier: ISC */
#include "vmm/preflight.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/sig.h"

#include "vmm/preflight_check.h"

/* In this order: what is cheap and what later checks rely on comes first. */
static const struct {
	const char *name;
	preflight_check *check;
	bool is_form; /* an import's, too */
} checks[] = {
	{ "files", preflight_files, true },
	{ "unlisted", preflight_unlisted, true },
	{ "sidecar", preflight_sidecar, true },
	{ "storage", preflight_storage, true },
	{ "hypervisor", preflight_hypervisor, false },
	{ "memory", preflight_memory, false },
	{ "processors", preflight_processors, false },
	{ "disks", preflight_disks, false },
	{ "boot_files", preflight_boot_files, false },
	{ "roles", preflight_roles, false },
	{ "nics", preflight_nics, false },
	{ "digests", preflight_digests, false },
	{ "state", preflight_state, false },
	{ "layers", preflight_layers, false },
	{ "space", preflight_space, false },
};

#define CHECKS (sizeof(checks) / sizeof(checks[0]))
_Static_assert(CHECKS == PREFLIGHT_CHECKS, "one time for each check");

int
preflight_late(struct preflight *p, struct error *err)
{
	return preflight_digests(p, err);
}

static int
run(struct preflight *p, bool all, struct error *err)
{
	bool late = false;
	int64_t start_us;
	size_t i;
	int rc;

	for (i = 0; i < CHECKS; i++) {
		if (!all && !checks[i].is_form)
			continue;
		if (p->digests_later && checks[i].check == preflight_digests) {
			late = true;
			continue;
		}
		if (sig_check(err) == -1)
			return -1;
		start_us = clock_us();
		rc = checks[i].check(p, err);
		p->ms[i] = (double)(clock_us() - start_us) / 1000;
		if (rc == -1) {
			/* That a file is not what was saved says more. */
			if (late)
				preflight_late(p, err);
			return -1;
		}
	}
	return 0;
}

int
preflight_form(struct preflight *p, struct error *err)
{
	return run(p, false, err);
}

int
preflight_run(struct preflight *p, struct error *err)
{
	return run(p, true, err);
}

int
preflight_put_checks(json_t *record, const struct preflight *p,
    struct error *err)
{
	json_t *all = json_object();
	size_t i;

	if (json_put(record, "checks", all, err) == -1)
		return -1;
	for (i = 0; i < CHECKS; i++)
		if (json_put(all, checks[i].name, json_real(p->ms[i]), err) ==
		    -1)
			return -1;
	return 0;
}
