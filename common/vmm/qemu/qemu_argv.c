/* SPDX-License-Identifier: ISC */
/* The argument vector: the same record always gives the same machine. */
#include "vmm/qemu/qemu.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "disk/chain.h"
#include "vmm/host/spawn.h"

#define QEMU_FLASH "flash" /* and a number: nodes of firmware */

void
qemu_node_name(char *out, size_t i, const char *file)
{
	/* A base stands under every overlay, so it needs a name of its own. */
	if (strncmp(file, "base.", 5) == 0)
		snprintf(out, QEMU_NODE_MAX, "d%zu-base", i);
	else
		snprintf(out, QEMU_NODE_MAX, "d%zu-%u", i, chain_number(file));
}

static json_t *
block_node(const struct storage *disk, size_t i, const char *file, bool ro)
{
	char node[QEMU_NODE_MAX];

	qemu_node_name(node, i, file);
	return json_pack(
	    "{s:s, s:s, s:b, s:s, s:{s:b, s:b}, s:{s:s, s:s, s:s}}", "driver",
	    chain_format(file)->name, "node-name", node, "read-only", (int)ro,
	    "discard", "unmap", "cache", "direct",
	    (int)(disk->direct_io == STORAGE_DIRECT_ON), "no-flush", 0, "file",
	    "driver", "file", "filename", file, "locking", "auto");
}

json_t *
qemu_blockdev(const struct storage *disk, size_t i)
{
	json_t *node = NULL, *upper;
	const char *file;
	size_t k;

	/* From the deepest up.  A raw file has no backing to be told of. */
	for (k = disk->backing.n + 1; k-- > 0;) {
		file = k == 0 ? disk->path : disk->backing.v[k - 1];
		upper = block_node(disk, i, file, k > 0 || disk->ro);
		if (upper == NULL) {
			json_decref(node);
			return NULL;
		}
		if (!chain_format(file)->is_flat &&
		    json_put(upper, "backing",
			node == NULL ? json_null() : node, NULL) == -1) {
			json_decref(upper);
			return NULL;
		}
		node = upper;
	}
	return node;
}

/* Appends an option whose value is JSON; takes `value`. */
static int
add_json(struct strv *argv, const char *option, json_t *value,
    struct error *err)
{
	char *text;
	int rc;

	if (value == NULL)
		return error_nomem(err, NULL);
	text = json_dumps(value, JSON_COMPACT);
	json_decref(value);
	if (text == NULL)
		return error_nomem(err, NULL);
	rc = strv_add(argv, err, "%s", option) == -1
	    ? -1
	    : strv_add(argv, err, "%s", text);
	free(text);
	return rc;
}

static int
add_words(struct strv *argv, const char *const *words, size_t n,
    struct error *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strv_add(argv, err, "%s", words[i]) == -1)
			return -1;
	return 0;
}

/* Where the machine finds its flash devices. */
static const char *
flash_words(const struct machine *m)
{
	if (m->boot[MACHINE_VARS] == NULL)
		return "";
	return m->boot[MACHINE_FIRMWARE] == NULL ? ",pflash0=" QEMU_FLASH "0"
						 : ",pflash0=" QEMU_FLASH
						   "0,pflash1=" QEMU_FLASH "1";
}

static int
add_machine(struct strv *argv, const struct vm *vm, struct error *err)
{
	static const char sandbox[] =
	    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
	    "resourcecontrol=deny";
	const char *const fixed[] = { "-nodefaults", "-no-user-config",
		"-display", "none", "-S", "-sandbox", sandbox };

	if (qemu_check_words(vm->machine.type, vm->machine.cpu_model, err) ==
		-1 ||
	    strv_add(argv, err, "%s",
		spawn_program(QEMU_VARIABLE, QEMU_ARCH.program)) == -1 ||
	    strv_add(argv, err, "-name") == -1 ||
	    strv_add(argv, err, "%s", vm->id) == -1 ||
	    add_words(argv, fixed, sizeof(fixed) / sizeof(fixed[0]), err) ==
		-1 ||
	    strv_add(argv, err, "-machine") == -1 ||
	    strv_add(argv, err, "%s,accel=%s,memory-backend=mem,%s%s",
		vm->machine.type, vm_accel_name(vm->accel), QEMU_ARCH.options,
		flash_words(&vm->machine)) == -1 ||
	    strv_add(argv, err, "-cpu") == -1 ||
	    strv_add(argv, err, "%s", vm->machine.cpu_model) == -1 ||
	    strv_add(argv, err, "-smp") == -1 ||
	    strv_add(argv, err, "%" PRIu64, vm->machine.cpu) == -1 ||
	    strv_add(argv, err, "-m") == -1 ||
	    strv_add(argv, err, "%" PRIu64 "b", vm->machine.memory_bytes) == -1)
		return -1;
	return 0;
}

