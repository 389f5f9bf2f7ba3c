/* SPDX-License-Identifier: ISC */
#include "vmm/ch/ch_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hook.h"
#include "base/jdoc.h"
#include "base/json.h"
#include "base/num.h"

#define MEMORY_NODE "memory-manager"
#define PCI_PREFIX "_virtio-pci-"
#define VCPUS_MAX 255
#define FEATURE_RO (UINT64_C(1) << 5) /* VIRTIO_BLK_F_RO: virtio 1.2, 5.2.3 */

/* The state of a tree node, itself a document; *out is the caller's. */
static int
open_state(struct jdoc **out, const struct jdoc *tree, uint32_t node,
    struct error *err)
{
	uint32_t data;
	char *text;
	int rc;

	if (jdoc_get_object(tree, node, "snapshot_data", &data, JSON_REQUIRED,
		err) == -1 ||
	    jdoc_get_strdup(tree, data, "state", &text, CH_STATE_BYTES_MAX,
		JSON_REQUIRED, err) == -1)
		return -1;
	rc = jdoc_parse(out, text, strlen(text), err);
	free(text);
	return rc == -1 ? error_wrap(err, "state") : 0;
}

/* The children of a node of the tree. */
static int
find_children(uint32_t *out, const struct jdoc *tree, uint32_t node,
    struct error *err)
{
	return jdoc_get_object(tree, node, "snapshots", out, JSON_REQUIRED,
	    err);
}

/* One of the three nodes at the top. */
static int
find_top(uint32_t *out, const struct jdoc *tree, const char *name,
    struct error *err)
{
	uint32_t top;

	if (find_children(&top, tree, JDOC_ROOT, err) == -1)
		return -1;
	return jdoc_get_object(tree, top, name, out, JSON_REQUIRED, err);
}

/* One child a vCPU, "0", "1", ... */
static int
decode_cpus(struct ch_state *s, const struct jdoc *tree, struct error *err)
{
	uint32_t cpus, children, i;
	char name[24];

	if (find_top(&cpus, tree, "cpu-manager", err) == -1)
		return -1;
	if (find_children(&children, tree, cpus, err) == -1)
		return error_wrap(err, "cpu-manager");
	for (i = jdoc_first(tree, children); i != 0; i = jdoc_next(tree, i))
		s->vcpus++;
	if (s->vcpus == 0 || s->vcpus > VCPUS_MAX)
		return error_set(err, EX_DATAERR,
		    "cpu-manager: %" PRIu64 " processors", s->vcpus);
	for (i = 0; i < s->vcpus; i++) {
		snprintf(name, sizeof(name), "%" PRIu32, i);
		if (jdoc_member(tree, children, name) == 0)
			return error_set(err, EX_DATAERR,
			    "cpu-manager: %" PRIu64
			    " processors, but no \"%s\"",
			    s->vcpus, name);
	}
	return 0;
}

