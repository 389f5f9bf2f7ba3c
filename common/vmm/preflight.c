/* SPDX-License-Identifier: ISC */
#include "vmm/preflight.h"

#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/sig.h"
#include "vmm/driver.h"
#include "vmm/preflight_check.h"

enum kind {
	FORM, /* an import's, too */
	WHOLE, /* as the snapshot is, whatever the host is */
	FIT,
	BYTES /* reads whole files: may come as late as the load */
};

/* In this order: what is cheap and what later checks rely on comes first. */
static const struct {
	const char *name;
	preflight_check *check;
	enum kind kind;
} checks[] = {
	{ "files", preflight_files, FORM },
	{ "unlisted", preflight_unlisted, FORM },
	{ "sidecar", preflight_sidecar, FORM },
	{ "storage", preflight_storage, FORM },
	{ "hypervisor", preflight_hypervisor, FIT },
	{ "memory", preflight_memory, FIT },
	{ "disks", preflight_disks, WHOLE },
	{ "processors", preflight_processors, FIT },
	{ "boot_files", preflight_boot_files, WHOLE },
	{ "roles", preflight_roles, FIT },
	{ "nics", preflight_nics, FIT },
	{ "digests", preflight_digests, BYTES },
	{ "state", preflight_state, BYTES },
	{ "layers", preflight_layers, FIT },
	{ "space", preflight_space, FIT },
};

#define CHECKS (sizeof(checks) / sizeof(checks[0]))
_Static_assert(CHECKS == PREFLIGHT_CHECKS, "one time for each check");

/* Whether it ran well; what it took is noted. */
static int
run_one(struct preflight *p, size_t i, struct error *err)
{
	int64_t start_us = clock_us();
	int rc;

	if (sig_check(err) == -1)
		return -1;
	rc = checks[i].check(p, err);
	p->ms[i] = (double)(clock_us() - start_us) / 1000;
	return rc;
}

int
preflight_late(struct preflight *p, struct error *err)
{
	size_t i;

	for (i = 0; i < CHECKS; i++)
		if (checks[i].kind == BYTES && run_one(p, i, err) == -1)
			return -1;
	return 0;
}

/* The checks up to this kind. */
static int
run(struct preflight *p, enum kind most, struct error *err)
{
	bool skipped = false;
	size_t i;

	for (i = 0; i < CHECKS; i++) {
		if (checks[i].kind > most)
			continue;
		if (p->bytes_later && checks[i].kind == BYTES) {
			skipped = true;
			continue;
		}
		if (run_one(p, i, err) == -1) {
			/* That a file is not what was saved says more. */
			if (skipped)
				preflight_late(p, err);
			return -1;
		}
	}
	return 0;
}

int
preflight_form(struct preflight *p, struct error *err)
{
	return run(p, FORM, err);
}

int
preflight_whole(struct preflight *p, struct error *err)
{
	bool ours = fd_exists(p->dirfd, SIDECAR_NAME) &&
	    vmm_find_driver(p->envelope->machine.hypervisor) != NULL;

	p->root = NULL; /* the device state is not asked for NICs */
	return run(p, ours ? WHOLE : FORM, err);
}

int
preflight_run(struct preflight *p, struct error *err)
{
	return run(p, BYTES, err);
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
