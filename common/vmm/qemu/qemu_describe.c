/* SPDX-License-Identifier: ISC */
/* The device model of a QEMU that runs, as its snapshots record it. */
#include "vmm/qemu/qemu.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

#define QUEUES_ASKED_MAX 1024 /* of one device; virtio has no more */

static int
add_device(struct sidecar *s, const char *id, const char *driver,
    const char *addr, uint64_t queues, const char *backend, const char *serial,
    struct error *err)
{
	struct sidecar_device *grown, *d;

	grown = realloc(s->devices, (s->devices_n + 1) * sizeof(*grown));
	if (grown == NULL)
		return error_nomem(err, NULL);
	s->devices = grown;
	d = &grown[s->devices_n++];
	*d = (struct sidecar_device){ .queues = queues };
	snprintf(d->id, sizeof(d->id), "%s", id);
	snprintf(d->driver, sizeof(d->driver), "%s", driver);
	snprintf(d->bus, sizeof(d->bus), "%s", addr[0] == '\0' ? "" : QEMU_BUS);
	snprintf(d->addr, sizeof(d->addr), "%s", addr);
	snprintf(d->backend, sizeof(d->backend), "%s", backend);
	snprintf(d->serial, sizeof(d->serial), "%s", serial);
	return 0;
}

/*
 * Entries of queue `n` of a device as the guest uses it: *size is 0 when the
 * device has no such queue.
 */
static int
ask_queue(uint64_t *size, struct vmm *vmm, const char *id, unsigned n,
    struct error *err)
{
	struct error why = { 0 };
	char path[96];
	struct jdoc *answer;

	*size = 0;
	snprintf(path, sizeof(path), "/machine/peripheral/%s/virtio-backend",
	    id);
	if (qemu_call(vmm, "x-query-virtio-queue-status",
		json_pack("{s:s, s:i}", "path", path, "queue", (int)n), &answer,
		&why) == 0) {
		(void)jdoc_get_u64(answer, qmp_return(answer), "vring-num",
		    size, 0, UINT64_MAX, JSON_OPTIONAL, NULL);
		jdoc_free(answer);
		return 0;
	}
	return n > 0 && why.code == EX_UNAVAILABLE
	    ? 0
	    : error_set(err, why.code, "%s", why.msg);
}

/* The largest queue of each device, where one is larger than it was made. */
static int
note_queue_sizes(struct vmm *vmm, struct sidecar *s, struct error *err)
{
	struct sidecar_device *d;
	uint64_t size;
	unsigned n;
	size_t i;

	/* Of a QEMU that keeps to what devices ask for, one answer is enough. */
	if (ask_queue(&size, vmm, QEMU_RNG_ID, 0, err) == -1)
		return -1;
	if (size <= QEMU_QUEUE_RNG)
		return 0;
	for (i = 0; i < s->devices_n; i++) {
		d = &s->devices[i];
		if (qemu_queue_size(d->driver) == 0)
			continue;
		for (n = 0; n < QUEUES_ASKED_MAX; n++) {
			if (ask_queue(&size, vmm, d->id, n, err) == -1)
				return -1;
			if (size == 0)
				break;
			if (size > qemu_queue_size(d->driver) &&
			    size > d->queue_size)
				d->queue_size = size;
		}
	}
	return 0;
}

int
qemu_describe(struct vmm *vmm, struct sidecar *out, struct error *err)
{
	const struct vm *vm = vmm->vm;
	struct sidecar s = { 0 };
	char id[32], addr[32];
	bool changed = false;
	size_t i;

	if (qemu_ask_disks(vmm, &changed, err) == -1)
		return -1;
	snprintf(addr, sizeof(addr), "0x%x", QEMU_SLOT_RNG);
	if (vmm_describe_vm(&s, vm, err) == -1 ||
	    add_device(&s, "vmgenid", "vmgenid", "", 0, "", "", err) == -1 ||
	    add_device(&s, QEMU_RNG_ID, "virtio-rng-pci", addr, 0, "", "",
		err) == -1)
		goto fail;
	for (i = 0; i < vm->machine.disks.n; i++) {
		snprintf(id, sizeof(id), "disk%zu", i);
		snprintf(addr, sizeof(addr), "0x%zx", QEMU_SLOT_DISKS + i);
		if (add_device(&s, id, "virtio-blk-pci", addr, vm->machine.cpu,
			storage_role_name(vm->machine.disks.v[i].role),
			vm->machine.disks.v[i].serial, err) == -1)
			goto fail;
	}
	for (i = 0; i < vm->machine.nics.n; i++) {
		snprintf(id, sizeof(id), "nic%zu", i);
		snprintf(addr, sizeof(addr), "0x%x.%zu", QEMU_SLOT_NICS, i);
		if (add_device(&s, id, "virtio-net-pci", addr, 1,
			nic_kind_name(vm->machine.nics.v[i].kind), "",
			err) == -1)
			goto fail;
	}
	snprintf(addr, sizeof(addr), "0x%x", QEMU_SLOT_SERIAL);
	if (vm->machine.agent &&
	    add_device(&s, QEMU_SERIAL_ID, QEMU_SERIAL_DRIVER, addr, 0, "agent",
		"", err) == -1)
		goto fail;
	if (note_queue_sizes(vmm, &s, err) == -1)
		goto fail;
	*out = s;
	return 0;
fail:
	sidecar_fini(&s);
	return -1;
}
