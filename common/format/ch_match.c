/* SPDX-License-Identifier: ISC */
/* Whether state.json and config.json are of one machine. */
#include <inttypes.h>

#include "format/ch_state.h"

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

int
ch_state_match(const struct ch_state *s, const struct ch_config *c,
    struct error *err)
{
	size_t i;

	if (s->vcpus != c->vcpus)
		return error_set(err, EX_DATAERR,
		    "%s: cpu-manager: %" PRIu64 " processors, %s has %" PRIu64,
		    CH_STATE_NAME, s->vcpus, CH_CONFIG_NAME, c->vcpus);
	if (s->ram_bytes != c->memory_bytes)
		return error_set(err, EX_DATAERR,
		    "%s: memory-manager: %" PRIu64
		    " bytes of memory, %s has %" PRIu64,
		    CH_STATE_NAME, s->ram_bytes, CH_CONFIG_NAME,
		    c->memory_bytes);
	for (i = 0; i < c->disks_n; i++)
		if (match_queues(s, c->disks[i].id, c->disks[i].queues, 0,
			c->disks[i].queue_size, err) == -1)
			return -1;
	/* A NIC has a control queue besides. */
	for (i = 0; i < c->nets_n; i++)
		if (match_queues(s, c->nets[i].id, c->nets[i].queues, 1,
			c->nets[i].queue_size, err) == -1)
			return -1;
	if (c->vsock_id != NULL && ch_state_find(s, c->vsock_id) == NULL)
		return error_set(err, EX_DATAERR, "%s: %s of %s is not in it",
		    CH_STATE_NAME, c->vsock_id, CH_CONFIG_NAME);
	return 0;
}
