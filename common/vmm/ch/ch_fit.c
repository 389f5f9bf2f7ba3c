/* SPDX-License-Identifier: ISC */
/* Whether a saved state is of the machine that it is said to be of. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/path.h"
#include "disk/chain.h"
#include "vmm/ch/ch.h"

/* That it is all there, and its length, is what nobody else looks at. */
static int
check_memory(const struct ch_state *s, const struct ch_config *c, int dirfd,
    struct error *err)
{
	uint64_t size;
	int fd;

	if (s->saved_bytes == 0) {
		if (fd_exists(dirfd, CH_RANGES_NAME))
			return error_set(err, EX_DATAERR,
			    CH_RANGES_NAME ": %s has no memory in it",
			    CH_STATE_NAME);
		return c->zones_n <= 1
		    ? 0
		    : error_set(err, EX_CONFIG,
			  CH_CONFIG_NAME ": memory in %zu zones' files: "
					 "not supported",
			  c->zones_n);
	}
	/* The rest would be in files of the saving host. */
	if (s->saved_bytes != s->ram_bytes)
		return error_set(err, EX_DATAERR,
		    CH_STATE_NAME ": memory-manager: %" PRIu64
				  " bytes were saved, the guest has %" PRIu64,
		    s->saved_bytes, s->ram_bytes);
	if (fd_open_file(&fd, &size, dirfd, CH_RANGES_NAME, O_RDONLY, err) ==
	    -1)
		return -1;
	fd_drop(&fd);
	if (size == s->saved_bytes)
		return 0;
	return error_set(err, EX_DATAERR,
	    CH_RANGES_NAME ": %" PRIu64 " bytes, %s has %" PRIu64, size,
	    CH_STATE_NAME, s->saved_bytes);
}

/* The disk of the sidecar against those of the machine and its state. */
static int
check_disk(const struct ch_config *c, const struct ch_state *s,
    const struct machine *m, const struct storage *disk, int dirfd,
    struct error *err)
{
	const struct ch_disk *found = ch_config_find_disk(c, disk->path);
	const char *name = path_base(disk->path);
	const struct ch_state_device *device;
	const struct chain_format *format = chain_format(name);
	const struct layer *layer;
	bool known = false;
	uint64_t bytes = 0;

	if (found == NULL)
		return error_set(err, EX_DATAERR, CH_CONFIG_NAME ": no disk %s",
		    disk->path);
	if (found->readonly != disk->ro)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %s: \"readonly\" is %s, the sidecar's "
				   "\"ro\" %s",
		    found->id, found->readonly ? "true" : "false",
		    disk->ro ? "true" : "false");
	if (strcmp(found->serial == NULL ? "" : found->serial, disk->serial) !=
	    0)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %s: serial \"%s\", the sidecar has "
				   "\"%s\"",
		    found->id, found->serial == NULL ? "" : found->serial,
		    disk->serial);
	if (ch_disk_format(found) != format)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %s: \"image_type\" is \"%s\", the "
				   "sidecar has %s",
		    found->id, found->image_type, name);
	layer = layer_find(&m->layers, name);
	if (layer != NULL) {
		bytes = layer->size_bytes;
		known = true;
	} else if (disk->role != STORAGE_LAYER) {
		if (chain_disk_bytes(&bytes, format, dirfd, name, err) == -1)
			return -1;
		known = true;
	}
	device = ch_state_find(s, found->id);
	if (!known || device == NULL || device->sectors == bytes / 512)
		return 0;
	return error_set(err, EX_DATAERR,
	    "%s: %" PRIu64 " bytes, %s has %" PRIu64 " for %s", name, bytes,
	    CH_STATE_NAME, device->sectors * 512, found->id);
}

int
ch_pair_check(const struct ch_pair *pair, const struct machine *m, int dirfd,
    struct error *err)
{
	const struct ch_config *c = &pair->config;
	const struct ch_state *s = &pair->state;
	size_t i;

	if (m->cpu != c->vcpus)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %" PRIu64
				   " processors, the envelope has %" PRIu64,
		    c->vcpus, m->cpu);
	if (m->memory_bytes != c->memory_bytes)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %" PRIu64
				   " bytes of memory, the envelope has "
				   "%" PRIu64,
		    c->memory_bytes, m->memory_bytes);
	if (m->disks.n != c->disks_n)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %zu disks, the sidecar has %zu",
		    c->disks_n, m->disks.n);
	if (m->nics.n != c->nets_n)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %zu NICs, the sidecar has %zu", c->nets_n,
		    m->nics.n);
	if (m->agent && c->vsock_id == NULL)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": no vsock for an agent");
	if (check_memory(s, c, dirfd, err) == -1)
		return -1;
	for (i = 0; i < m->disks.n; i++)
		if (check_disk(c, s, m, &m->disks.v[i], dirfd, err) == -1)
			return -1;
	return 0;
}

/* A snapshot's pair, and the machine that it is said to be of. */
struct checked {
	const struct machine *machine;
	int dirfd;
};

static int
check_pair(void *arg, struct error *err)
{
	const struct checked *checked = arg;
	struct ch_pair *pair = malloc(sizeof(*pair));
	int rc = -1;

	if (pair == NULL)
		return error_nomem(err, NULL);
	if (ch_pair_read(pair, checked->dirfd, NULL, err) == 0) {
		rc = ch_pair_check(pair, checked->machine, checked->dirfd, err);
		ch_pair_fini(pair);
	}
	free(pair);
	return rc;
}

int
ch_check_state(const struct machine *m, int dirfd, struct error *err)
{
	struct checked checked = { m, dirfd };

	return ch_aside_check(check_pair, &checked, dirfd, err);
}

int
ch_complete(int dirfd, struct sidecar *sidecar, struct error *err)
{
	if (!fd_exists(dirfd, CH_CONFIG_NAME))
		return error_set(err, EX_DATAERR, CH_CONFIG_NAME ": missing");
	return ch_aside_nics(&sidecar->machine.nics, dirfd, err);
}
