/* SPDX-License-Identifier: ISC */
/* The frame of Firecracker's device state, with a CRC that fits and without. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "vmm/fc/fc_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
decode(const uint8_t *data, size_t size)
{
	struct fc_state state;
	struct error err = { 0 };

	if (fc_state_decode(&state, data, size, &err) == -1) {
		assert(err.code == EX_DATAERR);
		return;
	}
	assert(fc_state_crc(0, data, size) == 0);
	assert(state.arch != NULL && state.major <= 9999);
	if (fc_state_check_version(&state, FC_MINOR_MAX, &err) == -1)
		assert(err.code == EX_CONFIG);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned minor;
	uint8_t *own;

	decode(data, size);
	own = malloc(size + 1);
	assert(own != NULL);
	memcpy(own, data, size);
	own[size] = '\0';
	fc_version_check(&minor, (const char *)own, NULL);
	if (size >= 8) {
		le64_put(own + size - 8, fc_state_crc(0, own, size - 8));
		decode(own, size);
	}
	free(own);
	return 0;
}
