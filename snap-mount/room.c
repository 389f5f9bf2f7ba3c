/* SPDX-License-Identifier: ISC */
#include "room.h"

#include <sys/mman.h>

#include <fcntl.h>

#include "base/fd.h"

/* Where a disk has no room, or no files without names, it is memory. */
static int
open_file(int dirfd, size_t len)
{
	int fd = openat(dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	/* Allocated, for a page of a map that finds no room is a SIGBUS. */
	if (fd != -1 && posix_fallocate(fd, 0, (off_t)len) != 0)
		fd_drop(&fd);
	return fd;
}

int
room_init(struct room *out, int dirfd, size_t len, struct error *err)
{
	int fd = len < ROOM_SMALL ? -1 : open_file(dirfd, len);

	out->len = len == 0 ? 1 : len;
	out->at = mmap(NULL, out->len, PROT_READ | PROT_WRITE,
	    fd == -1 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
	fd_drop(&fd);
	if (out->at != MAP_FAILED)
		return 0;
	out->at = NULL;
	return error_sys(err, EX_OSERR, "memory");
}

void
room_fini(struct room *room)
{
	if (room->at != NULL)
		munmap(room->at, room->len);
	room->at = NULL;
}

void
room_rest(const struct room *room)
{
	if (room->len >= ROOM_SMALL)
		madvise(room->at, room->len, MADV_COLD);
}
