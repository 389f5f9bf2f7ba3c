/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/num.h"
#include "base/opt.h"
#include "state/label.h"
#include "vmm/cgroup.h"
#include "vmm/vmm.h"

#include "data.h"
#include "seed.h"

#define CONFIG_BYTES_MAX (1u << 20)
#define CONFIG_TEXT_MAX ENVELOPE_DESCRIPTION_MAX /* the longest of them */
#define DEFAULT_MEMORY (512 * NUM_MIB)
#define STORAGE_MIN (UINT64_C(1) << 20) /* bytes: less holds no ext4 */

void
wishes_fini(struct wishes *wishes)
{
	strv_fini(&wishes->layers);
	strv_fini(&wishes->nics);
	strv_fini(&wishes->data_disks);
	strv_fini(&wishes->ssh_keys);
	while (wishes->texts_n > 0)
		free(wishes->texts[--wishes->texts_n]);
}

/* The text of a member that may be a string or an integer; NULL: absent. */
static int
member_text(struct wishes *w, const json_t *object, const char *key,
    const char **slot, struct error *err)
{
	const json_t *value = json_object_get(object, key);
	char *text = NULL;

	if (value == NULL || *slot != NULL)
		return 0;
	if (json_is_integer(value)) {
		if (asprintf(&text, "%" JSON_INTEGER_FORMAT,
			json_integer_value(value)) == -1)
			return error_nomem(err, NULL);
	} else if (!json_is_string(value))
		return error_set(err, EX_DATAERR,
		    "\"%s\" is neither a string nor an integer", key);
	else if (json_get_strdup(object, key, &text, CONFIG_TEXT_MAX,
		     JSON_REQUIRED, err) == -1)
		return -1;
	w->texts[w->texts_n++] = text;
	*slot = text;
	return 0;
}

/* An array of strings, where the options gave none. */
static int
member_list(const json_t *object, const char *key, struct strv *list,
    struct error *err)
{
	const json_t *array, *value;
	size_t i;

	if (list->n > 0)
		return 0;
	if (json_get_array(object, key, &array, STORAGE_MAX, JSON_OPTIONAL,
		err) == -1)
		return -1;
	json_array_foreach(array, i, value)
	{
		if (!json_is_string(value))
			return error_set(err, EX_DATAERR,
			    "%s[%zu] is not a string", key, i);
		if (strv_add(list, err, "%s", json_string_value(value)) == -1)
			return -1;
	}
	return 0;
}

static int
take_members(struct wishes *w, const json_t *object, struct error *err)
{
	const struct {
		const char *key;
		const char **slot;
	} members[] = {
		{ "name", &w->name },
		{ "description", &w->description },
		{ "hypervisor", &w->hypervisor },
		{ "cpu", &w->cpu },
		{ "memory", &w->memory },
		{ "kernel", &w->kernel },
		{ "initrd", &w->initrd },
		{ "cmdline", &w->cmdline },
		{ "firmware", &w->firmware },
		{ "firmware_vars", &w->firmware_vars },
		{ "base", &w->base },
		{ "storage", &w->storage },
		{ "accel", &w->accel },
		{ "memory_backing", &w->memory_backing },
		{ "console_max", &w->console_max },
		{ "cgroup", &w->cgroup },
		{ "storage_config", &w->storage_config },
		{ "user", &w->user },
		{ "password_file", &w->password_file },
		{ "user_data", &w->user_data },
	};
	const size_t n = sizeof(members) / sizeof(members[0]);
	const char *key;
	json_t *value, *known;
	size_t i;

	/* A name that nobody reads is a mistake of whoever wrote it. */
	known = json_pack("{s:b, s:b, s:b, s:b, s:b, s:b}", "layer", 1, "nic",
	    1, "data_disk", 1, "ssh_key", 1, "no_cidata", 1, "agent", 1);
	for (i = 0; i < n; i++)
		json_object_set_new(known, members[i].key, json_true());
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		if (json_object_get(known, key) == NULL) {
			json_decref(known);
			return error_set(err, EX_DATAERR,
			    "unknown member \"%s\"", key);
		}
	}
	json_decref(known);
	for (i = 0; i < n; i++)
		if (member_text(w, object, members[i].key, members[i].slot,
			err) == -1)
			return -1;
	if (member_list(object, "layer", &w->layers, err) == -1 ||
	    member_list(object, "nic", &w->nics, err) == -1)
		return -1;
	if (member_list(object, "data_disk", &w->data_disks, err) == -1 ||
	    member_list(object, "ssh_key", &w->ssh_keys, err) == -1)
		return -1;
	if (!w->no_cidata &&
	    json_get_bool(object, "no_cidata", &w->no_cidata, JSON_OPTIONAL,
		err) == -1)
		return -1;
	return w->agent
	    ? 0
	    : json_get_bool(object, "agent", &w->agent, JSON_OPTIONAL, err);
}

