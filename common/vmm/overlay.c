/* SPDX-License-Identifier: ISC */
#include "vmm/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "disk/chain.h"

int
overlay_make(int dirfd, const char *top, const char *overlay, struct error *err)
{
	uint64_t size;
	int fd, rc = -1;

	if (chain_disk_bytes(&size, chain_format(top), dirfd, top, err) == -1)
		return -1;
	if (unlinkat(dirfd, overlay, 0) == -1 && errno != ENOENT)
		return error_sys(err, error_code_of(errno), "%s", overlay);
	fd = openat(dirfd, overlay, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", overlay);
	if (chain_write_overlay(fd, size, top, overlay, err) == 0)
		rc = fd_commit(&fd, overlay, err);
	fd_drop(&fd);
	return rc;
}

int
overlay_push(struct storage *disk, const char *overlay, struct error *err)
{
	struct strv backing = { 0 };
	char *path = strdup(overlay);
	size_t i;

	if (path == NULL)
		return error_sys(err, EX_OSERR, "%s", overlay);
	if (strv_add(&backing, err, "%s", disk->path) == -1)
		goto out;
	for (i = 0; i < disk->backing.n; i++)
		if (strv_add(&backing, err, "%s", disk->backing.v[i]) == -1)
			goto out;
	free(disk->path);
	strv_fini(&disk->backing);
	disk->path = path;
	disk->backing = backing;
	return 0;
out:
	strv_fini(&backing);
	free(path);
	return -1;
}