static int
add_memory(struct strv *argv, const struct vm *vm,
    const struct qemu_facts *facts, struct error *err)
{
	char path[64] = VM_MEMORY;
	bool share = true;
	json_t *memory;

	if (vm->memory == VM_MEMORY_MEMFD)
		snprintf(path, sizeof(path), "/proc/self/fd/%d",
		    QEMU_FD_MEMORY);
	if (vm->memory == VM_MEMORY_TEMPLATE) {
		snprintf(path, sizeof(path), "%s", VM_TEMPLATE);
		share = false;
	}
	memory = json_pack("{s:s, s:s, s:I, s:s, s:b}", "qom-type",
	    "memory-backend-file", "id", "mem", "size",
	    (json_int_t)vm->machine.memory_bytes, "mem-path", path, "share",
	    (int)share);
	/* Opened for reading, and yet memory that the guest can write. */
	if (!share && qemu_facts_since(facts, QEMU_ROM_MAJOR, QEMU_ROM_MINOR) &&
	    (json_put_bool(memory, "readonly", true, err) == -1 ||
		json_put_str(memory, "rom", "off", err) == -1)) {
		json_decref(memory);
		return -1;
	}
	return add_json(argv, "-object", memory, err);
}

/* With a bound of the log the other end is a process of ours that keeps it. */
static int
add_console(struct strv *argv, const struct vm *vm, struct error *err)
{
	if (strv_add(argv, err, "-chardev") == -1)
		return -1;
	return vm->machine.console_max_bytes != 0
	    ? strv_add(argv, err, "socket,id=console,fd=%d", QEMU_FD_CONSOLE)
	    : strv_add(argv, err,
		  "socket,id=console,fd=%d,server=on,wait=off,logfile=%s,"
		  "logappend=on",
		  QEMU_FD_CONSOLE, VM_CONSOLE_LOG);
}

static int
add_lines(struct strv *argv, const struct vm *vm, struct error *err)
{
	if (strv_add(argv, err, "-chardev") == -1 ||
	    strv_add(argv, err, "socket,id=control,fd=%d,server=on,wait=off",
		QEMU_FD_CONTROL) == -1 ||
	    strv_add(argv, err, "-qmp") == -1 ||
	    strv_add(argv, err, "chardev:control") == -1 ||
	    strv_add(argv, err, "-chardev") == -1 ||
	    strv_add(argv, err, "socket,id=questions,fd=%d,server=on,wait=off",
		QEMU_FD_QUESTIONS) == -1 ||
	    strv_add(argv, err, "-qmp") == -1 ||
	    strv_add(argv, err, "chardev:questions") == -1 ||
	    add_console(argv, vm, err) == -1 ||
	    strv_add(argv, err, "-serial") == -1 ||
	    strv_add(argv, err, "chardev:console") == -1)
		return -1;
	return vm->to_load ? strv_add(argv, err, "-incoming") == -1
		? -1
		: strv_add(argv, err, "defer")
			   : 0;
}

/* One flash device: a file of the VM's. */
static int
add_flash(struct strv *argv, int unit, const char *file, bool ro,
    struct error *err)
{
	char node[32];

