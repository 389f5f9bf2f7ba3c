/* SPDX-License-Identifier: ISC */
/* vm.json written, and the report that tools print. */
#include "state/vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/rfc3339.h"
#include "state/vm_impl.h"

/* Puts a string that is not empty. */
static int
put_some(json_t *obj, const char *key, const char *text, struct error *err)
{
	if (text == NULL || text[0] == '\0')
		return 0;
	return json_put_str(obj, key, text, err);
}

static int
put_boot(json_t *config, const struct machine *m, struct error *err)
{
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		if (json_put_bool(config, vm_boot_names[i], m->boot[i] != NULL,
			err) == -1)
			return -1;
	return 0;
}

static int
put_config(json_t *record, const struct vm *vm, struct error *err)
{
	json_t *c = json_object();

	if (c == NULL || json_put_u64(c, "cpu", vm->machine.cpu, err) == -1 ||
	    json_put_u64(c, "memory", vm->machine.memory_bytes, err) == -1 ||
	    json_put_u64(c, "storage", vm->machine.storage_bytes, err) == -1 ||
	    (vm->machine.console_max_bytes != 0 &&
		json_put_u64(c, "console_max", vm->machine.console_max_bytes,
		    err) == -1) ||
	    (vm->machine.agent && json_put_bool(c, "agent", true, err) == -1) ||
	    put_some(c, "cgroup", vm->cgroup_choice, err) == -1 ||
	    put_some(c, "image", vm->machine.image, err) == -1 ||
	    put_boot(c, &vm->machine, err) == -1 ||
	    put_some(c, "cmdline", vm->machine.cmdline, err) == -1 ||
	    put_some(c, "machine", vm->machine.type, err) == -1 ||
	    put_some(c, "cpu_model", vm->machine.cpu_model, err) == -1 ||
	    put_some(c, "saved_version", vm->saved_version, err) == -1 ||
	    json_put_str(c, "memory_backing", vm_memory_name(vm->memory_choice),
		err) == -1 ||
	    json_put_str(c, "accel", vm_accel_name(vm->accel_choice), err) ==
		-1) {
		json_decref(c);
		return -1;
	}
	return json_put(record, "config", c, err);
}

/* Appends a file with its digest, and `path` unless it is NULL. */
static int
put_file(json_t *array, const char *name, uint64_t size_bytes,
    const struct digest *digest, const char *path, struct error *err)
{
	json_t *obj = json_object();
	char text[DIGEST_TEXT_MAX];

	digest_text(text, digest);
	if (json_append(array, "files", obj, err) == -1 ||
	    json_put_str(obj, "name", name, err) == -1 ||
	    json_put_u64(obj, "size", size_bytes, err) == -1 ||
	    json_put_str(obj, "fsverity", text, err) == -1)
		return -1;
	return path == NULL ? 0 : json_put_str(obj, "path", path, err);
}

static int
put_layers(json_t *record, const struct vm *vm, struct error *err)
{
	const struct layer *layer;
	json_t *layers = json_array();
	size_t i;

	if (json_put(record, "layers", layers, err) == -1)
		return -1;
	for (i = 0; i < vm->machine.layers.n; i++) {
		layer = &vm->machine.layers.v[i];
		if (put_file(layers, layer->name, layer->size_bytes,
			&layer->digest, layer->path, err) == -1)
			return error_wrap(err, "layers[%zu]", i);
	}
	return 0;
}

static bool
is_in_chain(const struct storage *disk, const char *name)
{
	return strcmp(disk->path, name) == 0 || strv_has(&disk->backing, name);
}

static bool
is_in_use(const struct vm *vm, const char *name)
{
	size_t i;

	for (i = 0; i < vm->machine.disks.n; i++)
		if (is_in_chain(&vm->machine.disks.v[i], name))
			return true;
	return false;
}

/* A file that no chain has any more, because it was merged, is forgotten. */
static int
put_frozen(json_t *record, const struct vm *vm, struct error *err)
{
	json_t *frozen = json_array();
	const struct vm_frozen *file;
	size_t i;

	if (json_put(record, "frozen", frozen, err) == -1)
		return -1;
	for (i = 0; i < vm->frozen_n; i++) {
		file = &vm->frozen[i];
		if (is_in_use(vm, file->name) &&
		    put_file(frozen, file->name, file->size_bytes,
			&file->digest, NULL, err) == -1)
			return error_wrap(err, "frozen[%zu]", i);
	}
	return 0;
}

/* What it was cloned from is among the ids, too, for who looks there. */
static int
put_lineage(json_t *record, const struct vm *vm, struct error *err)
{
	static const char key[] = "snapshot_ids";
	json_t *array = json_array();
	size_t i;

	if (put_some(record, "cloned_from", vm->cloned_from, err) == -1) {
		json_decref(array);
		return -1;
	}
	if (json_put(record, key, array, err) == -1)
		return -1;
	if (vm->cloned_from[0] != '\0' &&
	    json_append(array, key, json_string(vm->cloned_from), err) == -1)
		return -1;
	for (i = 0; i < vm->snapshot_ids.n; i++)
		if (json_append(array, key, json_string(vm->snapshot_ids.v[i]),
			err) == -1)
			return -1;
	return 0;
}

/* What the stored record and the printed one share. */
static int
put_common(json_t *record, const struct vm *vm, const char *dir,
    struct error *err)
{
	json_t *disks, *nics;

