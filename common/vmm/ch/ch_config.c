/* SPDX-License-Identifier: ISC */
#include "vmm/ch/ch_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hook.h"
#include "base/json.h"
#include "base/num.h"
#include "base/path.h"

#define VCPUS_MAX 255
#define MEMORY_MAX (UINT64_C(1) << 46) /* a guest's physical addresses */
#define MODE_MAX 16 /* bytes of a mode's name */
#define TEXT_MAX 8192 /* bytes of a command line */

void
ch_config_fini(struct ch_config *c)
{
	size_t i;

	for (i = 0; i < c->zones_n; i++) {
		free(c->zones[i].id);
		free(c->zones[i].file);
	}
	for (i = 0; i < c->disks_n; i++) {
		free(c->disks[i].id);
		free(c->disks[i].path);
		free(c->disks[i].serial);
		free(c->disks[i].image_type);
	}
	for (i = 0; i < c->nets_n; i++) {
		free(c->nets[i].id);
		free(c->nets[i].tap);
		free(c->nets[i].mac);
	}
	free(c->serial_mode);
	free(c->console_mode);
	free(c->vsock_id);
	free(c->kernel);
	free(c->initrd);
	free(c->firmware);
	free(c->cmdline);
	jdoc_free(c->doc);
	memset(c, 0, sizeof(*c));
}

static int
decode_cpus(struct ch_config *c, struct error *err)
{
	uint64_t max = VCPUS_MAX;
	uint32_t cpus;

	if (jdoc_get_object(c->doc, JDOC_ROOT, "cpus", &cpus, JSON_REQUIRED,
		err) == -1)
		return -1;
	if (jdoc_get_u64(c->doc, cpus, "boot_vcpus", &c->vcpus, 1, VCPUS_MAX,
		JSON_REQUIRED, err) == -1 ||
	    jdoc_get_u64(c->doc, cpus, "max_vcpus", &max, c->vcpus, VCPUS_MAX,
		JSON_OPTIONAL, err) == -1)
		return error_wrap(err, "cpus");
	return 0;
}

