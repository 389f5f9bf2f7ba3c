/* SPDX-License-Identifier: ISC */
#include "disks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "disk/chain.h"
#include "disk/copy.h"
#include "disk/fs.h"
#include "disk/qemu_img.h"

#define SECTOR 512

static bool
is_flat(const struct storage *disk)
{
	return disk->backing.n == 0 && chain_format(disk->path)->is_flat;
}

/* That resize2fs can do it: all of the file is one ext4. */
static int
check_grow_fs(const struct storage *disk, int dirfd, struct error *err)
{
	enum fs_content content;

	if (!is_flat(disk))
		return error_set(err, EX_DATAERR,
		    "--grow-fs: %s is an overlay: the guest must grow what is "
		    "on it",
		    disk->path);
	if (fs_look(&content, dirfd, disk->path, err) == -1)
		return -1;
	if (content == FS_PARTITIONS)
		return error_set(err, EX_DATAERR,
		    "--grow-fs: %s has a partition table: the guest must grow "
		    "the partition, and then the filesystem (growpart, "
		    "resize2fs)",
		    disk->path);
	if (content != FS_EXT4)
		return error_set(err, EX_DATAERR,
		    "--grow-fs: %s has no ext4: the guest must grow what is on "
		    "it",
		    disk->path);
	return 0;
}

/* `option` is that of the user's, for messages. */
static int
plan_growth(struct change *c, size_t disk, const char *text, const char *option,
    struct error *err)
{
	const struct storage *s = &c->at->vm.machine.disks.v[disk];
	uint64_t now, bytes;
	size_t i;

	if (num_size(&bytes, text, SECTOR, STORAGE_BYTES_MAX, err) == -1)
		return error_wrap(err, "%s", option);
	if (bytes % SECTOR != 0)
		return error_set(err, EX_USAGE, "%s: %s: not a multiple of 512",
		    option, text);
	if (chain_disk_bytes(&now, chain_format(s->path), c->at->dirfd, s->path,
		err) == -1)
		return -1;
	if (bytes < now)
		return error_set(err, EX_USAGE,
		    "%s: %s: the disk has %" PRIu64
		    " bytes, and none becomes smaller",
		    option, text, now);
	/* What is on it may be smaller than the disk. */
	if (bytes == now && !c->wishes->grow_fs)
		return 0;
	for (i = 0; i < c->grow_n; i++)
		if (c->grow[i].disk == disk)
			return error_set(err, EX_USAGE, "%s: given twice",
			    option);
	if (c->wishes->grow_fs && check_grow_fs(s, c->at->dirfd, err) == -1)
		return -1;
	c->grow[c->grow_n].before = now;
	c->grow[c->grow_n].disk = disk;
	c->grow[c->grow_n++].bytes = bytes;
	return 0;
}

static int
plan_storage(struct change *c, struct error *err)
{
	struct storage_list *disks = &c->at->vm.machine.disks;
	size_t i;

	if (c->wishes->storage == NULL)
		return 0;
	for (i = 0; i < disks->n; i++)
		if (disks->v[i].role == STORAGE_COW)
			return plan_growth(c, i, c->wishes->storage,
			    "--storage", err);
	return error_set(err, EX_USAGE, "--storage: it has no root disk");
}

/* NAME=SIZE */
static int
plan_grow(struct change *c, const char *wish, struct error *err)
{
	const struct storage_list *disks = &c->at->vm.machine.disks;
	const char *size = strchr(wish, '=');
	size_t len, i;

	if (size == NULL)
		return error_set(err, EX_USAGE, "--grow-disk %s: not name=size",
		    wish);
	len = (size_t)(size - wish);
	for (i = 0; i < c->data.disks.n; i++)
		if (strlen(c->data.disks.v[i].serial) == len &&
		    strncmp(c->data.disks.v[i].serial, wish, len) == 0)
			return error_set(err, EX_USAGE,
			    "--grow-disk %s: --data-disk makes it anew, and "
			    "says its size",
			    wish);
	for (i = 0; i < disks->n; i++)
		if (disks->v[i].role == STORAGE_DATA &&
		    strlen(disks->v[i].serial) == len &&
		    strncmp(disks->v[i].serial, wish, len) == 0)
			return plan_growth(c, i, size + 1, "--grow-disk", err);
	return error_set(err, EX_USAGE, "--grow-disk %s: no such data disk",
	    wish);
}

/* The file goes when no other disk has it. */
static int
note_gone(struct change *c, const struct storage *disk, struct error *err)
{
	size_t i;

	if (strv_add(&c->gone, err, "%s", disk->path) == -1)
		return -1;
	for (i = 0; i < disk->backing.n; i++)
		if (strv_add(&c->gone, err, "%s", disk->backing.v[i]) == -1)
			return -1;
	return 0;
}

static int
check_removals(const struct change *c, struct error *err)
{
	const struct strv *names = &c->wishes->remove;
	const struct storage *disk;
	size_t i;

	for (i = 0; i < names->n; i++) {
		disk = storage_find_serial(&c->at->vm.machine.disks,
		    names->v[i]);
		if (disk == NULL || disk->role != STORAGE_DATA)
			return error_set(err, EX_USAGE,
			    "--remove-disk %s: no such data disk", names->v[i]);
	}
	return 0;
}

