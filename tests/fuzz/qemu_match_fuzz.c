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
	struct vm vm = { .machine = { .cpu = 1 } };
	struct error err = { 0 };

	vm.machine.disks = (struct storage_list){ disks, 2 };
	vm.machine.nics = (struct nic_list){ nics, 1 };
	if (size == 0)
		return 0;
	if (qemu_devices_check(data, size, 0, &vm, &err) == -1) {
		assert(err.code == EX_DATAERR);
		return 0;
	}
	/* What is of this machine is of no other. */
	vm.machine.cpu = 2;
	assert(qemu_devices_check(data, size, 0, &vm, &err) == -1);
	vm.machine.cpu = 1;
	vm.machine.disks.n = 1;
	assert(qemu_devices_check(data, size, 0, &vm, &err) == -1);
	vm.machine.disks.n = 2;
	vm.machine.nics.n = 0;
	assert(qemu_devices_check(data, size, 0, &vm, &err) == -1);
	return 0;
}
