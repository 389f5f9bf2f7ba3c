/* SPDX-License-Identifier: ISC */
/* A snapshot of Cloud Hypervisor's made a VM's own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "disk/chain.h"
#include "disk/copy.h"
#include "vmm/ch/ch.h"

/*
 * A balloon makes holes in whatever file the memory is in, mapped privately or
 * not: it gets a memory that is nobody else's and on no disk.
 */
static int
put_into_memfd(struct vm *vm, int dirfd, const struct load *load,
    struct error *err)
{
	/* Until it is started its directory only names what is to be read. */
	if (load_put_template(vm, dirfd, load, COPY_MAY_LINK | COPY_MAY_REFLINK,
		err) == -1)
		return -1;
	vm->memory = VM_MEMORY_MEMFD;
	snprintf(vm->memory_from, sizeof(vm->memory_from), "copied");
	return 0;
}

/* Where a memory that looks so goes: as put_memory() does it. */
static enum vm_memory
choose_memory(const struct ch_texts *texts, const struct load *load,
    bool can_reflink)
{
	if (!texts->can_map)
		return VM_MEMORY_PRIVATE;
	if (texts->has_balloon || (load->copy_memory && !can_reflink))
		return VM_MEMORY_MEMFD;
	return load->copy_memory ? VM_MEMORY_FILE : VM_MEMORY_TEMPLATE;
}

static int
put_memory(struct vm *vm, int dirfd, const struct load *load,
    const struct ch_texts *texts, struct error *err)
{
	if (texts->can_map && texts->has_balloon)
		return put_into_memfd(vm, dirfd, load, err);
	if (texts->can_map)
		return load_put_memory(vm, dirfd, load, err);
	if (load->copy_memory)
		return error_set(err, EX_UNAVAILABLE,
		    "--memory-mode copy: " CH_RANGES_NAME
		    " is more than one zone's memory");
	vm->memory = VM_MEMORY_PRIVATE;
	return load_share(load, dirfd, CH_RANGES_NAME, CH_RANGES_NAME,
	    COPY_MAY_LINK | COPY_MAY_REFLINK, err);
}

void
ch_spare_tap(char *out, const struct vm *vm, size_t i)
{
	snprintf(out, NIC_IFNAME_MAX + 1, "ic%.9s.%zu", vm->id, i % NIC_MAX);
}

/*
 * The guest has seen the saved NIC's address and keeps it, so a NIC with
 * another one is another NIC, which takes the saved one's place.  Until then
 * the saved one has a tap of nobody's, as the one has whose tap is not made.
 */
int
ch_plan_nics(struct ch_plan *plan, struct ch_config *c, const struct vm *vm,
    const struct taps *taps, struct error *err)
{
	char spare[NIC_IFNAME_MAX + 1];
	const struct nic *nic;
	const char *tap;
	size_t i;

	if (c->nets_n != vm->machine.nics.n)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %zu NICs, the VM has %zu", c->nets_n,
		    vm->machine.nics.n);
	plan->nets_n = (uint32_t)c->nets_n;
	plan->is_whole = true;
	for (i = 0; i < c->nets_n; i++) {
		nic = &vm->machine.nics.v[i];
		plan->is_replaced[i] = strcasecmp(c->nets[i].mac, nic->mac) !=
		    0;
		snprintf(plan->ids[i], sizeof(plan->ids[i]), "%s",
		    c->nets[i].id);
		ch_spare_tap(spare, vm, i);
		tap = spare;
		if (!plan->is_replaced[i] && taps != NULL)
			tap = taps->names[i];
		else if (!plan->is_replaced[i] && nic->kind == NIC_TAP)
			tap = nic->ifname;
		else if (!plan->is_replaced[i])
			plan->is_whole = false;
		if (ch_config_set_net(c, &c->nets[i], tap, c->nets[i].mac,
			err) == -1)
			return -1;
	}
	return 0;
}

