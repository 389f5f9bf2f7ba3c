/* SPDX-License-Identifier: ISC */
/* The links of Firecracker's NICs: their taps', which it opened by name. */
#include "vmm/fc/fc.h"

#include "base/clock.h"
#include "base/json.h"
#include "vmm/host/tap.h"

int
fc_set_links(struct vmm *vmm, bool up, struct error *err)
{
	const json_t *nics;
	const char *tap;
	json_t *config;
	size_t i;
	int rc;

	if (vmm->vm->machine.nics.n == 0)
		return 0;
	if (fc_call(vmm, "GET", "/vm/config", NULL, &config,
		clock_ms() + VMM_CALL_MS, err) == -1)
		return -1;
	rc = json_get_array(config, "network-interfaces", &nics, NIC_MAX,
	    JSON_REQUIRED, err);
	for (i = 0; rc == 0 && i < json_array_size(nics); i++) {
		tap = json_string_value(
		    json_object_get(json_array_get(nics, i), "host_dev_name"));
		rc = tap == NULL ? error_set(err, EX_UNAVAILABLE,
				       "Firecracker has a NIC without a tap")
				 : tap_set_up(tap, up, err);
	}
	json_decref(config);
	return rc;
}
