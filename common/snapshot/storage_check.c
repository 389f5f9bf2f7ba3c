/* SPDX-License-Identifier: ISC */
/* The rules that storage configs obey, each alone and all together. */
#include "snapshot/storage.h"

#include <string.h>

#include "base/path.h"
#include "base/text.h"
#include "disk/chain.h"

static bool
role_is_ro(enum storage_role role)
{
	return role == STORAGE_LAYER || role == STORAGE_CIDATA;
}

int
storage_check_name(const char *member, const char *path, struct error *err)
{
	const char *base = path_base(path);

	if (!path_is_name(base))
		return error_set(err, EX_DATAERR,
		    "%s \"%s\" does not end in a file name", member, path);
	if (!chain_is_name(base))
		return error_set(err, EX_DATAERR,
		    "%s \"%s\": a disk's file has no colon in its name, and "
		    "no dash in front",
		    member, path);
	return 0;
}

/* The same of a file that a VM has in its own directory. */
static int
check_file_name(const char *member, const char *path, struct error *err)
{
	const char *base = path_base(path);

	if (storage_check_name(member, path, err) == -1)
		return -1;
	if (base[0] == '.')
		return error_set(err, EX_DATAERR, "%s \"%s\" is a hidden file",
		    member, path);
	return 0;
}

static int
check_path(const struct storage *disk, struct error *err)
{
	if (disk->path == NULL || disk->path[0] == '\0')
		return error_set(err, EX_DATAERR, "path is empty");
	if (strlen(disk->path) > STORAGE_PATH_MAX)
		return error_set(err, EX_DATAERR,
		    "path is longer than %d bytes", STORAGE_PATH_MAX);
	if (disk->origin != NULL &&
	    (disk->origin[0] == '\0' || strpbrk(disk->origin, "\n") != NULL))
		return error_set(err, EX_DATAERR, "origin \"%s\" is no path",
		    disk->origin);
	if (disk->role != STORAGE_LAYER)
		return check_file_name("path", disk->path, err);
	return storage_check_name("path", disk->path, err);
}