	snprintf(node, sizeof(node), QEMU_FLASH "%d", unit);
	return add_json(argv, "-blockdev",
	    json_pack("{s:s, s:s, s:b, s:{s:s, s:s}}", "driver", "raw",
		"node-name", node, "read-only", (int)ro, "file", "driver",
		"file", "filename", file),
	    err);
}

/*
 * Without variables of its own firmware is a ROM.  With them the first flash
 * device has the code and the second the variables, or one has both.
 */
static int
add_firmware(struct strv *argv, const struct machine *m, struct error *err)
{
	const char *code = m->boot[MACHINE_FIRMWARE];

	if (m->boot[MACHINE_VARS] == NULL) {
		if (code != NULL &&
		    (strv_add(argv, err, "-bios") == -1 ||
			strv_add(argv, err, "%s", VM_FIRMWARE) == -1))
			return -1;
		return 0;
	}
	if (code != NULL && add_flash(argv, 0, VM_FIRMWARE, true, err) == -1)
		return -1;
	return add_flash(argv, code == NULL ? 0 : 1, VM_VARS, false, err);
}

static int
add_boot(struct strv *argv, const struct vm *vm, struct error *err)
{
	if (vm->machine.boot[MACHINE_KERNEL] != NULL &&
	    (strv_add(argv, err, "-kernel") == -1 ||
		strv_add(argv, err, "%s", VM_KERNEL) == -1))
		return -1;
	if (vm->machine.boot[MACHINE_INITRD] != NULL &&
	    (strv_add(argv, err, "-initrd") == -1 ||
		strv_add(argv, err, "%s", VM_INITRD) == -1))
		return -1;
	if (vm->machine.boot[MACHINE_KERNEL] != NULL &&
	    vm->machine.cmdline != NULL &&
	    (strv_add(argv, err, "-append") == -1 ||
		strv_add(argv, err, "%s", vm->machine.cmdline) == -1))
		return -1;
	return add_firmware(argv, &vm->machine, err);
}

static int
add_disk(struct strv *argv, const struct vm *vm, size_t i, struct error *err)
{
	const struct storage *disk = &vm->machine.disks.v[i];
	char id[32], addr[32], node[QEMU_NODE_MAX];
	json_t *device;

	if (add_json(argv, "-blockdev", qemu_blockdev(disk, i), err) == -1)
		return -1;
	snprintf(id, sizeof(id), "disk%zu", i);
	snprintf(addr, sizeof(addr), "0x%x", (unsigned)(QEMU_SLOT_DISKS + i));
	qemu_node_name(node, i, disk->path);
	device = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:i}", "driver",
	    "virtio-blk-pci", "id", id, "drive", node, "bus", QEMU_BUS, "addr",
	    addr, "num-queues", (json_int_t)vm->machine.cpu, "queue-size",
	    QEMU_QUEUE_BLK);
	if (json_put_text(device, "serial", disk->serial, err) == -1 ||
	    (disk->role == STORAGE_COW &&
		vm->machine.boot[MACHINE_KERNEL] == NULL &&
		json_put_u64(device, "bootindex", 0, err) == -1)) {
		json_decref(device);
		return -1;
	}
	return add_json(argv, "-device", device, err);
}

static int
add_user_net(struct strv *argv, const struct nic *nic, size_t i,
    struct error *err)
{
	json_t *forwards = json_array(), *netdev;
	const struct nic_forward *fwd;
	char text[64];
	size_t k;

	for (k = 0; k < nic->forwards_n; k++) {
		fwd = &nic->forwards[k];
		snprintf(text, sizeof(text), "tcp:%s:%u-:%u", fwd->addr,
		    (unsigned)(fwd->port != 0 ? fwd->port : fwd->host_port),
		    (unsigned)fwd->guest_port);
		if (json_append(forwards, "hostfwd",
			json_pack("{s:s}", "str", text), err) == -1) {
			json_decref(forwards);
			return -1;
		}
	}
	snprintf(text, sizeof(text), "net%zu", i);
	netdev = json_pack("{s:s, s:s, s:b, s:o}", "type", "user", "id", text,
	    "restrict", (int)nic->restricted, "hostfwd", forwards);
	return add_json(argv, "-netdev", netdev, err);
}

