/* SPDX-License-Identifier: ISC */
/* The links of Firecracker's NICs: their taps', which it opened by name. */
#include "vmm/fc/fc.h"

#include "base/clock.h"
#include "base/json.h"
#include "vmm/host/tap.h"

int
fc_set_links(struct vmm *vmm, bool up, struct error *err)
{
	char tap[NIC_IFNAME_MAX + 1];
	struct jdoc *config;
	uint32_t nics, nic;
	int rc;

	if (vmm->vm->machine.nics.n == 0)
		return 0;
	if (fc_call(vmm, "GET", "/vm/config", NULL, &config,
		clock_ms() + VMM_CALL_MS, err) == -1)
		return -1;
	rc = jdoc_get_array(config, JDOC_ROOT, "network-interfaces", &nics,
	    NIC_MAX, JSON_REQUIRED, err);
	nic = rc == 0 ? jdoc_first(config, nics) : 0;
	for (; rc == 0 && nic != 0; nic = jdoc_next(config, nic))
		rc = jdoc_get_str(config, nic, "host_dev_name", tap,
			 sizeof(tap), JSON_REQUIRED, NULL) == -1
		    ? error_set(err, EX_UNAVAILABLE,
			  "Firecracker has a NIC without a tap")
		    : tap_set_up(tap, up, err);
	jdoc_free(config);
	return rc;
}
