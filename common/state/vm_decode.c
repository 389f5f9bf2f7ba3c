/* SPDX-License-Identifier: ISC */
/* vm.json read: a record of ours, checked like a stranger's. */
#include "state/vm.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/path.h"
#include "state/inplace.h"
#include "state/vm_impl.h"

#define HYPERVISOR_MAX 19 /* bytes of a driver's name */

static int
get_memory(const json_t *obj, const char *key, enum vm_memory *out,
    struct error *err)
{
	char text[16] = "auto";

	if (json_get_str(obj, key, text, sizeof(text), JSON_OPTIONAL, err) ==
	    -1)
		return -1;
	return vm_memory_parse(out, text)
	    ? 0
	    : error_set(err, EX_DATAERR, "\"%s\" is %s", key, text);
}

static int
get_accel(const json_t *obj, const char *key, enum vm_accel *out,
    struct error *err)
{
	char text[8] = "auto";

	if (json_get_str(obj, key, text, sizeof(text), JSON_OPTIONAL, err) ==
	    -1)
		return -1;
	return vm_accel_parse(out, text)
	    ? 0
	    : error_set(err, EX_DATAERR, "\"%s\" is %s", key, text);
}

/* Which boot files the VM has: its members are called as they are. */
static int
decode_boot(struct machine *m, const json_t *config, struct error *err)
{
	bool has;
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++) {
		has = false;
		if (json_get_bool(config, vm_boot_names[i], &has, JSON_OPTIONAL,
			err) == -1 ||
		    (has &&
			machine_set_boot(m, (enum machine_boot)i,
			    vm_boot_names[i], err) == -1))
			return -1;
	}
	return 0;
}

