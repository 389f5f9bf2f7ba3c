/* SPDX-License-Identifier: ISC */
#include "snapshot/sidecar.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"

#define CPUS_MAX 4096
#define QUEUES_MAX 256
#define QUEUE_SIZE_MAX 32768 /* VIRTIO 1.2, 2.7 */
#define MEMORY_BYTES_MAX (UINT64_C(8) << 40)

void
sidecar_fini(struct sidecar *s)
{
	machine_fini(&s->machine);
	free(s->devices);
	memset(s, 0, sizeof(*s));
}

/* Absent, and empty, is NULL. */
static int
get_boot(const json_t *obj, const char *key, char **out, size_t max,
    struct error *err)
{
	if (json_get_strdup(obj, key, out, max, JSON_OPTIONAL, err) == -1)
		return -1;
	if (*out != NULL && (*out)[0] == '\0') {
		free(*out);
		*out = NULL;
	}
	return 0;
}

static int
get_boot_path(const json_t *obj, const char *key, char **out, struct error *err)
{
	if (get_boot(obj, key, out, STORAGE_PATH_MAX, err) == -1)
		return -1;
	if (*out != NULL && !path_is_name(path_base(*out)))
		return error_set(err, EX_DATAERR,
		    "\"%s\" is \"%s\", which does not end in a file name", key,
		    *out);
	return 0;
}

static int
decode_boot(struct machine *m, const json_t *root, struct error *err)
{
	char **file = m->boot;
	const json_t *boot;

	if (json_get_object(root, "boot_config", &boot, JSON_OPTIONAL, err) ==
	    -1)
		return -1;
	if (boot == NULL)
		return 0;
	if (get_boot_path(boot, "kernel_path", &file[MACHINE_KERNEL], err) ==
		-1 ||
	    get_boot_path(boot, "initrd_path", &file[MACHINE_INITRD], err) ==
		-1 ||
	    get_boot(boot, "cmdline", &m->cmdline, SIDECAR_CMDLINE_MAX, err) ==
		-1 ||
	    get_boot_path(boot, "firmware_path", &file[MACHINE_FIRMWARE],
		err) == -1 ||
	    get_boot_path(boot, "firmware_vars_path", &file[MACHINE_VARS],
		err) == -1)
		return error_wrap(err, "\"boot_config\"");
	if (file[MACHINE_INITRD] != NULL && file[MACHINE_KERNEL] == NULL)
		return error_set(err, EX_DATAERR,
		    "\"boot_config\": an initrd without a kernel");
	return 0;
}