static int
add_nic(struct strv *argv, const struct vm *vm, size_t i, struct error *err)
{
	const struct nic *nic = &vm->machine.nics.v[i];
	char id[32], net[32], addr[32];

	snprintf(id, sizeof(id), "nic%zu", i);
	snprintf(net, sizeof(net), "net%zu", i);
	snprintf(addr, sizeof(addr), "0x%x.%zu", QEMU_SLOT_NICS, i);
	if (nic->kind == NIC_USER) {
		if (add_user_net(argv, nic, i, err) == -1)
			return -1;
	} else if (strv_add(argv, err, "-netdev") == -1 ||
	    strv_add(argv, err, "tap,id=%s,fd=%d", net, QEMU_FD_TAP + (int)i) ==
		-1)
		return -1;
	/*
	 * A state is loaded with announce-rounds 0, and then QEMU 7.2 has no
	 * timer for the guest's own announcement; it needs one at a reset.
	 */
	return add_json(argv, "-device",
	    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:i, s:i}",
		"driver", "virtio-net-pci", "id", id, "netdev", net, "mac",
		nic->mac, "romfile", "", "bus", QEMU_BUS, "addr", addr,
		"multifunction", 1, "guest_announce", 0, "rx_queue_size",
		QEMU_QUEUE_NET, "tx_queue_size", QEMU_QUEUE_NET),
	    err);
}

/*
 * The port that a guest agent looks for; port 0 is for consoles alone (QEMU
 * hw/char/virtio-console.c).
 */
static int
add_agent(struct strv *argv, const struct vm *vm, struct error *err)
{
	if (!vm->machine.agent)
		return 0;
	if (strv_add(argv, err, "-chardev") == -1 ||
	    strv_add(argv, err, "socket,id=agent,fd=%d,server=on,wait=off",
		QEMU_FD_AGENT) == -1 ||
	    strv_add(argv, err, "-device") == -1 ||
	    strv_add(argv, err,
		QEMU_SERIAL_DRIVER ",id=" QEMU_SERIAL_ID ",bus=" QEMU_BUS
				   ",addr=0x%x,max_ports=2",
		QEMU_SLOT_SERIAL) == -1 ||
	    strv_add(argv, err, "-device") == -1)
		return -1;
	return strv_add(argv, err,
	    "virtserialport,id=agent,bus=" QEMU_SERIAL_ID
	    ".0,nr=1,chardev=agent,name=org.qemu.guest_agent.0");
}

bool
qemu_reads_templates(void)
{
	struct qemu_facts facts;
	bool is;

	qemu_facts_get(&facts);
	is = qemu_facts_since(&facts, QEMU_ROM_MAJOR, QEMU_ROM_MINOR);
	qemu_facts_fini(&facts);
	return is;
}

int
qemu_argv(struct strv *argv, const struct vm *vm,
    const struct qemu_facts *facts, struct error *err)
{
	size_t i;

	if (add_machine(argv, vm, err) == -1 ||
	    add_memory(argv, vm, facts, err) == -1 ||
	    add_lines(argv, vm, err) == -1 || add_boot(argv, vm, err) == -1 ||
	    strv_add(argv, err, "-device") == -1 ||
	    strv_add(argv, err, "vmgenid,guid=auto,id=vmgenid") == -1 ||
	    strv_add(argv, err, "-device") == -1 ||
	    strv_add(argv, err,
		"virtio-rng-pci,id=" QEMU_RNG_ID ",bus=" QEMU_BUS ",addr=0x%x",
		QEMU_SLOT_RNG) == -1)
		return -1;
	for (i = 0; i < vm->machine.disks.n; i++)
		if (add_disk(argv, vm, i, err) == -1)
			return -1;
	for (i = 0; i < vm->machine.nics.n; i++)
		if (add_nic(argv, vm, i, err) == -1)
			return -1;
	if (vm->says_end &&
	    (strv_add(argv, err, "-device") == -1 ||
		strv_add(argv, err, "%s", QEMU_ARCH.end_device) == -1))
		return -1;
	return add_agent(argv, vm, err);
}