static int
parse_stdin(json_t **out, const char *what, struct error *err)
{
	char *text;
	size_t len;
	int rc;

	if (fd_read_all(&text, &len, STDIN_FILENO, CONFIG_BYTES_MAX, what,
		err) == -1)
		return -1;
	rc = json_parse(out, text, len, err);
	free(text);
	return rc == -1 ? error_wrap(err, "--config: %s", what) : 0;
}

int
wishes_read_config(struct wishes *wishes, struct error *err)
{
	const char *what = wishes->config;
	json_t *object;
	int rc;

	if (what == NULL)
		return 0;
	if (strcmp(what, "-") == 0) {
		what = "standard input";
		rc = parse_stdin(&object, what, err);
	} else
		rc = json_parse_file(&object, AT_FDCWD, what, CONFIG_BYTES_MAX,
		    err);
	if (rc == -1)
		return -1;
	rc = json_is_object(object)
	    ? take_members(wishes, object, err)
	    : error_set(err, EX_DATAERR, "not an object");
	json_decref(object);
	return rc == -1 ? error_wrap(err, "--config: %s", what) : 0;
}

static int
plan_boot(struct plan *plan, const struct wishes *w, struct error *err)
{
	const struct vmm_traits *has = vmm_traits(plan->vm.machine.hypervisor);
	const char *given[MACHINE_BOOT_FILES] = { w->kernel, w->initrd };
	size_t i;

	if (w->firmware != NULL && w->kernel != NULL)
		return error_set(err, EX_USAGE,
		    "--firmware and --kernel exclude each other");
	if (w->kernel == NULL && w->initrd != NULL)
		return error_set(err, EX_USAGE, "--initrd needs --kernel");
	if (w->kernel == NULL && w->cmdline != NULL)
		return error_set(err, EX_USAGE, "--cmdline needs --kernel");
	if (w->kernel == NULL && w->base == NULL && w->firmware == NULL)
		return error_set(err, EX_USAGE,
		    "nothing to boot: --kernel, --firmware or --base is needed");
	plan->kernel = w->kernel;
	plan->initrd = w->initrd;
	if (flash_plan(&plan->firmware, w->firmware, w->firmware_vars,
		has->has_flash, err) == -1)
		return -1;
	given[MACHINE_FIRMWARE] = plan->firmware.code;
	given[MACHINE_VARS] = plan->firmware.vars;
	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		if (given[i] != NULL &&
		    machine_set_boot(&plan->vm.machine, (enum machine_boot)i,
			vm_boot_names[i], err) == -1)
			return -1;
	if (w->cmdline == NULL)
		return 0;
	if (strlen(w->cmdline) > VM_CMDLINE_MAX)
		return error_set(err, EX_USAGE,
		    "--cmdline: longer than %d bytes", VM_CMDLINE_MAX);
	plan->vm.machine.cmdline = strdup(w->cmdline);
	return plan->vm.machine.cmdline == NULL ? error_nomem(err, NULL) : 0;
}

static int
plan_sizes(struct vm *vm, const struct wishes *w, struct error *err)
{
	vm->machine.cpu = 1;
	vm->machine.memory_bytes = DEFAULT_MEMORY;
	if (w->cpu != NULL &&
	    num_u64(&vm->machine.cpu, w->cpu, 1, VM_CPU_MAX, err) == -1)
		return error_wrap(err, "--cpu");
	if (w->memory != NULL &&
	    num_size(&vm->machine.memory_bytes, w->memory, VM_MEMORY_MIN,
		VM_MEMORY_MAX, err) == -1)
		return error_wrap(err, "--memory");
	if (vm->machine.memory_bytes % VM_MEMORY_MIN != 0)
		return error_set(err, EX_USAGE,
		    "--memory: %s: not a multiple of 1M", w->memory);
	if (w->console_max != NULL &&
	    machine_parse_console_max(&vm->machine.console_max_bytes,
		w->console_max, err) == -1)
		return error_wrap(err, "--console-max");
	if (cgroup_check(w->cgroup, err) == -1 ||
	    vm_set_cgroup_choice(vm, w->cgroup, err) == -1)
		return -1;
	if (w->storage != NULL &&
	    num_size(&vm->machine.storage_bytes, w->storage, STORAGE_MIN,
		ENVELOPE_FILE_BYTES_MAX, err) == -1)
		return error_wrap(err, "--storage");
	if (vm->machine.storage_bytes % 512 != 0)
		return error_set(err, EX_USAGE,
		    "--storage: %s: not a multiple of 512", w->storage);
	return 0;
}

