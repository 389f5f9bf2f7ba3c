/* SPDX-License-Identifier: ISC */
#include "disk/runs.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>

#include <string.h>

#define XFS_MAGIC 0x58465342 /* statfs(2) */

bool
runs_by_many(int fd)
{
	struct statfs fs;

	/* btrfs looks up who shares each extent, which takes far longer. */
	return fstatfs(fd, &fs) == 0 &&
	    (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_MAGIC);
}

void
runs_init(struct runs *r, int fd, uint64_t from, uint64_t end, const char *what)
{
	memset(r, 0, sizeof(*r));
	r->fd = fd;
	r->from = from;
	r->end = end;
	r->what = what;
	r->use_fiemap = runs_by_many(fd);
}

/*
 * Asks for the next extents: those with data into r->batch.  False: the
 * filesystem cannot tell after all.  What is in memory only is written first
 * (FIEMAP_FLAG_SYNC), so extents that are unwritten then hold zeros.
 */
static bool
ask_kernel(struct runs *r)
{
	union {
		struct fiemap map;
		unsigned char room[sizeof(struct fiemap) +
		    RUNS_BATCH * sizeof(struct fiemap_extent)];
	} u;
	const struct fiemap_extent *e;
	uint64_t end;
	uint32_t i;

	memset(&u.map, 0, sizeof(u.map));
	u.map.fm_start = r->from;
	u.map.fm_length = r->end - r->from;
	u.map.fm_flags = r->has_asked ? 0 : FIEMAP_FLAG_SYNC;
	u.map.fm_extent_count = RUNS_BATCH;
	if (ioctl(r->fd, FS_IOC_FIEMAP, &u.map) == -1)
		return false;
	r->has_asked = true;
	r->n = r->at = 0;
	r->is_last = u.map.fm_mapped_extents == 0;
	for (i = 0; i < u.map.fm_mapped_extents; i++) {
		e = &u.map.fm_extents[i];
		end = e->fe_logical + e->fe_length;
		if ((e->fe_flags & FIEMAP_EXTENT_LAST) != 0 || end >= r->end)
			r->is_last = true;
		if ((e->fe_flags & FIEMAP_EXTENT_UNWRITTEN) == 0 &&
		    end > r->from && e->fe_logical < r->end) {
			r->batch[r->n].off = e->fe_logical < r->from
			    ? r->from
			    : e->fe_logical;
			end = end < r->end ? end : r->end;
			r->batch[r->n].len = end - r->batch[r->n].off;
			r->n++;
		}
		r->from = end;
	}
	return true;
}

/* The next extent as the filesystem has it. */
static int
next_extent(struct extent *out, struct runs *r, struct error *err)
{
	int rc;

	while (r->use_fiemap && r->at == r->n) {
		if (r->is_last || r->from >= r->end)
			return 0;
		if (!ask_kernel(r))
			r->use_fiemap = false;
	}
	if (r->use_fiemap) {
		*out = r->batch[r->at++];
		return 1;
	}
	rc = extent_next(out, r->fd, r->from, r->end, r->what, err);
	if (rc == 1)
		r->from = out->off + out->len;
	return rc;
}

int
runs_next(struct extent *out, struct runs *r, struct error *err)
{
	struct extent run;
	int rc = next_extent(out, r, err);

	/* Extents that lie side by side in the file are one run. */
	while (rc == 1 && r->use_fiemap) {
		if (next_extent(&run, r, err) != 1)
			break;
		if (run.off != out->off + out->len) {
			if (r->use_fiemap)
				r->at--;
			else
				r->from = run.off;
			break;
		}
		out->len += run.len;
	}
	return rc;
}
