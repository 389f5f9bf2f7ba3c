/* SPDX-License-Identifier: ISC */
/* Hypervisors by the names of their drivers. */
#include <stdio.h>

#include "vmm/driver.h"
#include "vmm/vmm.h"

const char *
vmm_hypervisor(size_t i)
{
	const struct vmm_driver *driver = vmm_driver_at(i);

	return driver == NULL ? NULL : driver->name;
}

void
vmm_list_hypervisors(char text[VMM_LIST_MAX], const char *separator)
{
	const char *name;
	size_t len = 0, i;

	text[0] = '\0';
	for (i = 0; (name = vmm_hypervisor(i)) != NULL && len < VMM_LIST_MAX;
	     i++)
		len += (size_t)snprintf(text + len, VMM_LIST_MAX - len, "%s%s",
		    i == 0 ? "" : separator, name);
}

const char *
vmm_of_wrenn(void)
{
	const struct vmm_driver *driver;
	size_t i;

	for (i = 0; (driver = vmm_driver_at(i)) != NULL; i++)
		if (driver->traits.in_wrenn)
			return driver->name;
	return vmm_hypervisor(0);
}

int
vmm_check_hypervisor(const char *hypervisor, struct error *err)
{
	char names[VMM_LIST_MAX];

	if (vmm_find_driver(hypervisor) != NULL)
		return 0;
	vmm_list_hypervisors(names, ", ");
	return error_set(err, EX_USAGE,
	    "%s: no such hypervisor; it is one of %s", hypervisor, names);
}

int
vmm_check_program(const char *hypervisor, struct error *err)
{
	if (vmm_check_hypervisor(hypervisor, err) == -1)
		return -1;
	return vmm_find_driver(hypervisor)->check_program(err);
}