/* The disk of the recorded configuration is now the VM's disk. */
static int
patch_disk(struct ch_config *c, const char *recorded,
    const struct storage *disk, struct error *err)
{
	const struct ch_disk *found = ch_config_find_disk(c, recorded);
	const struct chain_format *format = chain_format(disk->path);
	struct ch_disk_patch to = { .path = disk->path,
		.backing_files = disk->backing.n > 0,
		.image_type = ch_image_type(format) };

	if (found == NULL)
		return error_set(err, EX_DATAERR, CH_CONFIG_NAME ": no disk %s",
		    recorded);
	if (disk->direct_io == STORAGE_DIRECT_AUTO)
		to.direct = found->direct && format->is_flat;
	else
		to.direct = disk->direct_io == STORAGE_DIRECT_ON;
	return ch_config_set_disk(c, found, &to, err);
}

/*
 * Serial port and console are in the state or not, whatever is behind them:
 * the one that the guest was told to use gets the terminal.
 */
static int
patch_lines(struct ch_config *c, struct error *err)
{
	bool serial = strcmp(c->serial_mode, "Off") != 0;
	bool console = strcmp(c->console_mode, "Off") != 0;
	bool wants_console = console &&
	    (!serial ||
		(c->cmdline != NULL &&
		    strstr(c->cmdline, "console=hvc0") != NULL));

	return ch_config_set_lines(c,
	    !serial             ? "Off"
		: wants_console ? "Null"
				: "Tty",
	    !console            ? "Off"
		: wants_console ? "Tty"
				: "Null",
	    err);
}

static int
patch(struct ch_config *c, const struct vm *vm, const struct load *load,
    enum vm_memory memory, struct error *err)
{
	char *const *boot = vm->machine.boot;
	size_t i;

	for (i = 0; i < vm->machine.disks.n; i++)
		if (patch_disk(c, load->sidecar->machine.disks.v[i].path,
			&vm->machine.disks.v[i], err) == -1)
			return -1;
	/* Where it is the VMM's own no file that others named is it, either. */
	if (ch_config_set_memory(c, ch_memory_path(memory),
		memory != VM_MEMORY_TEMPLATE, err) == -1)
		return -1;
	if (patch_lines(c, err) == -1 ||
	    ch_config_set_vsock(c, CH_VSOCK, err) == -1 ||
	    ch_config_set_boot(c,
		boot[MACHINE_FIRMWARE] == NULL ? VM_KERNEL
					       : boot[MACHINE_KERNEL],
		boot[MACHINE_INITRD], boot[MACHINE_FIRMWARE], err) == -1)
		return -1;
	return ch_config_set_host(c, err);
}

int
ch_write_config(int dirfd, const struct ch_texts *texts, struct error *err)
{
	return fd_replace_file(dirfd, CH_CONFIG_NAME, texts->config,
	    texts->config_len, false, err);
}

int
ch_take_stripped(struct ch_texts *out, struct jdoc *tree, struct error *err)
{
	char *text;

	if (ch_state_strip(&text, &out->state_len, tree, err) == -1)
		return -1;
	out->state = text;
	return 0;
}

int
ch_take_config(struct ch_texts *out, const struct ch_config *c,
    struct error *err)
{
	char *text;

	if (ch_config_text(&text, &out->config_len, c, err) == -1)
		return -1;
	out->config = text;
	return 0;
}

/* A VM, and what it is made from. */
struct making {
	const struct vm *vm;
	const struct load *load;
	bool can_reflink;
};

/*
 * A memory-ranges that is laid out as a zone's file is one: it is mapped, and
 * the state told that it has no memory to read.
 */
static bool
can_be_mapped(const struct ch_pair *pair)
{
	return pair->config.zones_n <= 1 &&
	    (pair->state.saved_bytes == 0 || pair->state.saved_is_zone);
}

