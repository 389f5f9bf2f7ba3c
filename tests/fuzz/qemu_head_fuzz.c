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
	struct qemu_head head = { 0 };
	size_t at = 0, i;

	if (qemu_head_decode(&head, data, size, "pc-q35-7.2",
		UINT64_C(32) << 20, &err) == -1) {
		assert(err.code == EX_DATAERR);
		return 0;
	}
	assert(head.end < size && data[head.end] == 0x04);
	for (i = 0; i < head.flash_n; i++) {
		assert(at <= head.flash[i].from);
		assert(head.flash[i].from < head.flash[i].to);
		at = head.flash[i].to;
	}
	assert(at <= head.end);
	return 0;
}