	if (json_put_str(record, "id", vm->id, err) == -1 ||
	    (vm->name[0] != '\0' &&
		json_put_str(record, "name", vm->name, err) == -1) ||
	    put_some(record, "description", vm->description, err) == -1 ||
	    put_some(record, "user", vm->user, err) == -1 ||
	    json_put_str(record, "hypervisor", vm->machine.hypervisor, err) ==
		-1 ||
	    put_config(record, vm, err) == -1)
		return -1;
	if (storage_list_encode(&disks, &vm->machine.disks, dir, err) == -1 ||
	    json_put(record, "storage_configs", disks, err) == -1 ||
	    nic_list_encode(&nics, &vm->machine.nics, err) == -1 ||
	    json_put(record, "network_configs", nics, err) == -1 ||
	    put_lineage(record, vm, err) == -1 ||
	    put_some(record, "depends_on", vm->depends_on, err) == -1 ||
	    (vm->auto_remove &&
		json_put_bool(record, "auto_remove", true, err) == -1) ||
	    vm_put_identity(record, &vm->identity, err) == -1 ||
	    vm_put_confined(record, &vm->confined, err) == -1 ||
	    put_some(record, "memory_from", vm->memory_from, err) == -1 ||
	    put_some(record, "restored_from", vm->restored_from, err) == -1 ||
	    put_some(record, "restored_at", vm->restored_at, err) == -1 ||
	    put_some(record, "saved_at", vm->saved_at, err) == -1 ||
	    put_some(record, "error", vm->error, err) == -1 ||
	    put_some(record, "created_at", vm->created_at, err) == -1 ||
	    put_some(record, "updated_at", vm->updated_at, err) == -1 ||
	    put_some(record, "started_at", vm->started_at, err) == -1 ||
	    put_some(record, "stopped_at", vm->stopped_at, err) == -1)
		return -1;
	if (vm->memory != VM_MEMORY_AUTO &&
	    json_put_str(record, "memory_backing", vm_memory_name(vm->memory),
		err) == -1)
		return -1;
	return vm->accel == VM_ACCEL_AUTO
	    ? 0
	    : json_put_str(record, "accel", vm_accel_name(vm->accel), err);
}

static int
put_process(json_t *record, const struct vm *vm, struct error *err)
{
	const struct proc_id *id = &vm->proc;
	json_t *process;

	if (id->pid == 0)
		return 0;
	process = json_pack("{s:i, s:I, s:s, s:I}", "pid", (int)id->pid,
	    "start_ticks", (json_int_t)id->start_ticks, "boot_id", id->boot_id,
	    "pid_ns", (json_int_t)id->pid_ns);
	if (process != NULL && vm->tidies &&
	    json_put_bool(process, "tidies", true, err) == -1) {
		json_decref(process);
		return -1;
	}
	return json_put(record, "process", process, err);
}

/* A record that its reader refuses is a VM that is lost. */
static int
check_record(const json_t *record, size_t len, struct error *err)
{
	struct vm vm;

	if (len > VM_RECORD_BYTES_MAX)
		return error_set(err, EX_DATAERR, "%s: %zu bytes, more than %u",
		    VM_RECORD_NAME, len, VM_RECORD_BYTES_MAX);
	if (vm_decode(&vm, record, err) == -1)
		return -1;
	vm_fini(&vm);
	return 0;
}

int
vm_write(struct vm *vm, int dirfd, bool sync, const struct timespec *now,
    struct error *err)
{
	json_t *record = json_object();
	char *text = NULL;
	size_t len;
	int rc = -1;

	rfc3339_us(vm->updated_at, now);
	if (record == NULL ||
	    json_put_u64(record, "record", VM_RECORD_VERSION, err) == -1 ||
	    put_common(record, vm, NULL, err) == -1 ||
	    put_layers(record, vm, err) == -1 ||
	    put_frozen(record, vm, err) == -1 ||
	    put_process(record, vm, err) == -1 ||
	    json_put_bool(record, "to_load", vm->to_load, err) == -1 ||
	    vm_put_thaw(record, vm->thaw, err) == -1 ||
	    (vm->diff_base_lost &&
		json_put_bool(record, "diff_base_lost", true, err) == -1) ||
	    put_some(record, "cgroup", vm->cgroup, err) == -1 ||
	    json_put_u64(record, "console_from", vm->console_from, err) == -1 ||
	    (vm->console_marked &&
		json_put_bool(record, "console_marked", true, err) == -1) ||
	    json_text(&text, &len, record, 0, err) == -1 ||
	    check_record(record, len, err) == -1)
		goto out;
	rc = fd_replace_file(dirfd, VM_RECORD_NAME, text, len, sync, err);
out:
	free(text);
	json_decref(record);
	return rc;
}

static int
put_path(json_t *record, const char *key, const char *dir, const char *name,
    struct error *err)
{
	char *path = path_format("%s/%s", dir, name);
	int rc;

	if (path == NULL)
		return error_nomem(err, NULL);
	rc = json_put_str(record, key, path, err);
	free(path);
	return rc;
}

int
vm_report(json_t **out, const struct vm *vm, const char *dir, const char *state,
    const char *api_socket, struct error *err)
{
	json_t *record = json_object();
	bool alive = strcmp(state, "running") == 0 ||
	    strcmp(state, "paused") == 0;

	if (record == NULL || put_common(record, vm, dir, err) == -1 ||
	    json_put_str(record, "state", state, err) == -1 ||
	    put_path(record, "console_log", dir, VM_CONSOLE_LOG, err) == -1 ||
	    json_put_str(record, "dir", dir, err) == -1)
		goto fail;
	if (alive &&
	    ((!vm->elsewhere &&
		 json_put_u64(record, "pid", (uint64_t)vm->proc.pid, err) ==
		     -1) ||
		put_path(record, "api_socket", dir, api_socket, err) == -1 ||
		put_path(record, "console_socket", dir, VM_CONSOLE_SOCKET,
		    err) == -1))
		goto fail;
	*out = record;
	return 0;
fail:
	json_decref(record);
	return -1;
}