static int
decode_zone(struct ch_config *c, uint32_t node, struct error *err)
{
	struct ch_zone *zone = &c->zones[c->zones_n++];
	size_t i;

	zone->node = node;
	if (jdoc_get_strdup(c->doc, node, "id", &zone->id, CH_ID_MAX,
		JSON_REQUIRED, err) == -1 ||
	    jdoc_get_u64(c->doc, node, "size", &zone->size_bytes, 1, MEMORY_MAX,
		JSON_REQUIRED, err) == -1 ||
	    jdoc_get_strdup(c->doc, node, "file", &zone->file, STORAGE_PATH_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_bool(c->doc, node, "shared", &zone->shared, JSON_OPTIONAL,
		err) == -1)
		return -1;
	for (i = 0; i + 1 < c->zones_n; i++)
		if (strcmp(c->zones[i].id, zone->id) == 0)
			return error_set(err, EX_DATAERR,
			    "id \"%s\" a second time", zone->id);
	if (zone->file != NULL && !path_is_name(path_base(zone->file)))
		return error_set(err, EX_DATAERR,
		    "\"file\" is \"%s\", which does not end in a file name",
		    zone->file);
	if (ckd_add(&c->memory_bytes, c->memory_bytes, zone->size_bytes))
		return error_set(err, EX_DATAERR, "more than 2^64 bytes");
	return 0;
}

static int
decode_memory(struct ch_config *c, struct error *err)
{
	uint32_t memory, zones, i;

	if (jdoc_get_object(c->doc, JDOC_ROOT, "memory", &memory, JSON_REQUIRED,
		err) == -1)
		return -1;
	if (jdoc_get_u64(c->doc, memory, "size", &c->memory_bytes, 0,
		MEMORY_MAX, JSON_REQUIRED, err) == -1 ||
	    jdoc_get_array(c->doc, memory, "zones", &zones, CH_ZONES_MAX,
		JSON_OPTIONAL, err) == -1)
		return error_wrap(err, "memory");
	/* Memory is in zones or in none (vm_config.rs says so, too). */
	if (zones == 0 || jdoc_first(c->doc, zones) == 0)
		return c->memory_bytes != 0
		    ? 0
		    : error_set(err, EX_DATAERR, "memory: none");
	if (c->memory_bytes != 0)
		return error_set(err, EX_DATAERR,
		    "memory: \"size\" and \"zones\" together");
	for (i = jdoc_first(c->doc, zones); i != 0; i = jdoc_next(c->doc, i))
		if (decode_zone(c, i, err) == -1)
			return error_wrap(err, "memory: zones[%zu]",
			    c->zones_n - 1);
	return 0;
}

static bool
is_power_of_two(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* What disks and NICs have in common. */
static int
decode_device(struct ch_config *c, uint32_t node, char **id, uint64_t *queues,
    uint64_t *queue_size, struct error *err)
{
	bool vhost_user = false;

	if (jdoc_get_strdup(c->doc, node, "id", id, CH_ID_MAX, JSON_REQUIRED,
		err) == -1 ||
	    jdoc_get_u64(c->doc, node, "num_queues", queues, 1, CH_QUEUES_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_u64(c->doc, node, "queue_size", queue_size, 3,
		CH_QUEUE_SIZE_MAX, JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_bool(c->doc, node, "vhost_user", &vhost_user,
		JSON_OPTIONAL, err) == -1)
		return -1;
	if (!path_is_name(*id))
		return error_set(err, EX_DATAERR, "\"id\" is \"%s\", no name",
		    *id);
	if (!is_power_of_two(*queue_size))
		return error_set(err, EX_DATAERR,
		    "\"queue_size\" is %" PRIu64 ", no power of two",
		    *queue_size);
	if (vhost_user)
		return error_set(err, EX_CONFIG,
		    "a vhost-user device: not supported");
	return 0;
}

/* Its words for the formats that are read here. */
static const struct {
	const char *image_type, *format;
} image_types[] = { { "Raw", "raw" }, { "Qcow2", "qcow2" } };

#define IMAGE_TYPES (sizeof(image_types) / sizeof(image_types[0]))

const char *
ch_image_type(const struct chain_format *format)
{
	size_t i;

	for (i = 0; i + 1 < IMAGE_TYPES; i++)
		if (strcmp(image_types[i].format, format->name) == 0)
			break;
	return image_types[i].image_type;
}

const struct chain_format *
ch_disk_format(const struct ch_disk *disk)
{
	size_t i;

	for (i = 0; disk->image_type != NULL && i < IMAGE_TYPES; i++)
		if (strcmp(image_types[i].image_type, disk->image_type) == 0)
			return chain_find_format(image_types[i].format);
	return chain_format(disk->path);
}

static bool
is_read_here(const char *image_type)
{
	size_t i;

	for (i = 0; i < IMAGE_TYPES; i++)
		if (strcmp(image_types[i].image_type, image_type) == 0)
			return true;
	return strcmp(image_type, "Unknown") == 0;
}

static int
decode_disk(struct ch_config *c, uint32_t node, struct error *err)
{
	struct ch_disk *disk = &c->disks[c->disks_n++];
	size_t i;

	disk->node = node;
	disk->queues = 1;
	disk->queue_size = 128;
	if (decode_device(c, node, &disk->id, &disk->queues, &disk->queue_size,
		err) == -1 ||
	    jdoc_get_strdup(c->doc, node, "path", &disk->path, STORAGE_PATH_MAX,
		JSON_REQUIRED, err) == -1 ||
	    jdoc_get_strdup(c->doc, node, "serial", &disk->serial,
		STORAGE_SERIAL_MAX, JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_strdup(c->doc, node, "image_type", &disk->image_type,
		MODE_MAX, JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_bool(c->doc, node, "readonly", &disk->readonly,
		JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_bool(c->doc, node, "direct", &disk->direct, JSON_OPTIONAL,
		err) == -1 ||
	    jdoc_get_bool(c->doc, node, "backing_files", &disk->backing_files,
		JSON_OPTIONAL, err) == -1)
		return -1;
	if (disk->image_type != NULL && !is_read_here(disk->image_type))
		return error_set(err, EX_CONFIG,
		    "\"image_type\" is \"%s\": not supported",
		    disk->image_type);
	if (!path_is_name(path_base(disk->path)))
		return error_set(err, EX_DATAERR,
		    "\"path\" is \"%s\", which does not end in a file name",
		    disk->path);
	if (storage_check_name("\"path\"", disk->path, err) == -1)
		return -1;
	if (disk->queues > c->vcpus)
		return error_set(err, EX_DATAERR,
		    "\"num_queues\" is %" PRIu64 ", there are %" PRIu64
		    " processors",
		    disk->queues, c->vcpus);
	for (i = 0; i + 1 < c->disks_n; i++)
		if (strcmp(c->disks[i].path, disk->path) == 0)
			return error_set(err, EX_DATAERR,
			    "\"path\" is \"%s\" a second time", disk->path);
	return 0;
}

static int
decode_net(struct ch_config *c, uint32_t node, struct error *err)
{
	struct ch_net *net = &c->nets[c->nets_n++];

	net->node = node;
	net->queues = 2;
	net->queue_size = 256;
	if (decode_device(c, node, &net->id, &net->queues, &net->queue_size,
		err) == -1 ||
	    jdoc_get_strdup(c->doc, node, "tap", &net->tap, NIC_IFNAME_MAX,
		JSON_OPTIONAL, err) == -1)
		return -1;
	return jdoc_get_strdup(c->doc, node, "mac", &net->mac, 17,
	    JSON_REQUIRED, err);
}

/* Each entry of an array that may be absent. */
static int
decode_each(struct ch_config *c, const char *key, size_t max,
    int (*decode)(struct ch_config *, uint32_t, struct error *),
    struct error *err)
{
	uint32_t array, i;
	size_t n = 0;

	if (jdoc_get_array(c->doc, JDOC_ROOT, key, &array, max, JSON_OPTIONAL,
		err) == -1)
		return -1;
	if (array == 0)
		return 0;
	for (i = jdoc_first(c->doc, array); i != 0; i = jdoc_next(c->doc, i)) {
		if (decode(c, i, err) == -1)
			return error_wrap(err, "%s[%zu]", key, n);
		n++;
	}
	return 0;
}

static int
decode_line(struct ch_config *c, const char *key, char **mode,
    const char *otherwise, struct error *err)
{
	static const char *const modes[] = { "Off", "Null", "Pty", "Tty",
		"File", "Socket" };
	uint32_t line;
	size_t i;

	if (jdoc_get_object(c->doc, JDOC_ROOT, key, &line, JSON_OPTIONAL,
		err) == -1)
		return -1;
	if (line == 0) {
		*mode = strdup(otherwise);
		return *mode == NULL ? error_nomem(err, NULL) : 0;
	}
	if (jdoc_get_strdup(c->doc, line, "mode", mode, MODE_MAX, JSON_REQUIRED,
		err) == -1)
		return error_wrap(err, "%s", key);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(*mode, modes[i]) == 0)
			return 0;
	return error_set(err, EX_DATAERR, "%s: \"mode\" is \"%s\"", key, *mode);
}

static int
decode_payload(struct ch_config *c, struct error *err)
{
	uint32_t p;

	if (jdoc_get_object(c->doc, JDOC_ROOT, "payload", &p, JSON_REQUIRED,
		err) == -1)
		return -1;
	if (jdoc_get_strdup(c->doc, p, "kernel", &c->kernel, STORAGE_PATH_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_strdup(c->doc, p, "initramfs", &c->initrd,
		STORAGE_PATH_MAX, JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_strdup(c->doc, p, "firmware", &c->firmware,
		STORAGE_PATH_MAX, JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_strdup(c->doc, p, "cmdline", &c->cmdline, TEXT_MAX,
		JSON_OPTIONAL, err) == -1)
		return error_wrap(err, "payload");
	return 0;
}

static int
decode_others(struct ch_config *c, struct error *err)
{
	uint32_t vsock, balloon;

	if (jdoc_get_object(c->doc, JDOC_ROOT, "vsock", &vsock, JSON_OPTIONAL,
		err) == -1 ||
	    jdoc_get_object(c->doc, JDOC_ROOT, "balloon", &balloon,
		JSON_OPTIONAL, err) == -1)
		return -1;
	c->has_balloon = balloon != 0;
	if (vsock != 0 &&
	    jdoc_get_strdup(c->doc, vsock, "id", &c->vsock_id, CH_ID_MAX,
		JSON_REQUIRED, err) == -1)
		return error_wrap(err, "vsock");
	return 0;
}

/* Devices that are more than files of the VM's: their host is another. */
static int
refuse_outsiders(const struct ch_config *c, struct error *err)
{
	static const char *const keys[] = { "devices", "user_devices", "fs",
		"pmem", "vdpa", "generic_vhost_user", "tpm", "ivshmem" };
	uint32_t node;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		node = jdoc_member(c->doc, JDOC_ROOT, keys[i]);
		if (node == 0 ||
		    (jdoc_type(c->doc, node) == JDOC_ARRAY &&
			jdoc_first(c->doc, node) == 0))
			continue;
		return error_set(err, EX_CONFIG,
		    "\"%s\": a device that is not the VM's alone: not "
		    "supported",
		    keys[i]);
	}
	return 0;
}

/* State is looked up by id: one of all kinds each. */
static int
check_ids(const struct ch_config *c, struct error *err)
{
	const char *ids[STORAGE_MAX + NIC_MAX + 1];
	size_t n = 0, i, k;

	for (i = 0; i < c->disks_n; i++)
		ids[n++] = c->disks[i].id;
	for (i = 0; i < c->nets_n; i++)
		ids[n++] = c->nets[i].id;
	if (c->vsock_id != NULL)
		ids[n++] = c->vsock_id;
	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++)
			if (strcmp(ids[i], ids[k]) == 0)
				return error_set(err, EX_DATAERR,
				    "two devices with the id \"%s\"", ids[i]);
	return 0;
}

static int
decode(struct ch_config *c, struct error *err)
{
	if (jdoc_type(c->doc, JDOC_ROOT) != JDOC_OBJECT)
		return error_set(err, EX_DATAERR, "not an object");
	if (decode_cpus(c, err) == -1 || decode_memory(c, err) == -1 ||
	    decode_each(c, "disks", STORAGE_MAX, decode_disk, err) == -1 ||
	    decode_each(c, "net", NIC_MAX, decode_net, err) == -1 ||
	    decode_line(c, "serial", &c->serial_mode, "Null", err) == -1 ||
	    decode_line(c, "console", &c->console_mode, "Tty", err) == -1 ||
	    decode_payload(c, err) == -1 || decode_others(c, err) == -1 ||
	    refuse_outsiders(c, err) == -1)
		return -1;
	return check_ids(c, err);
}

int
ch_config_decode(struct ch_config *out, const char *text, size_t len,
    struct error *err)
{
	struct ch_config c = { 0 };

	hook_step("parse-ch-config");
	if (jdoc_parse(&c.doc, text, len, err) == -1 || decode(&c, err) == -1) {
		ch_config_fini(&c);
		return error_wrap(err, CH_CONFIG_NAME);
	}
	*out = c;
	return 0;
}

int
ch_config_read(struct ch_config *out, int dirfd, struct error *err)
{
	struct ch_config c = { 0 };

	hook_step("parse-ch-config");
	if (jdoc_read(&c.doc, dirfd, CH_CONFIG_NAME, CH_CONFIG_BYTES_MAX,
		err) == -1)
		return -1;
	if (decode(&c, err) == -1) {
		ch_config_fini(&c);
		return error_wrap(err, CH_CONFIG_NAME);
	}
	*out = c;
	return 0;
}

const struct ch_disk *
ch_config_find_disk(const struct ch_config *c, const char *path)
{
	size_t i;

	for (i = 0; i < c->disks_n; i++)
		if (strcmp(c->disks[i].path, path) == 0)
			return &c->disks[i];
	return NULL;
}

int
ch_config_nics(struct nic_list *out, const struct ch_config *c,
    struct error *err)
{
	struct nic nic;
	size_t i, k;

	for (i = 0; i < c->nets_n; i++) {
		memset(&nic, 0, sizeof(nic));
		nic.kind = NIC_TAP;
		if (c->nets[i].tap != NULL)
			snprintf(nic.ifname, sizeof(nic.ifname), "%s",
			    c->nets[i].tap);
		else
			snprintf(nic.ifname, sizeof(nic.ifname), "tap%zu",
			    i % NIC_MAX);
		snprintf(nic.mac, sizeof(nic.mac), "%s", c->nets[i].mac);
		for (k = 0; nic.mac[k] != '\0'; k++)
			if (nic.mac[k] >= 'A' && nic.mac[k] <= 'F')
				nic.mac[k] = (char)(nic.mac[k] - 'A' + 'a');
		if (nic_check(&nic, err) == -1 ||
		    nic_list_add(out, &nic, err) == -1)
			return error_wrap(err, CH_CONFIG_NAME ": net[%zu]", i);
	}
	return 0;
}
