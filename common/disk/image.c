/* SPDX-License-Identifier: ISC */
#include "disk/image.h"

#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"

#define WRITER_BYTE 101 /* QEMU block/file-posix.c, RAW_LOCK_PERM_BASE + 1 */

int
image_open(struct image *out, const char *path, struct error *err)
{
	struct stat st;
	off_t end;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", path);
	if (fstat(fd, &st) == -1) {
		error_sys(err, EX_IOERR, "%s", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		error_set(err, EX_DATAERR,
		    "%s: neither a regular file nor a block device", path);
		goto out;
	}
	end = lseek(fd, 0, SEEK_END);
	if (end == -1) {
		error_sys(err, EX_IOERR, "%s", path);
		goto out;
	}
	if ((uint64_t)end > IMAGE_BYTES_MAX) {
		error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes, more than 8 TiB", path,
		    (uint64_t)end);
		goto out;
	}
	out->path = path;
	out->fd = fd;
	out->bytes = (uint64_t)end;
	return 0;
out:
	fd_drop(&fd);
	return -1;
}

void
image_close(struct image *image)
{
	fd_drop(&image->fd);
}

/* What sysfs says in one line of the loop device, without the newline. */
static bool
read_loop(char *out, size_t cap, int sysfd, const char *loop, const char *what)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%.32s/%s", loop, what);
	fd = openat(sysfd, path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	n = read(fd, out, cap - 1);
	close(fd);
	if (n <= 0)
		return false;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return true;
}

/* By the kernel's word where the device opens, else by the name in sysfs. */
static bool
loop_stands_on(int sysfd, const char *loop, const struct stat *st)
{
	struct loop_info64 info;
	struct stat backing;
	char path[4200];
	int fd, rc;

	snprintf(path, sizeof(path), "/dev/%.32s", loop);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd != -1) {
		rc = ioctl(fd, LOOP_GET_STATUS64, &info);
		close(fd);
		if (rc == 0)
			return info.lo_inode == st->st_ino &&
			    info.lo_device == st->st_dev;
	}
	return read_loop(path, sizeof(path), sysfd, loop,
		   "loop/backing_file") &&
	    stat(path, &backing) == 0 && backing.st_ino == st->st_ino &&
	    backing.st_dev == st->st_dev;
}

static enum image_use
use_by_loops(const struct stat *st)
{
	enum image_use use = IMAGE_FREE;
	struct strv names = { 0 };
	char ro[8];
	size_t i;
	int fd;

	if (fd_open_dir(&fd, AT_FDCWD, "/sys/block", false, NULL) == -1)
		return IMAGE_FREE;
	/* A host that does not tell its devices is one that has none. */
	if (dir_list(&names, fd, "/sys/block", NULL) == 0)
		for (i = 0; i < names.n && use != IMAGE_LOOP; i++) {
			if (strncmp(names.v[i], "loop", 4) != 0 ||
			    !loop_stands_on(fd, names.v[i], st))
				continue;
			use = read_loop(ro, sizeof(ro), fd, names.v[i], "ro") &&
				strcmp(ro, "1") == 0
			    ? IMAGE_LOOP_SHARED
			    : IMAGE_LOOP;
		}
	strv_fini(&names);
	fd_drop(&fd);
	return use;
}

/* Whether another process holds a lock that stands against `type` there. */
static bool
has_lock(int fd, short type, off_t start, off_t len)
{
	struct flock lock;

	memset(&lock, 0, sizeof(lock));
	lock.l_type = type;
	lock.l_whence = SEEK_SET;
	lock.l_start = start;
	lock.l_len = len;
	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/*
 * Whether QEMU says that it writes: by a lock for reading on a byte.  One on all
 * of the file is of somebody who only reads.
 */
static bool
has_writer_byte(int fd)
{
	struct flock lock = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = WRITER_BYTE,
		.l_len = 1 };

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK &&
	    !(lock.l_type == F_RDLCK && lock.l_start == 0 && lock.l_len == 0);
}

enum image_use
image_in_use(int fd)
{
	enum image_use loops;
	struct stat st;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return IMAGE_FREE;
	loops = use_by_loops(&st);
	if (loops == IMAGE_LOOP)
		return loops;
	if (has_lock(fd, F_RDLCK, 0, 0) || has_writer_byte(fd))
		return IMAGE_LOCKED;
	if (flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK)
		return IMAGE_LOCKED;
	if (has_lock(fd, F_WRLCK, 0, 0))
		return IMAGE_LOCKED_SHARED;
	if (flock(fd, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK) {
		flock(fd, LOCK_UN);
		return IMAGE_LOCKED_SHARED;
	}
	flock(fd, LOCK_UN);
	return loops;
}

bool
image_use_writes(enum image_use use)
{
	return use == IMAGE_LOCKED || use == IMAGE_LOOP;
}

const char *
image_use_name(enum image_use use)
{
	switch (use) {
	case IMAGE_LOCKED_SHARED:
	case IMAGE_LOCKED:
		return "locked by another process";
	case IMAGE_LOOP_SHARED:
	case IMAGE_LOOP:
		return "behind a loop device";
	case IMAGE_FREE:
		break;
	}
	return "not in use";
}

bool
image_is(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int
image_report(json_t *record, const char *path, struct error *err)
{
	char *absolute = path_absolute(path);
	struct stat st;
	int rc = -1;

	if (absolute == NULL || stat(path, &st) == -1) {
		error_sys(err, EX_IOERR, "%s", path);
		goto out;
	}
	if (json_put_str(record, "file", absolute, err) == -1 ||
	    json_put_u64(record, "size", (uint64_t)st.st_size, err) == -1 ||
	    json_put_u64(record, "disk_usage", (uint64_t)st.st_blocks * 512,
		err) == -1)
		goto out;
	rc = 0;
out:
	free(absolute);
	return rc;
}