/* The pair as it is to be in the VM's directory, and what a start must know. */
static int
change_pair(struct ch_texts *out, struct ch_pair *pair, const struct making *m,
    struct error *err)
{
	enum vm_memory memory;

	out->can_map = can_be_mapped(pair);
	out->has_balloon = pair->config.has_balloon;
	memory = choose_memory(out, m->load, m->can_reflink);
	/* Every disk that the VM has by now has its place in the text. */
	out->plan.has_seed = storage_find(&m->vm->machine.disks,
				 STORAGE_CIDATA) != NULL;
	if (patch(&pair->config, m->vm, m->load, memory, err) == -1 ||
	    ch_plan_nics(&out->plan, &pair->config, m->vm, NULL, err) == -1 ||
	    ch_take_config(out, &pair->config, err) == -1)
		return -1;
	if (pair->state.saved_bytes == 0 || memory == VM_MEMORY_PRIVATE)
		return 0;
	return ch_take_stripped(out, pair->tree, err);
}

/* Of a memory that it has not got after all. */
static int
drop_places(const struct vm *vm, int dirfd, const struct load *load,
    struct error *err)
{
	const char *name = NULL;

	if (load->has_template && vm->memory == VM_MEMORY_PRIVATE)
		name = VM_TEMPLATE;
	else if (load->has_places && load->copy_memory &&
	    vm->memory != VM_MEMORY_FILE)
		name = VM_MEMORY;
	return name == NULL || unlinkat(dirfd, name, 0) == 0
	    ? 0
	    : error_sys(err, error_code_of(errno), "%s", name);
}

/* In the process: all that the pair is asked. */
static int
make_pair(struct ch_texts *out, void *arg, struct error *err)
{
	const struct making *m = arg;
	const struct load *load = m->load;
	struct ch_pair *pair = malloc(sizeof(*pair));
	int rc = -1;

	if (pair == NULL)
		return error_nomem(err, NULL);
	if (ch_pair_read(pair, load->from_dirfd,
		load->to_check ? load->envelope : NULL, err) == -1)
		goto out;
	if (!load->to_check ||
	    ch_pair_check(pair, &load->sidecar->machine, load->from_dirfd,
		err) == 0)
		rc = change_pair(out, pair, m, err);
	ch_pair_fini(pair);
out:
	free(pair);
	return rc;
}

static int
put_pair(const struct ch_texts *texts, int dirfd, const struct load *load,
    struct error *err)
{
	if (ch_write_config(dirfd, texts, err) == -1)
		return -1;
	return texts->state != NULL
	    ? fd_replace_file(dirfd, CH_STATE_NAME, texts->state,
		  texts->state_len, false, err)
	    : load_put(load, dirfd, CH_STATE_NAME, CH_STATE_NAME,
		  COPY_MAY_LINK | COPY_MAY_REFLINK, err);
}

/* For the start that follows, if it does in this process. */
static int
keep_plan(struct vm *vm, const struct ch_plan *plan, struct error *err)
{
	free(vm->of_state);
	vm->of_state = malloc(sizeof(*plan));
	if (vm->of_state == NULL)
		return error_nomem(err, NULL);
	memcpy(vm->of_state, plan, sizeof(*plan));
	return 0;
}

int
ch_put_guest(struct vm *vm, int dirfd, const struct load *load,
    struct error *err)
{
	struct making making = { vm, load,
		load->copy_memory && copy_can_reflink(dirfd) };
	struct ch_texts texts;
	int rc = -1;

	if (ch_aside_texts(&texts, make_pair, &making, load->from_dirfd, err) ==
	    -1)
		return -1;
	if (put_memory(vm, dirfd, load, &texts, err) == 0 &&
	    drop_places(vm, dirfd, load, err) == 0 &&
	    put_pair(&texts, dirfd, load, err) == 0)
		rc = keep_plan(vm, &texts.plan, err);
	free(texts.answer);
	return rc;
}
