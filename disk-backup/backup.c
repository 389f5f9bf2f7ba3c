/* SPDX-License-Identifier: ISC */
#include "backup.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/num.h"
#include "base/progress.h"
#include "base/rfc3339.h"
#include "disk/extent.h"
#include "disk/hash.h"
#include "disk/relay.h"

#include "pack.h"

#define BACKUP_GAP_MIN 65536 /* bytes of a hole that is a piece of its own */
#define BACKUP_HOLE_MAX (UINT64_C(1) << 26) /* keeps the progress moving */

/* The image being read. */
struct reading {
	const struct image *image;
	uint64_t off;
	struct extent data; /* the run at or behind off; len 0: none */
	struct progress *progress;
};

/* The output being written. */
struct writing {
	int fd;
	const char *what;
	bool can_seek, will_sync;
	uint64_t start; /* with can_seek: where the header is */
};

int
backup_settings(struct backup *out, const char *level, const char *threads,
    struct error *err)
{
	uint64_t n = PACK_LEVEL, workers = cpus_usable();

	if (level != NULL &&
	    num_u64(&n, level, PACK_LEVEL_MIN, PACK_LEVEL_MAX, err) == -1)
		return error_wrap(err, "--level");
	if (workers > PACK_THREADS_MAX)
		workers = PACK_THREADS_MAX;
	if (threads != NULL &&
	    num_u64(&workers, threads, 1, PACK_THREADS_MAX, err) == -1)
		return error_wrap(err, "--threads");
	out->level = (int)n;
	out->threads = (int)workers;
	return 0;
}

int
backup_timestamp(struct mirn_head *head, const char *text, struct error *err)
{
	struct timespec now;

	if (text == NULL) {
		clock_gettime(CLOCK_REALTIME, &now);
		rfc3339_ns(head->timestamp, &now);
		return 0;
	}
	if (rfc3339_parse(NULL, text, err) == -1) {
		error_wrap(err, "--timestamp");
		if (err != NULL)
			err->code = EX_USAGE;
		return -1;
	}
	snprintf(head->timestamp, sizeof(head->timestamp), "%s", text);
	return 0;
}

/* Looks for the data at or behind `off`; without any it is at the end. */
static int
find_data(struct reading *r, uint64_t off, struct error *err)
{
	int more;

	if (r->data.off + r->data.len > off)
		return 0;
	more = extent_next(&r->data, r->image->fd, off, r->image->bytes,
	    r->image->path, err);
	if (more == 0) {
		r->data.off = r->image->bytes;
		r->data.len = 0;
	}
	return more == -1 ? -1 : 0;
}

/*
 * Fills `buf` from r->off on, short holes included: a piece that ends at each
 * hole would be too small where there are many.
 */
static int
fill(struct reading *r, unsigned char *buf, size_t *out_len, struct error *err)
{
	uint64_t gap, part;
	size_t len = 0;

	for (;;) {
		if (find_data(r, r->off + len, err) == -1)
			return -1;
		gap = r->data.off > r->off + len ? r->data.off - (r->off + len)
						 : 0;
		if (r->data.len == 0 || gap >= BACKUP_GAP_MIN ||
		    gap >= RELAY_PIECE_BYTES - len)
			break;
		memset(buf + len, 0, (size_t)gap);
		len += (size_t)gap;
		part = r->data.off + r->data.len - (r->off + len);
		if (part > RELAY_PIECE_BYTES - len)
			part = RELAY_PIECE_BYTES - len;
		if (fd_pread(r->image->fd, buf + len, (size_t)part,
			r->off + len, r->image->path, err) == -1)
			return -1;
		len += (size_t)part;
	}
	*out_len = len;
	return 0;
}

static int
make_piece(struct relay_piece *out, unsigned char *buf, void *arg,
    struct error *err)
{
	struct reading *r = arg;
	size_t len = 0;

	if (r->off == r->image->bytes)
		return 0;
	if (fill(r, buf, &len, err) == -1)
		return -1;
	out->data = len > 0 ? buf : NULL;
	out->len = len;
	if (len == 0) {
		out->len = r->data.off - r->off;
		if (out->len > BACKUP_HOLE_MAX)
			out->len = BACKUP_HOLE_MAX;
	}
	r->off += out->len;
	progress_update(r->progress, r->off);
	return 1;
}

