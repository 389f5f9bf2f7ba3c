/* SPDX-License-Identifier: ISC */
/* The drivers asked for what is theirs of a directory that others wrote. */
#include "vmm/driver.h"

static const struct vmm_driver *
find(int dirfd, const struct intake_how *how)
{
	const struct vmm_driver *driver;
	const char *name;
	size_t i;

	for (i = 0; (name = vmm_hypervisor(i)) != NULL; i++) {
		driver = vmm_find_driver(name);
		if (driver->can_import != NULL &&
		    driver->can_import(dirfd, how))
			return driver;
	}
	return NULL;
}

bool
vmm_can_import(int dirfd, const struct intake_how *how)
{
	return find(dirfd, how) != NULL;
}

int
vmm_import(struct intake *in, int dirfd, const struct intake_how *how,
    struct error *err)
{
	return find(dirfd, how)->import(in, dirfd, how, err);
}

int
vmm_find_nics(const char *hypervisor, struct nic_list *out, const char *raw,
    size_t len, struct error *err)
{
	const struct vmm_driver *driver = vmm_find_driver(hypervisor);

	return driver->find_nics == NULL
	    ? 0
	    : driver->find_nics(out, raw, len, err);
}