/* ^[a-z][a-z0-9_-]{0,19}$ */
static bool
is_data_serial(const char *serial)
{
	size_t len = strlen(serial);

	return len >= 1 && len <= STORAGE_SERIAL_MAX && serial[0] >= 'a' &&
	    serial[0] <= 'z' &&
	    strspn(serial, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

/* What a VMM takes in any place: ^[a-zA-Z0-9._-]{0,20}$ */
static bool
is_plain_serial(const char *serial)
{
	size_t len = strlen(serial);

	return len <= STORAGE_SERIAL_MAX &&
	    strspn(serial,
		"abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

int
storage_check_data_serial(const char *serial, struct error *err)
{
	if (!is_data_serial(serial))
		return error_set(err, EX_DATAERR,
		    "serial \"%s\" is not 1 to %d of a-z, 0-9, _ and -, "
		    "the first a letter",
		    serial, STORAGE_SERIAL_MAX);
	if (strncmp(serial, "cocoon-", 7) == 0)
		return error_set(err, EX_DATAERR,
		    "serial \"%s\": names that begin with cocoon- are reserved",
		    serial);
	return 0;
}

static int
check_serial(const struct storage *disk, struct error *err)
{
	const char *serial = disk->serial;

	if (disk->role == STORAGE_CIDATA && serial[0] != '\0')
		return error_set(err, EX_DATAERR,
		    "serial \"%s\": a cidata disk has none", serial);
	if (disk->role == STORAGE_DATA)
		return storage_check_data_serial(serial, err);
	if (!is_plain_serial(serial))
		return error_set(err, EX_DATAERR,
		    "serial \"%s\" is not at most %d of letters, digits, . _ -",
		    serial, STORAGE_SERIAL_MAX);
	return 0;
}

int
storage_check_mount_point(const char *mount_point, struct error *err)
{
	const char *p;

	if (mount_point[0] != '/')
		return error_set(err, EX_DATAERR,
		    "mount_point \"%s\" is not an absolute path", mount_point);
	if (strlen(mount_point) > STORAGE_PATH_MAX)
		return error_set(err, EX_DATAERR,
		    "mount_point is longer than %d bytes", STORAGE_PATH_MAX);
	if (strchr(mount_point, '\n') != NULL)
		return error_set(err, EX_DATAERR,
		    "mount_point \"%s\" holds a newline", mount_point);
	for (p = mount_point; *p != '\0'; p++)
		if (text_control(p) != 0 && *p != '\t')
			return error_set(err, EX_DATAERR,
			    "mount_point \"%s\" holds a control character",
			    mount_point);
	return 0;
}

/* Behind slashes, and components that stay where they are. */
static const char *
skip_nothing(const char *p)
{
	for (;;) {
		while (*p == '/')
			p++;
		if (p[0] != '.' || (p[1] != '/' && p[1] != '\0'))
			return p;
		p++;
	}
}

bool
storage_is_same_mount(const char *a, const char *b)
{
	size_t len;

	for (;;) {
		a = skip_nothing(a);
		b = skip_nothing(b);
		len = strcspn(a, "/");
		if (len != strcspn(b, "/") || memcmp(a, b, len) != 0)
			return false;
		if (len == 0)
			return true;
		a += len;
		b += len;
	}
}

/* Members that belong to data disks alone. */
static int
check_filesystem(const struct storage *disk, struct error *err)
{
	bool mounts = disk->mount_point != NULL && disk->mount_point[0] != '\0';

	if (disk->role != STORAGE_DATA) {
		if (disk->direct_io != STORAGE_DIRECT_AUTO)
			return error_set(err, EX_DATAERR,
			    "direct_io is for data disks, not for role %s",
			    storage_role_name(disk->role));
		if (mounts || disk->fstype[0] != '\0')
			return error_set(err, EX_DATAERR,
			    "%s is for data disks, not for role %s",
			    mounts ? "mount_point" : "fstype",
			    storage_role_name(disk->role));
		return 0;
	}
	if (strcmp(disk->fstype, "ext4") != 0 &&
	    strcmp(disk->fstype, "none") != 0)
		return error_set(err, EX_DATAERR,
		    "fstype \"%s\" is neither ext4 nor none", disk->fstype);
	if (!mounts)
		return 0;
	if (strcmp(disk->fstype, "none") == 0)
		return error_set(err, EX_DATAERR,
		    "mount_point \"%s\" with fstype none", disk->mount_point);
	return storage_check_mount_point(disk->mount_point, err);
}

static int
check_backing(const struct storage *disk, struct error *err)
{
	const char *name;
	size_t i, j;

	if (disk->backing.n == 0)
		return 0;
	if (role_is_ro(disk->role))
		return error_set(err, EX_DATAERR,
		    "backing is for writable disks, not for role %s",
		    storage_role_name(disk->role));
	if (disk->backing.n + 1 > STORAGE_CHAIN_MAX)
		return error_set(err, EX_DATAERR,
		    "backing: a chain of %zu files, more than %d",
		    disk->backing.n + 1, STORAGE_CHAIN_MAX);
	if (chain_format(disk->path)->is_flat)
		return error_set(err, EX_DATAERR,
		    "backing behind a raw file \"%s\"", disk->path);
	for (i = 0; i < disk->backing.n; i++) {
		name = disk->backing.v[i];
		if (strchr(name, '/') != NULL)
			return error_set(err, EX_DATAERR,
			    "backing \"%s\" is not a plain file name", name);
		if (check_file_name("backing", name, err) == -1)
			return -1;
		for (j = 0; j < i; j++)
			if (strcmp(name, disk->backing.v[j]) == 0)
				return error_set(err, EX_DATAERR,
				    "backing \"%s\" twice", name);
		if (i + 1 < disk->backing.n && chain_format(name)->is_flat)
			return error_set(err, EX_DATAERR,
			    "backing behind a raw file \"%s\"", name);
	}
	return 0;
}

static int
check_disk(const struct storage *disk, struct error *err)
{
	if ((unsigned)disk->role >= STORAGE_ROLES)
		return error_set(err, EX_DATAERR, "unknown role");
	if (disk->ro != role_is_ro(disk->role))
		return error_set(err, EX_DATAERR, "ro must be %s for role %s",
		    role_is_ro(disk->role) ? "true" : "false",
		    storage_role_name(disk->role));
	if (check_path(disk, err) == -1 || check_serial(disk, err) == -1 ||
	    check_filesystem(disk, err) == -1)
		return -1;
	return check_backing(disk, err);
}

/* Whether the file that `top` writes is also one of `disk`'s. */
static bool
uses_file(const struct storage *disk, const struct storage *top)
{
	const char *name = path_base(top->path);
	size_t i;

	for (i = 0; i < disk->backing.n; i++)
		if (strcmp(name, disk->backing.v[i]) == 0)
			return true;
	return disk != top && disk->role != STORAGE_LAYER &&
	    strcmp(name, path_base(disk->path)) == 0;
}

/* Disk `n` against those before it, and its own chain. */
static int
check_among(const struct storage_list *list, size_t n, struct error *err)
{
	const struct storage *disk = &list->v[n], *other;
	size_t i;

	if (n > 0 && disk->role < list->v[n - 1].role)
		return error_set(err, EX_DATAERR,
		    "role %s behind role %s: the order is layer, cow, data, "
		    "cidata",
		    storage_role_name(disk->role),
		    storage_role_name(list->v[n - 1].role));
	for (i = 0; i < n; i++) {
		other = &list->v[i];
		if (other->role == disk->role &&
		    (disk->role == STORAGE_COW || disk->role == STORAGE_CIDATA))
			return error_set(err, EX_DATAERR,
			    "role %s a second time",
			    storage_role_name(disk->role));
		if (disk->serial[0] != '\0' &&
		    strcmp(other->serial, disk->serial) == 0)
			return error_set(err, EX_DATAERR,
			    "serial \"%s\" is that of disk %zu, too",
			    disk->serial, i);
		if ((disk->role != STORAGE_LAYER && uses_file(other, disk)) ||
		    (other->role != STORAGE_LAYER && uses_file(disk, other)))
			return error_set(err, EX_DATAERR,
			    "path \"%s\" shares a file with disk %zu",
			    disk->path, i);
	}
	if (uses_file(disk, disk))
		return error_set(err, EX_DATAERR,
		    "path \"%s\" stands in its own backing", disk->path);
	return 0;
}

int
storage_list_check(const struct storage_list *list, struct error *err)
{
	size_t i;

	if (list->n > STORAGE_MAX)
		return error_set(err, EX_DATAERR, "%zu disks, more than %d",
		    list->n, STORAGE_MAX);
	for (i = 0; i < list->n; i++)
		if (check_disk(&list->v[i], err) == -1 ||
		    check_among(list, i, err) == -1)
			return error_wrap(err, "disk %zu", i);
	return 0;
}
