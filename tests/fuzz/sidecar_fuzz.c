/* SPDX-License-Identifier: ISC */
#include "snapshot/sidecar.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct sidecar s;
	struct error err;

	if (sidecar_decode(&s, (const char *)data, len, &err) == -1)
		return 0;
	if (storage_list_check(&s.machine.disks, &err) == -1)
		abort();
	sidecar_fini(&s);
	return 0;
}
