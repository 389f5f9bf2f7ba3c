/* SPDX-License-Identifier: ISC */
/* Whether state.json and config.json are of one machine. */
#include <inttypes.h>
#include <string.h>

#include "vmm/ch/ch_state.h"

/*
 * More queues than were saved end the program (v53); fewer, or smaller rings,
 * a guest that uses them.  `more` queues are beyond those of config.json.
 */
static int
match_queues(const struct ch_state *s, const char *id, uint64_t queues,
    uint64_t more, uint64_t queue_size, struct error *err)
{
	const struct ch_state_device *device = ch_state_find(s, id);

	if (device == NULL)
		return error_set(err, EX_DATAERR, "%s: %s of %s is not in it",
		    CH_STATE_NAME, id, CH_CONFIG_NAME);
	if (device->queues < queues || device->queues > queues + more)
		return error_set(err, EX_DATAERR,
		    "%s: %s: %" PRIu64 " queues, %s has %" PRIu64,
		    CH_STATE_NAME, id, device->queues, CH_CONFIG_NAME, queues);
	if (device->queue_size > queue_size)
		return error_set(err, EX_DATAERR,
		    "%s: %s: a queue of %" PRIu64 ", %s has %" PRIu64,
		    CH_STATE_NAME, id, device->queue_size, CH_CONFIG_NAME,
		    queue_size);
	return 0;
}

/* The guest's memory that the state has in a zone; it is in no other form. */
static uint64_t
zone_bytes(const struct ch_state *s, const char *zone)
{
	uint64_t sum = 0; /* of parts of ram_bytes, which did not overflow */
	size_t i;

	for (i = 0; i < s->ram_n; i++)
		if (strcmp(s->ram[i].zone, zone) == 0)
			sum += s->ram[i].len;
	return sum;
}

/* A zone that the other does not know would be memory that nobody maps. */
static int
match_memory(const struct ch_state *s, const struct ch_config *c,
    struct error *err)
{
	uint64_t want, here;
	const char *zone;
	size_t i;

	if (s->ram_bytes != c->memory_bytes)
		return error_set(err, EX_DATAERR,
		    "%s: memory-manager: %" PRIu64
		    " bytes of memory, %s has %" PRIu64,
		    CH_STATE_NAME, s->ram_bytes, CH_CONFIG_NAME,
		    c->memory_bytes);
	for (i = 0; i == 0 || i < c->zones_n; i++) {
		zone = c->zones_n == 0 ? CH_ZONE_ID : c->zones[i].id;
		want = c->zones_n == 0 ? c->memory_bytes
				       : c->zones[i].size_bytes;
		here = zone_bytes(s, zone);
		if (here != want)
			return error_set(err, EX_DATAERR,
			    "%s: memory-manager: %" PRIu64
			    " bytes in zone \"%s\", %s has %" PRIu64,
			    CH_STATE_NAME, here, zone, CH_CONFIG_NAME, want);
	}
	return 0;
}

/* The guest was told whether it can write, and is not told again. */
static int
match_writing(const struct ch_state *s, const struct ch_disk *disk,
    struct error *err)
{
	const struct ch_state_device *device = ch_state_find(s, disk->id);

	if (!device->is_disk)
		return error_set(err, EX_DATAERR,
		    "%s: %s is no disk, %s has one", CH_STATE_NAME, disk->id,
		    CH_CONFIG_NAME);
	if (device->readonly != disk->readonly)
		return error_set(err, EX_DATAERR,
		    "%s: %s: %s, \"readonly\" of %s is %s", CH_STATE_NAME,
		    disk->id, device->readonly ? "read-only" : "can be written",
		    CH_CONFIG_NAME, disk->readonly ? "true" : "false");
	return 0;
}

/* The guest would lose a disk that is left out, and nobody would say so. */
static int
find_disks(const struct ch_state *s, const struct ch_config *c,
    struct error *err)
{
	size_t i, k;

	for (i = 0; i < s->devices_n; i++) {
		if (!s->devices[i].is_disk)
			continue;
		for (k = 0; k < c->disks_n; k++)
			if (strcmp(c->disks[k].id, s->devices[i].id) == 0)
				break;
		if (k == c->disks_n)
			return error_set(err, EX_DATAERR,
			    "%s: disk %s of %s is not in it", CH_CONFIG_NAME,
			    s->devices[i].id, CH_STATE_NAME);
	}
	return 0;
}

int
ch_state_match(const struct ch_state *s, const struct ch_config *c,
    struct error *err)
{
	size_t i;

	if (s->vcpus != c->vcpus)
		return error_set(err, EX_DATAERR,
		    "%s: cpu-manager: %" PRIu64 " processors, %s has %" PRIu64,
		    CH_STATE_NAME, s->vcpus, CH_CONFIG_NAME, c->vcpus);
	if (match_memory(s, c, err) == -1)
		return -1;
	for (i = 0; i < c->disks_n; i++)
		if (match_queues(s, c->disks[i].id, c->disks[i].queues, 0,
			c->disks[i].queue_size, err) == -1 ||
		    match_writing(s, &c->disks[i], err) == -1)
			return -1;
	/* A NIC has a control queue besides. */
	for (i = 0; i < c->nets_n; i++)
		if (match_queues(s, c->nets[i].id, c->nets[i].queues, 1,
			c->nets[i].queue_size, err) == -1)
			return -1;
	if (c->vsock_id != NULL && ch_state_find(s, c->vsock_id) == NULL)
		return error_set(err, EX_DATAERR, "%s: %s of %s is not in it",
		    CH_STATE_NAME, c->vsock_id, CH_CONFIG_NAME);
	return find_disks(s, c, err);
}
