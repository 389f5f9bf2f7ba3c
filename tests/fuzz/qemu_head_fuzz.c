/* SPDX-License-Identifier: ISC */
/* The head of a QEMU stream of a guest with 32 MiB. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/qemu/qemu_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { 0 };
	size_t end = 0;

	if (qemu_head_decode(&end, data, size, "pc-q35-7.2", UINT64_C(32) << 20,
		&err) == 0)
		assert(end < size && data[end] == 0x04);
	else
		assert(err.code == EX_DATAERR);
	return 0;
}
