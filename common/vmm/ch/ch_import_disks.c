/* SPDX-License-Identifier: ISC */
/* The disks of a bare snapshot: what they are, and where. */
#include "vmm/ch/ch_import.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/strv.h"
#include "disk/chain.h"
#include "disk/copy.h"
#include "disk/qcow2.h"

/* A disk on its way in. */
struct taken {
	const struct ch_disk *from;
	enum storage_role role;
	char serial[STORAGE_SERIAL_MAX + 1];
	char name[64]; /* in the snapshot */
	const struct chain_format *format;
	char base_name[32]; /* a layer under it, or "" */
	const struct storage *old; /* as the sidecar had it, or NULL */
};

/* cow, data or cidata, by its serial and what can be written. */
static enum storage_role
guess_role(const struct ch_disk *disk, bool *has_cow)
{
	const char *serial = disk->serial == NULL ? "" : disk->serial;

	if (disk->readonly)
		return strncmp(path_base(disk->path), "cidata", 6) == 0
		    ? STORAGE_CIDATA
		    : STORAGE_LAYER;
	if (strcmp(serial, STORAGE_COW_SERIAL) == 0)
		return STORAGE_COW;
	/* A data disk is known by its serial; the first that has none is it. */
	if (!*has_cow && storage_check_data_serial(serial, NULL) == -1) {
		*has_cow = true;
		return STORAGE_COW;
	}
	return STORAGE_DATA;
}

static const struct storage *
find_old(const struct ch_dir *d, const struct ch_disk *disk)
{
	size_t i;

	for (i = 0; d->has_old && i < d->old.machine.disks.n; i++)
		if (strcmp(d->old.machine.disks.v[i].path, disk->path) == 0)
			return &d->old.machine.disks.v[i];
	return NULL;
}

/* Role, serial and name of each disk. */
static int
plan_disk(struct taken *t, const struct ch_dir *d, size_t i, bool *has_cow,
    struct error *err)
{
	char stem[32];

	t->from = &d->config.disks[i];
	t->old = find_old(d, t->from);
	t->format = ch_disk_format(t->from);
	if (d->has_old && t->old == NULL)
		return error_set(err, EX_DATAERR, "%s: no disk %s",
		    SIDECAR_NAME, t->from->path);
	t->role = t->old != NULL ? t->old->role : guess_role(t->from, has_cow);
	snprintf(t->serial, sizeof(t->serial), "%s",
	    t->from->serial == NULL ? "" : t->from->serial);
	switch (t->role) {
	case STORAGE_LAYER:
		snprintf(t->name, sizeof(t->name), "layer%zu%s", i,
		    t->format->is_flat ? "" : t->format->suffix);
		break;
	case STORAGE_COW:
		chain_first_name(t->name, sizeof(t->name), "cow", t->format);
		snprintf(t->serial, sizeof(t->serial), STORAGE_COW_SERIAL);
		break;
	case STORAGE_DATA:
		if (storage_check_data_serial(t->serial, NULL) == -1)
			snprintf(t->serial, sizeof(t->serial), "data%zu",
			    i % STORAGE_MAX);
		snprintf(stem, sizeof(stem), "data-%s", t->serial);
		chain_first_name(t->name, sizeof(t->name), stem, t->format);
		break;
	case STORAGE_CIDATA:
		snprintf(t->name, sizeof(t->name), "cidata.img");
		t->serial[0] = '\0';
		break;
	}
	return 0;
}

/* What an overlay lies on becomes a layer, and the overlay names it plainly. */
static int
take_backing(struct intake *in, const struct ch_dir *d, struct taken *t,
    struct error *err)
{
	struct qcow2_head head, under;
	const struct chain_format *is;
	const char *file;
	uint64_t size;
	int fd, from, rc;

	if (t->format->is_flat)
		return 0;
	if (fd_open_file(&fd, &size, in->made.dirfd, t->name, O_RDONLY, err) ==
	    -1)
		return -1;
	rc = qcow2_read_head(&head, fd, size, t->name, err);
	fd_drop(&fd);
	if (rc == -1 || head.backing[0] == '\0')
		return rc;
	from = intake_find_layer(&file, d->dirfd, d->how->trust_paths,
	    head.backing);
	if (file == NULL)
		return error_set(err, EX_CONFIG,
		    "%s: lies on %s: --trust-paths to have it followed",
		    t->from->path, head.backing);
	if (intake_open_layer(&fd, &size, from, file, err) == -1)
		return -1;
	is = chain_find_format(head.backing_format);
	if (is == NULL || !is->is_flat) {
		is = chain_flat();
		if (qcow2_read_head(&under, fd, size, file, NULL) == 0)
			is = chain_overlay();
		if (!is->is_flat && under.backing[0] != '\0')
			rc = error_set(err, EX_CONFIG,
			    "%s: lies on %s in turn: not supported",
			    head.backing, under.backing);
	}
	snprintf(t->base_name, sizeof(t->base_name), "base%s", is->suffix);
	fd_drop(&fd);
	if (rc == -1 ||
	    intake_take_layer(in, from, file, t->base_name, err) == -1)
		return -1;
	return intake_rebase(in, t->name, t->base_name, err);
}

