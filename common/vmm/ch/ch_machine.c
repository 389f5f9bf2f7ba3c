/* SPDX-License-Identifier: ISC */
/* The machine that a record describes, as vm.create takes it. */
#include "vmm/ch/ch.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

#define QUEUES_MAX 8 /* of a disk: more processors than that share them */

const char *
ch_memory_path(enum vm_memory memory)
{
	switch (memory) {
	case VM_MEMORY_FILE:
		return VM_MEMORY;
	case VM_MEMORY_TEMPLATE:
		return VM_TEMPLATE;
	case VM_MEMORY_MEMFD:
		return "/proc/self/fd/11";
	default:
		return NULL;
	}
}

static json_t *
memory_json(const struct vm *vm)
{
	return json_pack("{s:i, s:[{s:s, s:I, s:s, s:b}]}", "size", 0, "zones",
	    "id", CH_ZONE_ID, "size", (json_int_t)vm->machine.memory_bytes,
	    "file", ch_memory_path(vm->memory), "shared", 1);
}

static json_t *
payload_json(const struct vm *vm)
{
	char *const *boot = vm->machine.boot;
	json_t *payload = json_object();

	if (json_put_text(payload, "kernel", boot[MACHINE_KERNEL], NULL) ==
		-1 ||
	    json_put_text(payload, "initramfs", boot[MACHINE_INITRD], NULL) ==
		-1 ||
	    json_put_text(payload, "firmware", boot[MACHINE_FIRMWARE], NULL) ==
		-1 ||
	    (boot[MACHINE_KERNEL] != NULL && vm->machine.cmdline != NULL &&
		json_put_str(payload, "cmdline", vm->machine.cmdline, NULL) ==
		    -1)) {
		json_decref(payload);
		return NULL;
	}
	return payload;
}

json_t *
ch_machine_disk(const struct vm *vm, const struct storage *disk, size_t i)
{
	char id[32];
	json_t *out;

	snprintf(id, sizeof(id), "disk%zu", i);
	out = json_pack("{s:s, s:s, s:b, s:b, s:I, s:s, s:b}", "id", id, "path",
	    disk->path, "readonly", (int)disk->ro, "direct",
	    (int)(disk->direct_io == STORAGE_DIRECT_ON), "num_queues",
	    (json_int_t)(vm->machine.cpu < QUEUES_MAX ? vm->machine.cpu
						      : QUEUES_MAX),
	    "image_type", ch_image_type(chain_format(disk->path)),
	    "backing_files", (int)(disk->backing.n > 0));
	if (json_put_text(out, "serial", disk->serial, NULL) == -1) {
		json_decref(out);
		return NULL;
	}
	return out;
}

static json_t *
disks_json(const struct vm *vm)
{
	json_t *disks = json_array();
	size_t i;

	for (i = 0; i < vm->machine.disks.n; i++)
		if (json_append(disks, "disks",
			ch_machine_disk(vm, &vm->machine.disks.v[i], i),
			NULL) == -1) {
			json_decref(disks);
			return NULL;
		}
	return disks;
}

static json_t *
nets_json(const struct vm *vm, const struct taps *taps)
{
	json_t *nets = json_array();
	char id[32];
	size_t i;

	for (i = 0; i < vm->machine.nics.n; i++) {
		snprintf(id, sizeof(id), "nic%zu", i);
		if (json_append(nets, "net",
			json_pack("{s:s, s:s, s:s}", "id", id, "tap",
			    taps->names[i], "mac", vm->machine.nics.v[i].mac),
			NULL) == -1) {
			json_decref(nets);
			return NULL;
		}
	}
	return nets;
}

json_t *
ch_machine(const struct vm *vm, const struct taps *taps)
{
	json_t *machine =
	    json_pack("{s:{s:I, s:I}, s:o, s:o, s:{s:s}, s:{s:s}, s:{s:s}}",
		"cpus", "boot_vcpus", (json_int_t)vm->machine.cpu, "max_vcpus",
		(json_int_t)vm->machine.cpu, "memory", memory_json(vm),
		"payload", payload_json(vm), "rng", "src", "/dev/urandom",
		"serial", "mode", "Tty", "console", "mode", "Off");

	if (machine == NULL ||
	    (vm->machine.disks.n > 0 &&
		json_object_set_new(machine, "disks", disks_json(vm)) == -1) ||
	    (vm->machine.nics.n > 0 &&
		json_object_set_new(machine, "net", nets_json(vm, taps)) ==
		    -1) ||
	    (vm->machine.agent &&
		json_object_set_new(machine, "vsock",
		    json_pack("{s:s, s:i, s:s}", "id", "vsock", "cid", CH_CID,
			"socket", CH_VSOCK)) == -1)) {
		json_decref(machine);
		return NULL;
	}
	return machine;
}
