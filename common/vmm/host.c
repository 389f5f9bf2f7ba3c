/* SPDX-License-Identifier: ISC */
/*
 * Apart from the drivers' tables: who runs a VM is known by a digest of the
 * program, and libcrypto costs a tool that only resumes one half of its time.
 */
#include <string.h>

#include "vmm/qemu.h"

int
vmm_host(struct vmm *vmm, struct envelope_host *out, struct error *err)
{
	static const struct {
		const char *hypervisor;
		int (*host)(struct vmm *, struct envelope_host *,
		    struct error *);
	} hosts[] = { { "qemu", qemu_host } };
	size_t i;

	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		if (strcmp(vmm->driver->name, hosts[i].hypervisor) == 0)
			return hosts[i].host(vmm, out, err);
	return error_set(err, EX_SOFTWARE, "%s: its host is not told",
	    vmm->driver->name);
}
