/* SPDX-License-Identifier: ISC */
#include "change.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "vmm/own_disks.h"
#include "vmm/vmm.h"

#include "disks.h"
#include "live.h"
#include "nics.h"

void
change_fini(struct change *c)
{
	datadisk_list_fini(&c->data);
	nic_list_fini(&c->old_nics);
	strv_fini(&c->gone);
	flash_fini(&c->firmware);
}

static int
change_sizes(struct machine *m, const struct wishes *w, struct error *err)
{
	if (w->cpu != NULL &&
	    num_u64(&m->cpu, w->cpu, 1, VM_CPU_MAX, err) == -1)
		return error_wrap(err, "--cpu");
	if (w->memory == NULL)
		return 0;
	if (num_size(&m->memory_bytes, w->memory, VM_MEMORY_MIN, VM_MEMORY_MAX,
		err) == -1)
		return error_wrap(err, "--memory");
	if (m->memory_bytes % VM_MEMORY_MIN != 0)
		return error_set(err, EX_USAGE,
		    "--memory: %s: not a multiple of 1M", w->memory);
	return 0;
}

/* A new text in the place of *slot; "": none. */
static int
set_cmdline(char **slot, const char *text, struct error *err)
{
	char *copy = NULL;

	if (strlen(text) > VM_CMDLINE_MAX)
		return error_set(err, EX_USAGE,
		    "--cmdline: longer than %d bytes", VM_CMDLINE_MAX);
	if (text[0] != '\0') {
		copy = strdup(text);
		if (copy == NULL)
			return error_nomem(err, "command line");
	}
	free(*slot);
	*slot = copy;
	return 0;
}

/* Firmware takes its variables along, and what was there goes. */
static int
plan_firmware(struct change *c, struct error *err)
{
	const struct wishes *w = c->wishes;
	const char *wanted = w->boot[MACHINE_FIRMWARE];
	const char *vars = w->boot[MACHINE_VARS];
	const char *hypervisor = c->at->vm.machine.hypervisor;

	memcpy(c->boot, w->boot, sizeof(c->boot));
	if (wanted == NULL && vars == NULL)
		return 0;
	if (wanted != NULL && wanted[0] == '\0')
		wanted = NULL;
	if (flash_plan(&c->firmware, wanted, vars,
		vmm_traits(hypervisor)->has_flash, err) == -1)
		return -1;
	c->boot[MACHINE_FIRMWARE] = c->firmware.code == NULL ? ""
							     : c->firmware.code;
	c->boot[MACHINE_VARS] = c->firmware.vars == NULL ? ""
							 : c->firmware.vars;
	return 0;
}

static int
change_boot(struct change *c, struct error *err)
{
	const struct wishes *w = c->wishes;
	struct machine *m = &c->at->vm.machine;
	char **boot = m->boot;
	size_t i;

	if (plan_firmware(c, err) == -1)
		return -1;
	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		if (c->boot[i] != NULL &&
		    machine_set_boot(m, (enum machine_boot)i,
			c->boot[i][0] == '\0' ? NULL : vm_boot_names[i],
			err) == -1)
			return -1;
	if (w->cmdline != NULL &&
	    set_cmdline(&m->cmdline, w->cmdline, err) == -1)
		return -1;
	if (boot[MACHINE_KERNEL] != NULL &&
	    (boot[MACHINE_FIRMWARE] != NULL || boot[MACHINE_VARS] != NULL))
		return error_set(err, EX_USAGE,
		    "--firmware and --kernel exclude each other: '' takes one "
		    "away");
	if (boot[MACHINE_KERNEL] == NULL && boot[MACHINE_INITRD] != NULL)
		return error_set(err, EX_USAGE,
		    "an initrd needs a kernel: --initrd '' takes it away");
	if (boot[MACHINE_KERNEL] == NULL && m->cmdline != NULL)
		return error_set(err, EX_USAGE,
		    "a command line needs a kernel: --cmdline '' takes it "
		    "away");
	if (boot[MACHINE_KERNEL] == NULL && boot[MACHINE_FIRMWARE] == NULL &&
	    boot[MACHINE_VARS] == NULL &&
	    storage_find(&m->disks, STORAGE_COW) == NULL)
		return error_set(err, EX_USAGE,
		    "nothing to boot: a kernel, firmware or a disk is needed");
	return 0;
}

/* Whoever keeps the bound was told of it when the VM was started. */
static int
change_console(struct vm *vm, const char *wanted, struct error *err)
{
	if (wanted == NULL)
		return 0;
	if (machine_parse_console_max(&vm->machine.console_max_bytes, wanted,
		err) == -1)
		return error_wrap(err, "--console-max");
	return vm_is_alive(vm)
	    ? error_set(err, EX_NOPERM,
		  "running: the bound of its log cannot change now; vm-stop "
		  "first")
	    : 0;
}

int
change_plan(struct change *c, const struct timespec *now, struct error *err)
{
	const struct wishes *w = c->wishes;
	struct vm *vm = &c->at->vm;

	if (vm->proc.pid != 0 && !vm_is_alive(vm) &&
	    vmm_note_end(vm, c->at->dirfd, !vmm_broke_down(vm, c->at->dirfd),
		now, err) == -1)
		return -1;
	if (change_console(vm, w->console_max, err) == -1)
		return -1;
	if (!wishes_machine(w))
		return 0;
	if (vm_is_alive(vm))
		return live_plan(c, err);
	/* What is loaded fits what was saved. */
	if (vm->to_load)
		return error_set(err, EX_NOPERM,
		    "its next start loads a snapshot, which fixes what it is "
		    "made of; only its name, its description and "
		    "--console-max can change now");
	/* As its next start would do; what is copied to grow is its own. */
	if ((w->storage != NULL || w->grow.n > 0) && !w->grow_fs &&
	    own_disks(c->at, now, err) == -1)
		return -1;
	if (change_sizes(&vm->machine, w, err) == -1 ||
	    nics_change(&vm->machine, w, err) == -1 ||
	    disks_plan(c, err) == -1 || change_boot(c, err) == -1)
		return -1;
	return vmm_check_vm(vm, err);
}
