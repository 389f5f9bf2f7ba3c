/* SPDX-License-Identifier: ISC */
#include "disk/extent.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/sig.h"

#define EXTENT_PROBE 16 /* bytes; most blocks that are not zero end here */

int
extent_next(struct extent *out, int fd, uint64_t from, uint64_t size,
    const char *what, struct error *err)
{
	off_t data, hole;

	if (from >= size)
		return 0;
	data = lseek(fd, (off_t)from, SEEK_DATA);
	if (data == -1 && errno == ENXIO)
		return 0;
	if (data == -1 && errno == EINVAL) {
		out->off = from;
		out->len = size - from;
		return 1;
	}
	if (data == -1)
		return error_sys(err, EX_IOERR, "%s", what);
	if ((uint64_t)data >= size)
		return 0;
	hole = lseek(fd, data, SEEK_HOLE);
	if (hole == -1)
		return error_sys(err, EX_IOERR, "%s", what);
	if (hole <= data || (uint64_t)hole > size)
		hole = (off_t)size;
	out->off = (uint64_t)data;
	out->len = (uint64_t)hole - (uint64_t)data;
	return 1;
}

int
extent_data_bytes(uint64_t *out, int fd, uint64_t size, const char *what,
    struct error *err)
{
	struct extent e = { 0 };
	uint64_t sum = 0;
	int rc;

	while ((rc = extent_next(&e, fd, e.off + e.len, size, what, err)) == 1)
		sum += e.len;
	if (rc == 0)
		*out = sum;
	return rc;
}

uint64_t
extent_count(int fd)
{
	struct fiemap map;

	memset(&map, 0, sizeof(map));
	map.fm_length = FIEMAP_MAX_OFFSET;
	if (ioctl(fd, FS_IOC_FIEMAP, &map) == -1)
		return 0;
	return map.fm_mapped_extents;
}

int
extent_punch(int fd, uint64_t off, uint64_t len, const char *what,
    struct error *err)
{
	while (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		   (off_t)off, (off_t)len) == -1) {
		if (errno == EINTR) {
			if (sig_check(err) == -1)
				return -1;
			continue;
		}
		if (errno == EOPNOTSUPP || errno == ENOSYS || errno == ENOSPC)
			return 0;
		return error_sys(err, EX_IOERR, "%s", what);
	}
	return 1;
}

bool
extent_is_zero(const void *buf, size_t len)
{
	static const unsigned char zeros[EXTENT_PROBE];
	const unsigned char *p = buf;

	if (len < EXTENT_PROBE)
		return memcmp(p, zeros, len) == 0;
	return memcmp(p, zeros, EXTENT_PROBE) == 0 &&
	    memcmp(p, p + EXTENT_PROBE, len - EXTENT_PROBE) == 0;
}