static int
decode_config(struct vm *vm, const json_t *record, struct error *err)
{
	const json_t *c;

	if (json_get_object(record, "config", &c, JSON_REQUIRED, err) == -1)
		return -1;
	if (json_get_u64(c, "cpu", &vm->machine.cpu, 0, VM_CPU_MAX,
		JSON_REQUIRED, err) == -1 ||
	    json_get_u64(c, "memory", &vm->machine.memory_bytes, VM_MEMORY_MIN,
		VM_MEMORY_MAX, JSON_REQUIRED, err) == -1 ||
	    json_get_u64(c, "storage", &vm->machine.storage_bytes, 0,
		ENVELOPE_FILE_BYTES_MAX, JSON_OPTIONAL, err) == -1 ||
	    json_get_u64(c, "console_max", &vm->machine.console_max_bytes,
		MACHINE_CONSOLE_MIN, MACHINE_CONSOLE_MAX, JSON_OPTIONAL,
		err) == -1 ||
	    json_get_bool(c, "agent", &vm->machine.agent, JSON_OPTIONAL, err) ==
		-1 ||
	    json_get_str(c, "machine", vm->machine.type,
		sizeof(vm->machine.type), JSON_OPTIONAL, err) == -1 ||
	    json_get_str(c, "cpu_model", vm->machine.cpu_model,
		sizeof(vm->machine.cpu_model), JSON_OPTIONAL, err) == -1 ||
	    json_get_str(c, "saved_version", vm->saved_version,
		sizeof(vm->saved_version), JSON_OPTIONAL, err) == -1 ||
	    decode_boot(&vm->machine, c, err) == -1 ||
	    json_get_strdup(c, "cgroup", &vm->cgroup_choice, VM_CGROUP_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_strdup(c, "cmdline", &vm->machine.cmdline,
		SIDECAR_CMDLINE_MAX, JSON_OPTIONAL, err) == -1 ||
	    json_get_strdup(c, "image", &vm->machine.image, ENVELOPE_IMAGE_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    get_memory(c, "memory_backing", &vm->memory_choice, err) == -1 ||
	    get_accel(c, "accel", &vm->accel_choice, err) == -1)
		return error_wrap(err, "config");
	return 0;
}

static int
decode_process(struct vm *vm, const json_t *record, struct error *err)
{
	const json_t *p;
	uint64_t pid = 0;

	if (json_get_object(record, "process", &p, JSON_OPTIONAL, err) == -1)
		return -1;
	if (p == NULL)
		return 0;
	if (json_get_u64(p, "pid", &pid, 1, INT32_MAX, JSON_REQUIRED, err) ==
		-1 ||
	    json_get_u64(p, "start_ticks", &vm->proc.start_ticks, 0, INT64_MAX,
		JSON_REQUIRED, err) == -1 ||
	    json_get_str(p, "boot_id", vm->proc.boot_id,
		sizeof(vm->proc.boot_id), JSON_REQUIRED, err) == -1 ||
	    json_get_u64(p, "pid_ns", &vm->proc.pid_ns, 0, INT64_MAX,
		JSON_REQUIRED, err) == -1 ||
	    json_get_bool(p, "tidies", &vm->tidies, JSON_OPTIONAL, err) == -1)
		return error_wrap(err, "process");
	vm->proc.pid = (pid_t)pid;
	return 0;
}

static int
decode_digest(struct digest *out, uint64_t *size, const json_t *obj,
    struct error *err)
{
	char text[DIGEST_TEXT_MAX] = "";

	if (json_get_u64(obj, "size", size, 0, ENVELOPE_FILE_BYTES_MAX,
		JSON_REQUIRED, err) == -1 ||
	    json_get_str(obj, "fsverity", text, sizeof(text), JSON_REQUIRED,
		err) == -1)
		return -1;
	return digest_parse(out, text, err);
}

static int
check_name(const char *name, struct error *err)
{
	if (!path_is_name(name))
		return error_set(err, EX_DATAERR,
		    "\"name\" is \"%s\", not a file's name", name);
	return 0;
}

static int
decode_layer(struct vm *vm, const json_t *obj, struct error *err)
{
	struct layer layer = { 0 };
	int rc = -1;

	if (json_get_strdup(obj, "name", &layer.name, VM_FILE_MAX,
		JSON_REQUIRED, err) == 0 &&
	    json_get_strdup(obj, "path", &layer.path, STORAGE_PATH_MAX,
		JSON_OPTIONAL, err) == 0 &&
	    check_name(layer.name, err) == 0 &&
	    decode_digest(&layer.digest, &layer.size_bytes, obj, err) == 0)
		rc = layer_list_add(&vm->machine.layers, &layer, err);
	free(layer.name);
	free(layer.path);
	return rc;
}

static int
decode_frozen(struct vm *vm, const json_t *obj, struct error *err)
{
	char name[VM_FILE_MAX + 1] = "";
	struct digest digest;
	uint64_t size = 0;

	if (json_get_str(obj, "name", name, sizeof(name), JSON_REQUIRED, err) ==
		-1 ||
	    check_name(name, err) == -1 ||
	    decode_digest(&digest, &size, obj, err) == -1)
		return -1;
	return vm_add_frozen(vm, name, size, &digest, err);
}

typedef int decode_entry(struct vm *, const json_t *, struct error *);

static int
decode_each(struct vm *vm, const json_t *record, const char *key, size_t max,
    decode_entry *entry, struct error *err)
{
	const json_t *array, *value;
	size_t i;

	if (json_get_array(record, key, &array, max, JSON_OPTIONAL, err) == -1)
		return -1;
	json_array_foreach(array, i, value)
	{
		if (entry(vm, value, err) == -1)
			return error_wrap(err, "%s[%zu]", key, i);
	}
	return 0;
}

static int
decode_snapshot_id(struct vm *vm, const json_t *value, struct error *err)
{
	if (!json_is_string(value) || !id_is_valid(json_string_value(value)))
		return error_set(err, EX_DATAERR, "not an id");
	/* The record says it twice. */
	if (strcmp(json_string_value(value), vm->cloned_from) == 0)
		return 0;
	return strv_add(&vm->snapshot_ids, err, "%s", json_string_value(value));
}

static int
decode_times(struct vm *vm, const json_t *record, struct error *err)
{
	const struct {
		const char *key;
		char *out;
	} times[] = {
		{ "created_at", vm->created_at },
		{ "updated_at", vm->updated_at },
		{ "started_at", vm->started_at },
		{ "stopped_at", vm->stopped_at },
		{ "restored_at", vm->restored_at },
		{ "saved_at", vm->saved_at },
	};
	size_t i;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (json_get_str(record, times[i].key, times[i].out,
			RFC3339_MAX, JSON_OPTIONAL, err) == -1)
			return -1;
	return 0;
}

static int
decode(struct vm *vm, const json_t *record, struct error *err)
{
	const json_t *disks, *nics;
	uint64_t version = 0;

	if (json_get_u64(record, "record", &version, VM_RECORD_VERSION,
		VM_RECORD_VERSION, JSON_REQUIRED, err) == -1 ||
	    json_get_str(record, "id", vm->id, sizeof(vm->id), JSON_REQUIRED,
		err) == -1 ||
	    json_get_str(record, "name", vm->name, sizeof(vm->name),
		JSON_OPTIONAL, err) == -1 ||
	    json_get_strdup(record, "description", &vm->description,
		ENVELOPE_DESCRIPTION_MAX, JSON_OPTIONAL, err) == -1 ||
	    json_get_str(record, "user", vm->user, sizeof(vm->user),
		JSON_OPTIONAL, err) == -1 ||
	    json_get_str(record, "hypervisor", vm->machine.hypervisor,
		HYPERVISOR_MAX + 1, JSON_REQUIRED, err) == -1 ||
	    decode_config(vm, record, err) == -1 ||
	    decode_process(vm, record, err) == -1 ||
	    decode_times(vm, record, err) == -1 ||
	    get_memory(record, "memory_backing", &vm->memory, err) == -1 ||
	    get_accel(record, "accel", &vm->accel, err) == -1 ||
	    json_get_bool(record, "to_load", &vm->to_load, JSON_OPTIONAL,
		err) == -1 ||
	    vm_get_thaw(&vm->thaw, record, err) == -1 ||
	    json_get_bool(record, "auto_remove", &vm->auto_remove,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_bool(record, "diff_base_lost", &vm->diff_base_lost,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_u64(record, "console_from", &vm->console_from, 0,
		INT64_MAX, JSON_OPTIONAL, err) == -1 ||
	    json_get_bool(record, "console_marked", &vm->console_marked,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_str(record, "memory_from", vm->memory_from,
		sizeof(vm->memory_from), JSON_OPTIONAL, err) == -1 ||
	    json_get_str(record, "cloned_from", vm->cloned_from,
		sizeof(vm->cloned_from), JSON_OPTIONAL, err) == -1 ||
	    json_get_str(record, "restored_from", vm->restored_from,
		sizeof(vm->restored_from), JSON_OPTIONAL, err) == -1 ||
	    json_get_strdup(record, "depends_on", &vm->depends_on,
		INPLACE_PATH_MAX, JSON_OPTIONAL, err) == -1 ||
	    json_get_strdup(record, "cgroup", &vm->cgroup, VM_CGROUP_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_strdup(record, "error", &vm->error, ERROR_MSG_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_array(record, "storage_configs", &disks, STORAGE_MAX,
		JSON_REQUIRED, err) == -1)
		return -1;
	if (!id_is_valid(vm->id))
		return error_set(err, EX_DATAERR, "\"id\" is %s", vm->id);
	if (vm->cloned_from[0] != '\0' && !id_is_valid(vm->cloned_from))
		return error_set(err, EX_DATAERR, "\"cloned_from\" is %s",
		    vm->cloned_from);
	if (vm->cgroup != NULL && vm->cgroup[0] != '/')
		return error_set(err, EX_DATAERR, "\"cgroup\" is %s",
		    vm->cgroup);
	if (vm->depends_on != NULL && vm->depends_on[0] != '/')
		return error_set(err, EX_DATAERR, "\"depends_on\" is %s",
		    vm->depends_on);
	if (vm->name[0] != '\0' && !envelope_is_name(vm->name))
		return error_set(err, EX_DATAERR, "\"name\" is %s", vm->name);
	if (vm->user[0] != '\0' && !cidata_is_user(vm->user))
		return error_set(err, EX_DATAERR, "\"user\" is %s", vm->user);
	if (storage_list_decode(&vm->machine.disks, disks, err) == -1)
		return error_wrap(err, "storage_configs");
	if (json_get_array(record, "network_configs", &nics, NIC_MAX,
		JSON_OPTIONAL, err) == -1)
		return -1;
	if (nics != NULL && nic_list_decode(&vm->machine.nics, nics, err) == -1)
		return error_wrap(err, "network_configs");
	if (vm_get_identity(&vm->identity, record, err) == -1 ||
	    vm_get_confined(&vm->confined, record, err) == -1 ||
	    decode_each(vm, record, "layers", VM_LAYERS_MAX, decode_layer,
		err) == -1 ||
	    decode_each(vm, record, "frozen", VM_FROZEN_MAX, decode_frozen,
		err) == -1 ||
	    decode_each(vm, record, "snapshot_ids", VM_SNAPSHOTS_MAX,
		decode_snapshot_id, err) == -1)
		return -1;
	return 0;
}

int
vm_decode(struct vm *out, const json_t *record, struct error *err)
{
	struct vm vm;

	vm_init(&vm);
	if (decode(&vm, record, err) == -1) {
		vm_fini(&vm);
		return error_wrap(err, "%s", VM_RECORD_NAME);
	}
	*out = vm;
	return 0;
}

/* Whether a process that /proc does not show has its log open. */
static bool
is_held(int dirfd)
{
	bool is;
	int fd;

	if (fd_open_file(&fd, NULL, dirfd, VM_VMM_LOG, O_RDONLY, NULL) == -1)
		return false;
	is = lock_is_marked(fd);
	fd_drop(&fd);
	return is;
}

int
vm_read(struct vm *out, int dirfd, struct error *err)
{
	json_t *record;
	int rc;

	if (json_parse_file(&record, dirfd, VM_RECORD_NAME, VM_RECORD_BYTES_MAX,
		err) == -1)
		return -1;
	rc = vm_decode(out, record, err);
	json_decref(record);
	if (rc == 0)
		out->elsewhere = proc_is_elsewhere(&out->proc) &&
		    is_held(dirfd);
	return rc;
}