/* Cloud Hypervisor would take any size, and the guest keep the one it knew. */
static int
check_size(const struct ch_dir *d, const struct taken *t, const char *file,
    struct error *err)
{
	const struct ch_state_device *device = ch_state_find(d->state,
	    t->from->id);
	uint64_t bytes;

	if (chain_disk_bytes(&bytes, t->format, d->dirfd, file, err) == -1)
		return -1;
	return device == NULL || device->sectors == bytes / 512
	    ? 0
	    : error_set(err, EX_DATAERR,
		  "%s: %" PRIu64 " bytes, %s has %" PRIu64 " for %s", file,
		  bytes, CH_STATE_NAME, device->sectors * 512, t->from->id);
}

static int
take_file(struct intake *in, const struct ch_dir *d, struct taken *t,
    struct error *err)
{
	const char *file;
	int from;

	if (t->role != STORAGE_LAYER) {
		file = path_base(t->from->path);
		if (!fd_exists(d->dirfd, file))
			return error_set(err, EX_DATAERR,
			    "%s: missing: the disk %s, as it was when this "
			    "was saved",
			    file, t->from->path);
		if (check_size(d, t, file, err) == -1 ||
		    copy_file(NULL, in->made.dirfd, t->name, d->dirfd, file,
			COPY_MAY_REFLINK, err) == -1)
			return -1;
		return take_backing(in, d, t, err);
	}
	from = intake_find_layer(&file, d->dirfd, d->how->trust_paths,
	    t->from->path);
	return file == NULL ? 0
			    : intake_take_layer(in, from, file, t->name, err);
}

/* Into the sidecar's list, and into the configuration. */
static int
put_disk(struct ch_dir *d, struct taken *t, struct error *err)
{
	struct storage disk = { .path = t->name,
		.ro = t->from->readonly,
		.role = t->role };
	struct ch_disk_patch to = { .path = t->name,
		.serial = t->serial,
		.direct = t->from->direct,
		.backing_files = t->base_name[0] != '\0',
		.image_type = ch_image_type(t->format) };
	int rc = 0;

	memcpy(disk.serial, t->serial, sizeof(disk.serial));
	if (t->role == STORAGE_DATA)
		snprintf(disk.fstype, sizeof(disk.fstype), "none");
	if (t->old != NULL) {
		disk.mount_point = t->old->mount_point;
		disk.direct_io = t->old->direct_io;
		memcpy(disk.fstype, t->old->fstype, sizeof(disk.fstype));
	}
	if (t->base_name[0] != '\0')
		rc = strv_add(&disk.backing, err, "%s", t->base_name);
	if (rc == 0)
		rc = storage_list_add(&d->sidecar.machine.disks, &disk, err);
	strv_fini(&disk.backing);
	return rc == -1 ? -1
			: ch_config_set_disk(&d->config, t->from, &to, err);
}

int
ch_take_disks(struct intake *in, struct ch_dir *d, struct error *err)
{
	struct taken disks[STORAGE_MAX];
	bool has_cow = false;
	size_t i;
	int role;

	memset(disks, 0, sizeof(disks));
	/* Another disk is the cow one where one says that it is. */
	for (i = 0; i < d->config.disks_n; i++)
		has_cow = has_cow ||
		    (d->config.disks[i].serial != NULL &&
			strcmp(d->config.disks[i].serial, STORAGE_COW_SERIAL) ==
			    0);
	for (i = 0; i < d->config.disks_n; i++)
		if (plan_disk(&disks[i], d, i, &has_cow, err) == -1)
			return -1;
	/* The sidecar's list is in the order of roles. */
	for (role = STORAGE_LAYER; role <= STORAGE_CIDATA; role++)
		for (i = 0; i < d->config.disks_n; i++)
			if ((int)disks[i].role == role &&
			    (take_file(in, d, &disks[i], err) == -1 ||
				put_disk(d, &disks[i], err) == -1))
				return -1;
	return 0;
}