/* Reads the image from end to end; `pack` may be NULL. */
static int
read_image(char checksum[HASH_TEXT_LEN + 1], const struct backup *b,
    struct pack *pack, struct error *err)
{
	struct reading r = { .image = b->image };
	struct relay_taker takers[2];
	struct progress progress;
	struct hash *hash;
	int rc;

	if (hash_new(&hash, err) == -1)
		return -1;
	takers[0].take = hash_take;
	takers[0].arg = hash;
	takers[1].take = pack_take;
	takers[1].arg = pack;
	r.progress = &progress;
	progress_init(&progress, pack == NULL ? "hashed" : "backed up",
	    b->image->bytes, b->quiet);
	rc = relay_run(make_piece, &r, takers, pack == NULL ? 1 : 2, err);
	progress_fini(&progress);
	if (rc == 0)
		hash_final(checksum, hash);
	hash_free(hash);
	return rc;
}

static int
write_head(const struct writing *w, const struct mirn_head *head, size_t *len,
    struct error *err)
{
	unsigned char *raw;
	int rc;

	if (mirn_head_encode(&raw, len, head, err) == -1)
		return -1;
	rc = fd_write(w->fd, raw, *len, w->what, err);
	free(raw);
	return rc;
}

/* In place of the first one: of the same length, or data would be lost. */
static int
rewrite_head(const struct writing *w, const struct mirn_head *head,
    size_t first_len, struct error *err)
{
	unsigned char *raw;
	size_t len;
	int rc;

	if (mirn_head_encode(&raw, &len, head, err) == -1)
		return -1;
	if (len != first_len)
		rc = error_set(err, EX_SOFTWARE,
		    "%s: header of %zu bytes, not %zu", w->what, len,
		    first_len);
	else
		rc = fd_pwrite(w->fd, raw, len, w->start, w->what, err);
	free(raw);
	return rc;
}

/* Everything behind the header; an empty image has no frame. */
static int
write_image(const struct writing *w, const struct backup *b,
    char checksum[HASH_TEXT_LEN + 1], struct error *err)
{
	struct pack *pack;
	int rc;

	if (b->image->bytes == 0)
		return read_image(checksum, b, NULL, err);
	if (pack_new(&pack, w->fd, w->what, b->image->bytes, b->level,
		b->threads, err) == -1)
		return -1;
	if (w->will_sync)
		pack_will_sync(pack);
	rc = read_image(checksum, b, pack, err);
	if (rc == 0)
		rc = pack_finish(pack, err);
	pack_free(pack);
	return rc;
}

static void
find_output(struct writing *w, const struct outfile *file)
{
	struct stat st;
	off_t pos;
	int flags;

	w->fd = file->fd == -1 ? STDOUT_FILENO : file->fd;
	w->will_sync = file->fd != -1;
	w->what = file->fd == -1 ? "standard output" : file->path;
	flags = fcntl(w->fd, F_GETFL);
	pos = lseek(w->fd, 0, SEEK_CUR);
	w->can_seek = flags != -1 && (flags & O_APPEND) == 0 && pos != -1 &&
	    fstat(w->fd, &st) == 0 && S_ISREG(st.st_mode);
	w->start = w->can_seek ? (uint64_t)pos : 0;
}

int
backup_write(struct mirn_head *head, const struct backup *backup,
    const struct outfile *file, struct error *err)
{
	char checksum[HASH_TEXT_LEN + 1];
	struct writing w;
	size_t len;

	find_output(&w, file);
	head->size_bytes = backup->image->bytes;
	head->checksum[0] = '\0';
	if (!w.can_seek && read_image(head->checksum, backup, NULL, err) == -1)
		return -1;
	if (write_head(&w, head, &len, err) == -1 ||
	    write_image(&w, backup, checksum, err) == -1)
		return -1;
	if (!w.can_seek && strcmp(head->checksum, checksum) != 0)
		return error_set(err, EX_TEMPFAIL,
		    "%s: changed while it was read", backup->image->path);
	memcpy(head->checksum, checksum, sizeof(checksum));
	return w.can_seek ? rewrite_head(&w, head, len, err) : 0;
}

int
backup_report(const char *path, const struct mirn_head *head,
    const char *members, struct error *err)
{
	json_t *record = json_object();
	int rc = -1;

	if (mirn_head_report(record, head, err) == 0 &&
	    image_report(record, path, err) == 0)
		rc = json_report(record, members, err);
	json_decref(record);
	return rc;
}
