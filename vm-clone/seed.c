/* SPDX-License-Identifier: ISC */
#include "seed.h"

#include <stdio.h>

#include "base/diag.h"
#include "state/seed_files.h"

void
seed_hostname(char *out, const struct clone_how *how, size_t number)
{
	out[0] = '\0';
	if (how->hostname != NULL && how->count == 0)
		snprintf(out, SEED_HOSTNAME_SIZE, "%s", how->hostname);
	else if (how->hostname != NULL)
		snprintf(out, SEED_HOSTNAME_SIZE, "%.*s-%zu",
		    CIDATA_HOSTNAME_MAX, how->hostname, number);
}

/* The last one has the longest name. */
static int
check_hostname(const struct clone_how *how, struct error *err)
{
	char name[SEED_HOSTNAME_SIZE];

	if (how->hostname == NULL)
		return 0;
	seed_hostname(name, how, how->count);
	if (!cidata_is_hostname(how->hostname) || !cidata_is_hostname(name))
		return error_set(err, EX_USAGE,
		    "--hostname: %s: not a host's "
		    "name%s",
		    how->hostname,
		    how->count == 0 ? "" : ", with a number behind it");
	return 0;
}

int
seed_read(struct vm_seed *out, bool *given, const struct clone_how *how,
    int snap_dirfd, struct error *err)
{
	char doubt[USERDATA_DOUBT_MAX];
	struct vm_seed seed = { 0 };
	size_t i;

	*given = how->hostname != NULL || how->user_data != NULL ||
	    how->ssh_keys.n > 0;
	if (!*given)
		return 0;
	if (check_hostname(how, err) == -1 ||
	    (vm_seed_is_there(snap_dirfd) &&
		vm_seed_read(&seed, snap_dirfd, err) == -1))
		return -1;
	for (i = 0; i < how->ssh_keys.n; i++)
		if (seed_files_add_keys(&seed, how->ssh_keys.v[i], err) == -1)
			goto fail;
	if (how->user_data != NULL) {
		if (seed_files_user_data(&seed, how->user_data, doubt, err) ==
		    -1)
			goto fail;
		if (doubt[0] != '\0')
			diag("warning: --user-data: %s: %s", how->user_data,
			    doubt);
	}
	*out = seed;
	return 0;
fail:
	vm_seed_fini(&seed);
	return -1;
}
