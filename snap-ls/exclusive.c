/* SPDX-License-Identifier: ISC */
#include "exclusive.h"

#include <sys/ioctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"

#define EXTENTS 256 /* asked for at a time */

/* Bytes of shared extents; 0 where the filesystem cannot tell. */
static int
shared_bytes(uint64_t *out, int fd, const char *name, struct error *err)
{
	struct fiemap *map;
	const struct fiemap_extent *e = NULL;
	uint64_t shared = 0;
	unsigned i;
	int rc = -1;

	map = malloc(sizeof(*map) + EXTENTS * sizeof(map->fm_extents[0]));
	if (map == NULL)
		return error_sys(err, EX_OSERR, "%s", name);
	memset(map, 0, sizeof(*map));
	do {
		map->fm_start = e == NULL ? 0 : e->fe_logical + e->fe_length;
		map->fm_length = FIEMAP_MAX_OFFSET - map->fm_start;
		map->fm_extent_count = EXTENTS;
		map->fm_flags = 0;
		if (ioctl(fd, FS_IOC_FIEMAP, map) == -1) {
			if (errno == EOPNOTSUPP || errno == ENOTTY)
				break;
			error_sys(err, EX_IOERR, "%s", name);
			goto out;
		}
		for (i = 0; i < map->fm_mapped_extents; i++) {
			e = &map->fm_extents[i];
			if ((e->fe_flags & FIEMAP_EXTENT_SHARED) != 0)
				shared += e->fe_length;
		}
	} while (map->fm_mapped_extents > 0 &&
	    (e->fe_flags & FIEMAP_EXTENT_LAST) == 0);
	*out = shared;
	rc = 0;
out:
	free(map);
	return rc;
}

static int
add_file(uint64_t *sum, int dirfd, const char *name, struct error *err)
{
	uint64_t allocated, shared = 0;
	struct stat st;
	int fd, rc = -1;

	if (fd_open_file(&fd, NULL, dirfd, name, O_RDONLY, err) == -1)
		return -1;
	if (fstat(fd, &st) == -1) {
		error_sys(err, EX_IOERR, "%s", name);
		goto out;
	}
	if (st.st_nlink == 1) {
		if (shared_bytes(&shared, fd, name, err) == -1)
			goto out;
		allocated = (uint64_t)st.st_blocks * 512;
		*sum += allocated > shared ? allocated - shared : 0;
	}
	rc = 0;
out:
	fd_drop(&fd);
	return rc;
}

int
exclusive_put(json_t *record, const struct snap *snap, struct error *err)
{
	struct strv names = { 0 };
	uint64_t sum = 0;
	size_t i;
	int rc = -1;

	if (snap_files(&names, snap, err) == -1 ||
	    strv_add(&names, err, "%s", ENVELOPE_NAME) == -1)
		goto out;
	for (i = 0; i < names.n; i++)
		if (add_file(&sum, snap_fd(snap), names.v[i], err) == -1) {
			error_wrap(err, "%s", snap_id(snap));
			goto out;
		}
	rc = json_put_u64(record, "disk_usage", sum, err);
out:
	strv_fini(&names);
	return rc;
}
