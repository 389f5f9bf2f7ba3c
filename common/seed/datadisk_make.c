/* SPDX-License-Identifier: ISC */
#include "seed/datadisk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "disk/fs.h"

int
datadisk_make(const struct datadisk_list *list, size_t i, int dirfd,
    struct error *err)
{
	const struct storage *disk = &list->disks.v[i];
	int fd, rc = 0;

	fd = openat(dirfd, disk->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", disk->path);
	if (ftruncate(fd, (off_t)list->size_bytes[i]) == -1)
		rc = error_sys(err, EX_IOERR, "%s", disk->path);
	fd_drop(&fd);
	if (rc == 0 && strcmp(disk->fstype, "ext4") == 0)
		rc = fs_make_ext4(dirfd, disk->path, list->inodes[i], err);
	return rc;
}
