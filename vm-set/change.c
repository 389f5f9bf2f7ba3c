/* SPDX-License-Identifier: ISC */
#include "change.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "vmm/own_disks.h"
#include "vmm/vmm.h"

#include "disks.h"
#include "live.h"

void
wishes_fini(struct wishes *w)
{
	strv_fini(&w->nics);
	strv_fini(&w->data_disks);
	strv_fini(&w->grow);
	strv_fini(&w->remove);
}

bool
wishes_machine(const struct wishes *w)
{
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		if (w->boot[i] != NULL)
			return true;
	return w->cpu != NULL || w->memory != NULL || w->storage != NULL ||
	    w->cmdline != NULL || w->no_nics || w->nics.n > 0 ||
	    w->data_disks.n > 0 || w->grow.n > 0 || w->remove.n > 0;
}

void
change_fini(struct change *c)
{
	datadisk_list_fini(&c->data);
	nic_list_fini(&c->old_nics);
	strv_fini(&c->gone);
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

static int
change_boot(struct machine *m, const struct wishes *w, struct error *err)
{
	char **boot = m->boot;
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		if (w->boot[i] != NULL &&
		    machine_set_boot(m, (enum machine_boot)i,
			w->boot[i][0] == '\0' ? NULL : vm_boot_names[i],
			err) == -1)
			return -1;
	if (w->cmdline != NULL &&
	    set_cmdline(&m->cmdline, w->cmdline, err) == -1)
		return -1;
	if (boot[MACHINE_KERNEL] != NULL && boot[MACHINE_FIRMWARE] != NULL)
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
	    storage_find(&m->disks, STORAGE_COW) == NULL)
		return error_set(err, EX_USAGE,
		    "nothing to boot: a kernel, firmware or a disk is needed");
	return 0;
}

/* One that was there keeps its address unless another one is given. */
static int
add_nic(struct nic_list *list, const struct nic_list *old, const char *spec,
    struct error *err)
{
	char *text = NULL;
	int rc;

	if (list->n >= old->n || strstr(spec, "mac=") != NULL)
		return nic_list_parse(list, spec, err);
	if (asprintf(&text, "%s,mac=%s", spec, old->v[list->n].mac) == -1)
		return error_nomem(err, "NIC");
	rc = nic_list_parse(list, text, err);
	free(text);
	return rc;
}

/* Those that are given are all that it has. */
int
change_nics(struct machine *m, const struct wishes *w, struct error *err)
{
	struct nic_list list = { 0 };
	size_t i;

	if (w->nics.n == 0 && !w->no_nics)
		return 0;
	for (i = 0; i < w->nics.n; i++)
		if (add_nic(&list, &m->nics, w->nics.v[i], err) == -1) {
			nic_list_fini(&list);
			return -1;
		}
	nic_list_fini(&m->nics);
	m->nics = list;
	return 0;
}

int
change_plan(struct change *c, const struct timespec *now, struct error *err)
{
	const struct wishes *w = c->wishes;
	struct vm *vm = &c->at->vm;

	if (!wishes_machine(w))
		return 0;
	if (vm_is_alive(vm))
		return live_plan(c, err);
	/* What is loaded fits what was saved. */
	if (vm->to_load)
		return error_set(err, EX_NOPERM,
		    "its next start loads a snapshot, which fixes what it is "
		    "made of; only its name can change now");
	/* As its next start would do; what is copied to grow is its own. */
	if ((w->storage != NULL || w->grow.n > 0) && !w->grow_fs &&
	    own_disks(c->at, now, err) == -1)
		return -1;
	if (change_sizes(&vm->machine, w, err) == -1 ||
	    change_nics(&vm->machine, w, err) == -1 ||
	    disks_plan(c, err) == -1 || change_boot(&vm->machine, w, err) == -1)
		return -1;
	return vmm_check_vm(vm, err);
}