static int
decode_device(struct sidecar_device *out, const json_t *obj, struct error *err)
{
	if (json_get_str(obj, "id", out->id, sizeof(out->id), JSON_REQUIRED,
		err) == -1 ||
	    json_get_str(obj, "driver", out->driver, sizeof(out->driver),
		JSON_REQUIRED, err) == -1 ||
	    json_get_str(obj, "bus", out->bus, sizeof(out->bus), JSON_OPTIONAL,
		err) == -1 ||
	    json_get_str(obj, "addr", out->addr, sizeof(out->addr),
		JSON_OPTIONAL, err) == -1 ||
	    json_get_u64(obj, "queues", &out->queues, 0, QUEUES_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_u64(obj, "queue_size", &out->queue_size, 0, QUEUE_SIZE_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_str(obj, "backend", out->backend, sizeof(out->backend),
		JSON_OPTIONAL, err) == -1)
		return -1;
	return json_get_str(obj, "serial", out->serial, sizeof(out->serial),
	    JSON_OPTIONAL, err);
}

static int
decode_devices(struct sidecar *s, const json_t *root, struct error *err)
{
	const json_t *array;
	size_t i, j;

	if (json_get_array(root, "devices", &array, SIDECAR_DEVICES_MAX,
		JSON_OPTIONAL, err) == -1)
		return -1;
	if (array == NULL || json_array_size(array) == 0)
		return 0;
	s->devices = calloc(json_array_size(array), sizeof(*s->devices));
	if (s->devices == NULL)
		return error_sys(err, EX_OSERR, "\"devices\"");
	s->devices_n = json_array_size(array);
	for (i = 0; i < s->devices_n; i++) {
		if (decode_device(&s->devices[i], json_array_get(array, i),
			err) == -1)
			return error_wrap(err, "device %zu", i);
		for (j = 0; j < i; j++)
			if (s->devices[i].id[0] != '\0' &&
			    strcmp(s->devices[i].id, s->devices[j].id) == 0)
				return error_set(err, EX_DATAERR,
				    "device %zu: id \"%s\" is that of "
				    "device %zu, too",
				    i, s->devices[i].id, j);
	}
	return 0;
}

/* What the boot form demands of the disks; formats of others, too. */
static int
decode_origin(struct sidecar *s, const json_t *root, struct error *err)
{
	const json_t *nics;

	if (json_get_str(root, "vm_id", s->vm_id, sizeof(s->vm_id),
		JSON_OPTIONAL, err) == -1 ||
	    json_get_str(root, "saved_at", s->saved_at, sizeof(s->saved_at),
		JSON_OPTIONAL, err) == -1 ||
	    json_get_array(root, "network_configs", &nics, NIC_MAX,
		JSON_OPTIONAL, err) == -1)
		return -1;
	if (s->vm_id[0] != '\0' && !id_is_valid(s->vm_id))
		return error_set(err, EX_DATAERR, "\"vm_id\" is %s", s->vm_id);
	return nics == NULL ? 0 : nic_list_decode(&s->machine.nics, nics, err);
}

static int
check_boot_form(const struct sidecar *s, struct error *err)
{
	const struct storage *cow = storage_find(&s->machine.disks,
	    STORAGE_COW);

	if (s->machine.boot[MACHINE_KERNEL] != NULL &&
	    s->machine.boot[MACHINE_FIRMWARE] == NULL && cow != NULL &&
	    strcmp(cow->serial, STORAGE_COW_SERIAL) != 0)
		return error_set(err, EX_DATAERR,
		    "disk %zu: serial \"%s\": the cow disk beside a kernel "
		    "has %s",
		    (size_t)(cow - s->machine.disks.v), cow->serial,
		    STORAGE_COW_SERIAL);
	return 0;
}

static int
decode_all(struct sidecar *s, const json_t *root, struct error *err)
{
	const json_t *disks;

	if (!json_is_object(root))
		return error_set(err, EX_DATAERR, "not an object");
	if (json_get_array(root, "storage_configs", &disks, STORAGE_MAX,
		JSON_REQUIRED, err) == -1 ||
	    storage_list_decode(&s->machine.disks, disks, err) == -1 ||
	    decode_boot(&s->machine, root, err) == -1 ||
	    json_get_u64(root, "cpu", &s->cpu, 0, CPUS_MAX, JSON_OPTIONAL,
		err) == -1 ||
	    json_get_u64(root, "memory", &s->memory_bytes, 0, MEMORY_BYTES_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_bool(root, "no_direct_io", &s->no_direct_io, JSON_OPTIONAL,
		err) == -1 ||
	    json_get_bool(root, "agent", &s->machine.agent, JSON_OPTIONAL,
		err) == -1 ||
	    decode_origin(s, root, err) == -1 ||
	    decode_devices(s, root, err) == -1)
		return -1;
	return check_boot_form(s, err);
}

int
sidecar_decode(struct sidecar *out, const char *text, size_t len,
    struct error *err)
{
	struct sidecar s = { 0 };
	json_t *root;
	int rc;

	if (json_parse(&root, text, len, err) == -1)
		return error_wrap(err, "%s", SIDECAR_NAME);
	rc = decode_all(&s, root, err);
	json_decref(root);
	if (rc == -1) {
		sidecar_fini(&s);
		return error_wrap(err, "%s", SIDECAR_NAME);
	}
	*out = s;
	return 0;
}

int
sidecar_read(struct sidecar *out, int dirfd, struct error *err)
{
	char *text;
	size_t len;
	int rc;

	if (fd_slurp(&text, &len, dirfd, SIDECAR_NAME, SIDECAR_BYTES_MAX,
		err) == -1)
		return -1;
	rc = sidecar_decode(out, text, len, err);
	free(text);
	return rc;
}

static int
put_boot(json_t *root, const struct machine *m, struct error *err)
{
	char *const *file = m->boot;
	json_t *boot;

	if (file[MACHINE_KERNEL] == NULL && file[MACHINE_INITRD] == NULL &&
	    m->cmdline == NULL && file[MACHINE_FIRMWARE] == NULL &&
	    file[MACHINE_VARS] == NULL)
		return 0;
	boot = json_object();
	if (json_put(root, "boot_config", boot, err) == -1)
		return -1;
	if (json_put_text(boot, "kernel_path", file[MACHINE_KERNEL], err) ==
		-1 ||
	    json_put_text(boot, "initrd_path", file[MACHINE_INITRD], err) ==
		-1 ||
	    json_put_text(boot, "cmdline", m->cmdline, err) == -1 ||
	    json_put_text(boot, "firmware_path", file[MACHINE_FIRMWARE], err) ==
		-1)
		return -1;
	return json_put_text(boot, "firmware_vars_path", file[MACHINE_VARS],
	    err);
}

static int
put_devices(json_t *root, const struct sidecar *s, struct error *err)
{
	const struct sidecar_device *d;
	json_t *array, *obj;
	size_t i;

	if (s->devices_n == 0)
		return 0;
	array = json_array();
	if (json_put(root, "devices", array, err) == -1)
		return -1;
	for (i = 0; i < s->devices_n; i++) {
		d = &s->devices[i];
		obj = json_object();
		if (json_append(array, "devices", obj, err) == -1)
			return -1;
		if (json_put_str(obj, "id", d->id, err) == -1 ||
		    json_put_str(obj, "driver", d->driver, err) == -1 ||
		    json_put_text(obj, "bus", d->bus, err) == -1 ||
		    json_put_text(obj, "addr", d->addr, err) == -1 ||
		    (d->queues != 0 &&
			json_put_u64(obj, "queues", d->queues, err) == -1) ||
		    (d->queue_size != 0 &&
			json_put_u64(obj, "queue_size", d->queue_size, err) ==
			    -1) ||
		    json_put_text(obj, "backend", d->backend, err) == -1 ||
		    json_put_text(obj, "serial", d->serial, err) == -1)
			return -1;
	}
	return 0;
}

static int
put_origin(json_t *root, const struct sidecar *s, struct error *err)
{
	json_t *nics;

	if (s->vm_id[0] != '\0' &&
	    json_put_str(root, "vm_id", s->vm_id, err) == -1)
		return -1;
	if (json_put_text(root, "saved_at", s->saved_at, err) == -1)
		return -1;
	if (s->machine.nics.n == 0)
		return 0;
	return nic_list_encode(&nics, &s->machine.nics, err) == -1
	    ? -1
	    : json_put(root, "network_configs", nics, err);
}

static int
put_all(json_t *root, const struct sidecar *s, struct error *err)
{
	json_t *disks;

	if (storage_list_check(&s->machine.disks, err) == -1 ||
	    check_boot_form(s, err) == -1 ||
	    storage_list_encode(&disks, &s->machine.disks, NULL, err) == -1 ||
	    json_put(root, "storage_configs", disks, err) == -1 ||
	    put_boot(root, &s->machine, err) == -1)
		return -1;
	if (s->cpu != 0 && json_put_u64(root, "cpu", s->cpu, err) == -1)
		return -1;
	if (s->memory_bytes != 0 &&
	    json_put_u64(root, "memory", s->memory_bytes, err) == -1)
		return -1;
	if (s->no_direct_io &&
	    json_put_bool(root, "no_direct_io", true, err) == -1)
		return -1;
	if (s->machine.agent && json_put_bool(root, "agent", true, err) == -1)
		return -1;
	return put_origin(root, s, err) == -1 ? -1 : put_devices(root, s, err);
}

static int
check_writable(const json_t *root, size_t len, struct error *err)
{
	struct sidecar s = { 0 };
	int rc;

	if (len > SIDECAR_BYTES_MAX)
		return error_set(err, EX_DATAERR, "%zu bytes, more than %u",
		    len, SIDECAR_BYTES_MAX);
	rc = decode_all(&s, root, err);
	sidecar_fini(&s);
	return rc;
}

int
sidecar_write(int dirfd, const struct sidecar *s, struct error *err)
{
	json_t *root = json_object();
	char *text = NULL;
	size_t len;
	int rc = -1;

	if (root == NULL)
		return error_nomem(err, SIDECAR_NAME);
	if (put_all(root, s, err) == -1 ||
	    json_text(&text, &len, root, 0, err) == -1 ||
	    check_writable(root, len, err) == -1) {
		error_wrap(err, "%s", SIDECAR_NAME);
		goto out;
	}
	rc = fd_replace_file(dirfd, SIDECAR_NAME, text, len, false, err);
out:
	free(text);
	json_decref(root);
	return rc;
}
