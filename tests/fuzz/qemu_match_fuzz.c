/* SPDX-License-Identifier: ISC */
/* The device sections of a machine with one processor, two disks, one NIC. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/qemu/qemu_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct storage disks[2] = { 0 };
	struct nic nics[1] = { 0 };
	struct machine m = { .cpu = 1 };
	struct error err = { 0 };

	m.disks = (struct storage_list){ disks, 2 };
	m.nics = (struct nic_list){ nics, 1 };
	if (size == 0)
		return 0;
	if (qemu_devices_check(data, size, 0, &m, &err) == -1) {
		assert(err.code == EX_DATAERR);
		return 0;
	}
	/* What is of this machine is of no other. */
	m.cpu = 2;
	assert(qemu_devices_check(data, size, 0, &m, &err) == -1);
	m.cpu = 1;
	m.disks.n = 1;
	assert(qemu_devices_check(data, size, 0, &m, &err) == -1);
	m.disks.n = 2;
	m.nics.n = 0;
	assert(qemu_devices_check(data, size, 0, &m, &err) == -1);
	return 0;
}