static int
decode_mapping(struct ch_state *s, const struct jdoc *d, uint32_t node,
    bool *plain, struct error *err)
{
	struct ch_state_range *r = &s->ram[s->ram_n++];
	bool virtio_mem = false;
	uint64_t end;
	char *zone;

	if (jdoc_get_u64(d, node, "gpa", &r->gpa, 0, UINT64_MAX, JSON_REQUIRED,
		err) == -1 ||
	    jdoc_get_u64(d, node, "size", &r->len, 1, UINT64_MAX, JSON_REQUIRED,
		err) == -1 ||
	    jdoc_get_u64(d, node, "file_offset", &r->file_off, 0, UINT64_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_bool(d, node, "virtio_mem", &virtio_mem, JSON_OPTIONAL,
		err) == -1 ||
	    jdoc_get_strdup(d, node, "zone_id", &zone, CH_ID_MAX, JSON_REQUIRED,
		err) == -1)
		return -1;
	snprintf(r->zone, sizeof(r->zone), "%s", zone);
	free(zone);
	if (ckd_add(&end, r->gpa, r->len) || ckd_add(&end, r->file_off, r->len))
		return error_set(err, EX_DATAERR, "beyond 2^64");
	if (ckd_add(&s->ram_bytes, s->ram_bytes, r->len))
		return error_set(err, EX_DATAERR, "more than 2^64 bytes");
	*plain = *plain && !virtio_mem && strcmp(r->zone, s->ram[0].zone) == 0;
	return 0;
}

/* Where in its zone's file the guest's byte at `gpa` is; `len` of them. */
static bool
place_of(uint64_t *off, const struct ch_state *s, uint64_t gpa, uint64_t len)
{
	const struct ch_state_range *r;
	size_t i;

	for (i = 0; i < s->ram_n; i++) {
		r = &s->ram[i];
		if (gpa >= r->gpa && num_in_range(gpa - r->gpa, len, r->len)) {
			*off = r->file_off + (gpa - r->gpa);
			return true;
		}
	}
	return false;
}

/* memory_ranges: what memory-ranges holds, range after range. */
static int
decode_saved(struct ch_state *s, const struct jdoc *d, bool plain,
    struct error *err)
{
	uint32_t table, data, node;
	uint64_t gpa, len, off;
	size_t i = 0;

	if (jdoc_get_object(d, JDOC_ROOT, "memory_ranges", &table,
		JSON_REQUIRED, err) == -1)
		return -1;
	if (jdoc_get_array(d, table, "data", &data, CH_STATE_RANGES_MAX,
		JSON_REQUIRED, err) == -1)
		return error_wrap(err, "memory_ranges");
	s->saved_is_zone = plain;
	for (node = jdoc_first(d, data); node != 0; node = jdoc_next(d, node)) {
		if (jdoc_get_u64(d, node, "gpa", &gpa, 0, UINT64_MAX,
			JSON_REQUIRED, err) == -1 ||
		    jdoc_get_u64(d, node, "length", &len, 1, UINT64_MAX,
			JSON_REQUIRED, err) == -1)
			return error_wrap(err, "memory_ranges: data[%zu]", i);
		if (!place_of(&off, s, gpa, len))
			return error_set(err, EX_DATAERR,
			    "memory_ranges: data[%zu]: no memory of the guest",
			    i);
		s->saved_is_zone = s->saved_is_zone && off == s->saved_bytes;
		if (ckd_add(&s->saved_bytes, s->saved_bytes, len))
			return error_set(err, EX_DATAERR,
			    "memory_ranges: more than 2^64 bytes");
		i++;
	}
	if (s->saved_bytes > s->ram_bytes)
		return error_set(err, EX_DATAERR,
		    "memory_ranges: %" PRIu64 " bytes, the guest has %" PRIu64,
		    s->saved_bytes, s->ram_bytes);
	s->saved_is_zone = s->saved_is_zone && s->saved_bytes == s->ram_bytes;
	return 0;
}

/* No mapping beyond what the zones' files hold, none over another. */
static int
check_mappings(const struct ch_state *s, struct error *err)
{
	const struct ch_state_range *a, *b;
	size_t i, k;

	for (i = 0; i < s->ram_n; i++) {
		a = &s->ram[i];
		if (!num_in_range(a->file_off, a->len, s->ram_bytes))
			return error_set(err, EX_DATAERR,
			    "guest_ram_mappings[%zu]: beyond the end of "
			    "the memory",
			    i);
		for (k = 0; k < i; k++) {
			b = &s->ram[k];
			if (a->gpa < b->gpa + b->len &&
			    b->gpa < a->gpa + a->len)
				return error_set(err, EX_DATAERR,
				    "guest_ram_mappings[%zu]: over "
				    "another one",
				    i);
			if (strcmp(a->zone, b->zone) == 0 &&
			    a->file_off < b->file_off + b->len &&
			    b->file_off < a->file_off + a->len)
				return error_set(err, EX_DATAERR,
				    "guest_ram_mappings[%zu]: in a place "
				    "of another one",
				    i);
		}
	}
	return 0;
}

static int
decode_ram(struct ch_state *s, const struct jdoc *d, struct error *err)
{
	uint32_t mappings, i;
	bool plain = true;

	if (jdoc_get_array(d, JDOC_ROOT, "guest_ram_mappings", &mappings,
		CH_STATE_RANGES_MAX, JSON_REQUIRED, err) == -1)
		return -1;
	for (i = jdoc_first(d, mappings); i != 0; i = jdoc_next(d, i))
		if (decode_mapping(s, d, i, &plain, err) == -1)
			return error_wrap(err, "guest_ram_mappings[%zu]",
			    s->ram_n - 1);
	if (s->ram_n == 0)
		return error_set(err, EX_DATAERR, "guest_ram_mappings: none");
	if (check_mappings(s, err) == -1)
		return -1;
	return decode_saved(s, d, plain, err);
}

static int
decode_memory(struct ch_state *s, const struct jdoc *tree, struct error *err)
{
	struct jdoc *d;
	uint32_t node;
	int rc;

	if (find_top(&node, tree, MEMORY_NODE, err) == -1)
		return -1;
	if (open_state(&d, tree, node, err) == -1)
		return error_wrap(err, MEMORY_NODE);
	rc = decode_ram(s, d, err);
	jdoc_free(d);
	return rc == -1 ? error_wrap(err, MEMORY_NODE) : 0;
}

/* What is on the PCI bus for the device: its queues. */
static int
decode_queues(struct ch_state_device *device, const struct jdoc *tree,
    uint32_t node, struct error *err)
{
	uint32_t queues, q;
	uint64_t size;
	bool ready;
	struct jdoc *d;
	int rc = 0;

	if (open_state(&d, tree, node, err) == -1)
		return -1;
	if (jdoc_get_array(d, JDOC_ROOT, "queues", &queues, 2 * CH_QUEUES_MAX,
		JSON_REQUIRED, err) == -1) {
		jdoc_free(d);
		return -1;
	}
	for (q = jdoc_first(d, queues); q != 0; q = jdoc_next(d, q)) {
		ready = false;
		if (jdoc_get_u64(d, q, "size", &size, 0, CH_QUEUE_SIZE_MAX,
			JSON_REQUIRED, err) == -1 ||
		    jdoc_get_bool(d, q, "ready", &ready, JSON_OPTIONAL, err) ==
			-1) {
			rc = error_wrap(err, "queues[%" PRIu64 "]",
			    device->queues);
			break;
		}
		if (ready && size > device->queue_size)
			device->queue_size = size;
		device->queues++;
	}
	jdoc_free(d);
	return rc;
}

/* What the guest was told of it, where the device is a disk. */
static int
decode_disk(struct ch_state_device *device, const struct jdoc *tree,
    uint32_t node, struct error *err)
{
	uint64_t features = 0;
	struct jdoc *d;
	int rc = 0;

	if (open_state(&d, tree, node, err) == -1)
		return -1;
	device->is_disk = jdoc_type(d, JDOC_ROOT) == JDOC_OBJECT &&
	    jdoc_member(d, JDOC_ROOT, "disk_nsectors") != 0;
	if (device->is_disk &&
	    (jdoc_get_u64(d, JDOC_ROOT, "disk_nsectors", &device->sectors, 0,
		 UINT64_MAX / 512, JSON_REQUIRED, err) == -1 ||
		jdoc_get_u64(d, JDOC_ROOT, "avail_features", &features, 0,
		    UINT64_MAX, JSON_REQUIRED, err) == -1))
		rc = -1;
	device->readonly = (features & FEATURE_RO) != 0;
	jdoc_free(d);
	return rc;
}

static bool
is_virtio(const char *id)
{
	return strncmp(id, PCI_PREFIX, strlen(PCI_PREFIX)) == 0;
}

/* A device that is on the bus: its two nodes together. */
static int
decode_device(struct ch_state *s, const struct jdoc *tree, uint32_t children,
    uint32_t pci, struct error *err)
{
	const char *id = jdoc_key(tree, pci) + strlen(PCI_PREFIX);
	struct ch_state_device *device = &s->devices[s->devices_n];
	uint32_t node;

	if (s->devices_n == CH_STATE_DEVICES_MAX)
		return error_set(err, EX_DATAERR, "more than %d devices",
		    CH_STATE_DEVICES_MAX);
	if (strlen(id) > CH_ID_MAX)
		return error_set(err, EX_DATAERR, "an id of more than %d bytes",
		    CH_ID_MAX);
	s->devices_n++;
	snprintf(device->id, sizeof(device->id), "%s", id);
	if (decode_queues(device, tree, pci, err) == -1)
		return error_wrap(err, PCI_PREFIX "%s", id);
	node = jdoc_member(tree, children, id);
	if (node == 0)
		return error_set(err, EX_DATAERR, PCI_PREFIX "%s without %s",
		    id, id);
	if (strncmp(id, "__", 2) != 0 &&
	    decode_disk(device, tree, node, err) == -1)
		return error_wrap(err, "%s", id);
	return 0;
}

static int
decode_devices(struct ch_state *s, const struct jdoc *tree, struct error *err)
{
	uint32_t devices, children, i;

	if (find_top(&devices, tree, "device-manager", err) == -1)
		return -1;
	if (find_children(&children, tree, devices, err) == -1)
		return error_wrap(err, "device-manager");
	for (i = jdoc_first(tree, children); i != 0; i = jdoc_next(tree, i))
		if (is_virtio(jdoc_key(tree, i)) &&
		    decode_device(s, tree, children, i, err) == -1)
			return error_wrap(err, "device-manager");
	return 0;
}

static int
decode(struct ch_state *out, const struct jdoc *tree, struct error *err)
{
	struct ch_state *s = calloc(1, sizeof(*s));
	int rc = -1;

	if (s == NULL)
		return error_nomem(err, NULL);
	if (decode_cpus(s, tree, err) == 0 &&
	    decode_memory(s, tree, err) == 0 &&
	    decode_devices(s, tree, err) == 0) {
		*out = *s;
		rc = 0;
	}
	free(s);
	return rc;
}

int
ch_state_decode(struct ch_state *out, struct jdoc **tree, const char *text,
    size_t len, struct error *err)
{
	struct jdoc *all = NULL;

	hook_step("parse-ch-state");
	if (jdoc_parse(&all, text, len, err) == -1 ||
	    decode(out, all, err) == -1) {
		jdoc_free(all);
		return error_wrap(err, CH_STATE_NAME);
	}
	if (tree != NULL)
		*tree = all;
	else
		jdoc_free(all);
	return 0;
}

int
ch_state_read(struct ch_state *out, int dirfd, struct error *err)
{
	struct jdoc *tree;
	int rc;

	hook_step("parse-ch-state");
	if (jdoc_read(&tree, dirfd, CH_STATE_NAME, CH_STATE_BYTES_MAX, err) ==
	    -1)
		return -1;
	rc = decode(out, tree, err);
	jdoc_free(tree);
	return rc == -1 ? error_wrap(err, CH_STATE_NAME) : 0;
}

const struct ch_state_device *
ch_state_find(const struct ch_state *s, const char *id)
{
	size_t i;

	for (i = 0; i < s->devices_n; i++)
		if (strcmp(s->devices[i].id, id) == 0)
			return &s->devices[i];
	return NULL;
}

/* The memory-manager's state with no ranges; *out is the caller's. */
static int
empty_ranges(char **out, const struct jdoc *tree, uint32_t node,
    struct error *err)
{
	struct jdoc *d;
	uint32_t table;
	int rc = -1;

	if (open_state(&d, tree, node, err) == -1)
		return -1;
	if (jdoc_get_object(d, JDOC_ROOT, "memory_ranges", &table,
		JSON_REQUIRED, err) == 0 &&
	    jdoc_put(d, table, "data", "[]", err) == 0)
		rc = jdoc_text(out, NULL, d, err);
	jdoc_free(d);
	return rc;
}

int
ch_state_strip(char **out, size_t *out_len, struct jdoc *tree,
    struct error *err)
{
	char *state = NULL;
	uint32_t node;
	int rc = -1;

	hook_step("parse-ch-memory");
	if (find_top(&node, tree, MEMORY_NODE, err) == -1 ||
	    empty_ranges(&state, tree, node, err) == -1)
		goto out;
	/* It is there: its state was read. */
	node = jdoc_member(tree, node, "snapshot_data");
	if (jdoc_put_str(tree, node, "state", state, err) == 0)
		rc = jdoc_text(out, out_len, tree, err);
out:
	free(state);
	return rc == -1 ? error_wrap(err, CH_STATE_NAME) : 0;
}

int
ch_state_without_memory(char **out, size_t *out_len, const char *text,
    size_t len, struct error *err)
{
	struct jdoc *tree = NULL;
	int rc;

	if (jdoc_parse(&tree, text, len, err) == -1)
		return error_wrap(err, CH_STATE_NAME);
	rc = ch_state_strip(out, out_len, tree, err);
	jdoc_free(tree);
	return rc;
}