/* Without those that go, with those that come before a seed. */
static int
relist(struct change *c, struct error *err)
{
	struct storage_list *disks = &c->at->vm.machine.disks, list = { 0 };
	const struct storage *disk;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < disks->n; i++) {
		disk = &disks->v[i];
		if (disk->role == STORAGE_CIDATA)
			continue;
		rc = disk->role == STORAGE_DATA &&
			strv_has(&c->wishes->remove, disk->serial)
		    ? note_gone(c, disk, err)
		    : storage_list_add(&list, disk, err);
	}
	if (rc == 0 && c->wishes->data_disks.n > 0 &&
	    datadisk_parse(&c->data,
		(const char *const *)c->wishes->data_disks.v,
		c->wishes->data_disks.n, &list, err) == -1)
		rc = error_wrap(err, "--data-disk");
	for (i = 0; rc == 0 && i < c->data.disks.n; i++)
		rc = storage_list_add(&list, &c->data.disks.v[i], err);
	for (i = 0; rc == 0 && i < disks->n; i++)
		if (disks->v[i].role == STORAGE_CIDATA)
			rc = storage_list_add(&list, &disks->v[i], err);
	if (rc == 0)
		rc = storage_list_check(&list, err);
	if (rc == -1) {
		storage_list_fini(&list);
		return -1;
	}
	storage_list_fini(disks);
	*disks = list;
	return 0;
}

int
disks_plan(struct change *c, struct error *err)
{
	size_t i;

	if (check_removals(c, err) == -1 || relist(c, err) == -1 ||
	    plan_storage(c, err) == -1)
		return -1;
	for (i = 0; i < c->wishes->grow.n; i++)
		if (plan_grow(c, c->wishes->grow.v[i], err) == -1)
			return -1;
	return 0;
}

static const struct storage *
growing(const struct change *c, size_t i)
{
	return &c->at->vm.machine.disks.v[c->grow[i].disk];
}

bool
disks_is_remade(const struct change *c, const char *name)
{
	size_t i;

	if (strv_has(&c->gone, name))
		return true;
	for (i = 0; c->wishes->grow_fs && i < c->grow_n; i++)
		if (strcmp(growing(c, i)->path, name) == 0)
			return true;
	return false;
}

static int
stretch_flat(int dirfd, const char *name, uint64_t bytes, struct error *err)
{
	int fd, rc = 0;

	if (fd_open_file(&fd, NULL, dirfd, name, O_RDWR, err) == -1)
		return -1;
	if (ftruncate(fd, (off_t)bytes) == -1)
		rc = error_sys(err, EX_IOERR, "%s", name);
	fd_drop(&fd);
	return rc;
}

/* A filesystem that is half made larger is no filesystem: in a copy. */
static int
grow_copy(const struct change *c, size_t i, int dirfd, struct error *err)
{
	const char *name = growing(c, i)->path;

	if (copy_file(NULL, dirfd, name, c->at->dirfd, name, COPY_MAY_REFLINK,
		err) == -1 ||
	    stretch_flat(dirfd, name, c->grow[i].bytes, err) == -1)
		return -1;
	hook_step("set-copied");
	return fs_grow_ext4(dirfd, name, err);
}

int
disks_make(struct change *c, int dirfd, struct error *err)
{
	size_t i;

	for (i = 0; i < c->data.disks.n; i++) {
		/* What a removed one of that name had is gone with it. */
		unlinkat(dirfd, c->data.disks.v[i].path, 0);
		if (datadisk_make(&c->data, i, dirfd, err) == -1)
			return -1;
	}
	for (i = 0; c->wishes->grow_fs && i < c->grow_n; i++)
		if (grow_copy(c, i, dirfd, err) == -1)
			return -1;
	return 0;
}

static int
resize(const char *name, int dirfd, uint64_t bytes, struct error *err)
{
	return chain_format(name)->is_flat
	    ? stretch_flat(dirfd, name, bytes, err)
	    : qemu_img_resize(dirfd, name, bytes, err);
}

int
disks_stretch(const struct change *c, int dirfd, struct error *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && !c->wishes->grow_fs && i < c->grow_n; i++) {
		rc = resize(growing(c, i)->path, dirfd, c->grow[i].bytes, err);
		hook_step("set-stretched");
	}
	if (rc == -1)
		disks_shrink(c, dirfd);
	return rc;
}

void
disks_shrink(const struct change *c, int dirfd)
{
	const char *name;
	struct error why;
	uint64_t now;
	size_t i;

	for (i = 0; !c->wishes->grow_fs && i < c->grow_n; i++) {
		name = growing(c, i)->path;
		if (chain_disk_bytes(&now, chain_format(name), dirfd, name,
			&why) == 0 &&
		    (now == c->grow[i].before ||
			resize(name, dirfd, c->grow[i].before, &why) == 0))
			continue;
		diag("warning: %s may have its new size already: %s", name,
		    why.msg);
	}
}