static int
plan_choices(struct vm *vm, const struct wishes *w, struct error *err)
{
	const char *hypervisor = w->hypervisor == NULL ? vmm_hypervisor(0)
						       : w->hypervisor;

	if (vmm_check_hypervisor(hypervisor, err) == -1)
		return error_wrap(err, "--hypervisor");
	snprintf(vm->machine.hypervisor, sizeof(vm->machine.hypervisor), "%s",
	    hypervisor);
	if (w->accel != NULL && !vm_accel_parse(&vm->accel_choice, w->accel))
		return error_set(err, EX_USAGE,
		    "--accel: %s: not auto, kvm or tcg", w->accel);
	/* What else there is only a clone has. */
	if (w->memory_backing != NULL &&
	    (!vm_memory_parse(&vm->memory_choice, w->memory_backing) ||
		vm->memory_choice > VM_MEMORY_MEMFD))
		return error_set(err, EX_USAGE,
		    "--memory-backing: %s: not auto, file or memfd",
		    w->memory_backing);
	return 0;
}

static int
plan_nics(struct vm *vm, const struct wishes *w, struct error *err)
{
	size_t i;

	for (i = 0; i < w->nics.n; i++)
		if (nic_list_parse(&vm->machine.nics, w->nics.v[i], err) == -1)
			return -1;
	return 0;
}

static int
plan_data(struct plan *plan, const struct wishes *w, struct error *err)
{
	if (w->storage_config != NULL &&
	    data_read_configs(&plan->ready, w->storage_config, err) == -1)
		return -1;
	if (w->data_disks.n > 0 &&
	    datadisk_parse(&plan->data, (const char *const *)w->data_disks.v,
		w->data_disks.n, &plan->ready, err) == -1)
		return error_wrap(err, "--data-disk");
	return seed_read(plan, w, err);
}

static int
check_stdin(const struct wishes *w, struct error *err)
{
	const struct {
		const char *value, *name;
	} readers[] = {
		{ w->config, "--config" },
		{ w->storage_config, "--storage-config" },
		{ w->password, "--password" },
		{ w->password_file, "--password-file" },
		{ w->user_data, "--user-data" },
	};
	const char *first = NULL;
	size_t i;

	for (i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (opt_reads_stdin(&first, readers[i].value, readers[i].name,
			err) == -1)
			return -1;
	for (i = 0; i < w->ssh_keys.n; i++)
		if (opt_reads_stdin(&first, w->ssh_keys.v[i], "--ssh-key",
			err) == -1)
			return -1;
	return 0;
}

/* Only vm-set takes something away by an empty name. */
static int
check_files(const struct wishes *w, struct error *err)
{
	const struct {
		const char *value, *name;
	} files[] = {
		{ w->kernel, "--kernel" },
		{ w->initrd, "--initrd" },
		{ w->firmware, "--firmware" },
		{ w->firmware_vars, "--firmware-vars" },
		{ w->base, "--base" },
	};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i].value != NULL && files[i].value[0] == '\0')
			return error_set(err, EX_USAGE, "%s: an empty name",
			    files[i].name);
	return 0;
}

int
wishes_plan(struct plan *plan, const struct wishes *w, struct error *err)
{
	size_t i;

	if (check_stdin(w, err) == -1 || check_files(w, err) == -1)
		return -1;
	if (w->name != NULL && !envelope_is_name(w->name))
		return error_set(err, EX_USAGE, "--name: %s: not a name: %s",
		    w->name, ENVELOPE_NAME_RULE);
	if (w->description != NULL &&
	    label_check_description(w->description, err) == -1)
		return -1;
	if (vm_set_description(&plan->vm, w->description, err) == -1)
		return -1;
	plan->name = w->name;
	plan->base = w->base;
	plan->vm.machine.agent = w->agent;
	for (i = 0; i < w->layers.n; i++)
		if (strv_add(&plan->layers, err, "%s", w->layers.v[i]) == -1)
			return -1;
	if (plan_choices(&plan->vm, w, err) == -1 ||
	    plan_boot(plan, w, err) == -1 ||
	    plan_sizes(&plan->vm, w, err) == -1 ||
	    plan_nics(&plan->vm, w, err) == -1 ||
	    vmm_check_vm(&plan->vm, err) == -1)
		return -1;
	return plan_data(plan, w, err);
}
