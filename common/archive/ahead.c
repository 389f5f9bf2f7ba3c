/* SPDX-License-Identifier: ISC */
#include "archive/ahead.h"

#include <sys/uio.h>

#include <fcntl.h>

#define AHEAD_BYTES (UINT64_C(8) << 20) /* of data */
#define AHEAD_PIECE (UINT64_C(128) << 10) /* the kernel may cut longer ones */
#define AHEAD_GAP (UINT64_C(32) << 10) /* a hole that is read along */

void
ahead_init(struct ahead *a, int fd, const struct sparse_map *map)
{
	a->fd = fd;
	a->asked = 0;
	sparse_iter_init(&a->it, map);
}

/* To ask for what is in memory costs as much as to read it. */
static bool
is_in_memory(int fd, uint64_t off)
{
	struct iovec v;
	char byte;

	v.iov_base = &byte;
	v.iov_len = 1;
	return preadv2(fd, &v, 1, (off_t)off, RWF_NOWAIT) == 1;
}

static void
ask_ahead(int fd, uint64_t off, uint64_t end)
{
	uint64_t n;

	for (; off < end; off += n) {
		n = end - off < AHEAD_PIECE ? end - off : AHEAD_PIECE;
		posix_fadvise(fd, (off_t)off, (off_t)n, POSIX_FADV_WILLNEED);
	}
}

void
ahead_of(struct ahead *a, uint64_t done)
{
	uint64_t off, len, part, from = 0, end = 0;
	bool is_cold = false, is_first = true;

	if (a->asked > done + AHEAD_BYTES / 2)
		return;
	while (a->asked < done + AHEAD_BYTES &&
	    sparse_iter_next(&a->it, &off, &len)) {
		a->asked += len;
		/* The first one stands for all of them. */
		if (is_first)
			is_cold = !is_in_memory(a->fd, off);
		is_first = false;
		/* Of a long run the rest is the kernel's to read ahead. */
		part = len < AHEAD_BYTES ? len : AHEAD_BYTES;
		if (!is_cold)
			continue;
		if (end == 0 || off - end > AHEAD_GAP ||
		    off + part - from > AHEAD_PIECE) {
			ask_ahead(a->fd, from, end);
			from = off;
		}
		end = off + part;
	}
	ask_ahead(a->fd, from, end);
}
