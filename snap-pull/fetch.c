/* SPDX-License-Identifier: ISC */
#include "fetch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"

/* Pages of 2 GiB: 28 MiB of memory. */
#define WANTS_MAX (1u << 19)
#define RUN_PAGES 64 /* written at once */

/* A page of a file that is being made. */
struct want {
	struct place place;
	struct digest hash;
	uint32_t file, page; /* of ENVELOPE_FILES_MAX, and of 8 TiB */
};

struct fetch {
	struct intake *in;
	struct reader *r;
	struct want *wants;
	size_t n;
	uint64_t done_bytes;
	/* Pages that follow one another, to be written from *first on. */
	unsigned char run[RUN_PAGES * LEAF_PAGE];
	size_t run_n;
	struct want first;
	int fd; /* of file number `file`; -1: none */
	uint32_t file;
};

static int
by_place(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	if (x->place.part != y->place.part)
		return x->place.part < y->place.part ? -1 : 1;
	if (x->place.off != y->place.off)
		return x->place.off < y->place.off ? -1 : 1;
	if (x->place.slot != y->place.slot)
		return x->place.slot < y->place.slot ? -1 : 1;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return x->page < y->page ? -1 : x->page > y->page;
}

static const char *
name_of(const struct fetch *f, uint32_t file)
{
	return f->r->envelope.files[file].name;
}

/* Opens the file, of which there may be more than descriptors. */
static int
turn_to(struct fetch *f, uint32_t file, struct error *err)
{
	if (f->fd != -1 && f->file == file)
		return 0;
	fd_drop(&f->fd);
	f->file = file;
	return fd_open_file(&f->fd, NULL, f->in->made.dirfd, name_of(f, file),
	    O_RDWR, err);
}

/* Writes what of the run's bytes is in the file: its last page may be cut. */
static int
put_run(struct fetch *f, struct error *err)
{
	const struct page_file *file = &f->r->index.files[f->first.file];
	uint64_t off = (uint64_t)f->first.page * LEAF_PAGE;
	uint64_t len = f->run_n * LEAF_PAGE;

	f->run_n = 0;
	if (len > file->bytes - off)
		len = file->bytes - off;
	f->done_bytes += len;
	progress_update(&f->in->progress, f->done_bytes);
	if (turn_to(f, f->first.file, err) == -1)
		return -1;
	return fd_pwrite(f->fd, f->run, (size_t)len, off,
	    name_of(f, f->first.file), err);
}

/* Whether the page goes behind those that are in the run. */
static bool
is_next(const struct fetch *f, const struct want *want)
{
	return f->run_n < RUN_PAGES && want->file == f->first.file &&
	    want->page == f->first.page + f->run_n;
}

/* Gets the pages in the order in which they lie in packs: each frame once. */
static int
drain(struct fetch *f, struct error *err)
{
	const unsigned char *page = NULL;
	const struct want *want;
	size_t i;

	qsort(f->wants, f->n, sizeof(*f->wants), by_place);
	for (i = 0; i < f->n; i++) {
		want = &f->wants[i];
		if (reader_page(&page, f->r, &want->place, &want->hash, err) ==
		    -1)
			return error_wrap(err, "%s: byte %" PRIu64,
			    name_of(f, want->file),
			    (uint64_t)want->page * LEAF_PAGE);
		if (f->run_n > 0 && !is_next(f, want) && put_run(f, err) == -1)
			return -1;
		if (f->run_n == 0)
			f->first = *want;
		memcpy(f->run + f->run_n++ * LEAF_PAGE, page, LEAF_PAGE);
	}
	f->n = 0;
	return f->run_n > 0 ? put_run(f, err) : 0;
}

static int
want_group(struct fetch *f, uint32_t file, const struct page_group *group,
    struct error *err)
{
	struct leaf leaf;
	unsigned i;

	if (reader_leaf(&leaf, f->r, file, group, err) == -1)
		return -1;
	for (i = 0; i < leaf.pages; i++) {
		if (!leaf.is_data[i])
			continue;
		if (f->n == WANTS_MAX && drain(f, err) == -1)
			return -1;
		f->wants[f->n++] = (struct want){ leaf.place[i], leaf.hash[i],
			file, group->number * LEAF_PAGES + i };
	}
	return 0;
}

/* Makes the file, as long as it is, and learns what it wants. */
static int
begin_file(struct fetch *f, uint32_t number, struct error *err)
{
	const struct page_file *file = &f->r->index.files[number];
	int fd, rc = 0;
	size_t i;

	fd = openat(f->in->made.dirfd, name_of(f, number),
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return error_sys(err, EX_IOERR, "%s", name_of(f, number));
	if (ftruncate(fd, (off_t)file->bytes) == -1)
		rc = error_sys(err, EX_IOERR, "%s", name_of(f, number));
	fd_drop(&fd);
	for (i = 0; i < file->n && rc == 0; i++)
		rc = want_group(f, number, &f->r->index.groups[file->first + i],
		    err);
	return rc;
}

/* Whether the file is a layer that the root has. */
static bool
is_here(const struct intake *in, const struct envelope *e,
    const struct envelope_file *file)
{
	const struct layer *layer = layer_of_file(&e->machine.layers,
	    file->name);
	uint64_t size;

	return layer != NULL && layer->size_bytes == file->size_bytes &&
	    digest_equal(&layer->digest, &file->digest) &&
	    root_layer_check(&size, in->root, &layer->digest, NULL) == 0 &&
	    size == file->size_bytes;
}

static int
fetch_files(struct fetch *f, uint64_t *local_bytes, struct error *err)
{
	const struct envelope *e = &f->r->envelope;
	uint32_t i;

	for (i = 0; i < e->files_n; i++)
		if (is_here(f->in, e, &e->files[i]))
			*local_bytes += e->files[i].size_bytes;
		else if (begin_file(f, i, err) == -1)
			return -1;
	if (drain(f, err) == -1)
		return -1;
	for (i = 0; i < e->files_n; i++) {
		if (!fd_exists(f->in->made.dirfd, name_of(f, i)))
			continue;
		if (turn_to(f, i, err) == -1 ||
		    fd_commit(&f->fd, name_of(f, i), err) == -1)
			return -1;
		hook_step("pull-file");
	}
	return 0;
}

int
fetch_all(struct intake *in, struct reader *r, uint64_t *local_bytes,
    struct error *err)
{
	static const struct envelope none;
	struct envelope *e = &r->envelope;
	struct fetch *f;
	size_t i;
	int rc;

	f = calloc(1, sizeof(*f));
	if (f != NULL)
		f->wants = malloc(WANTS_MAX * sizeof(*f->wants));
	if (f == NULL || f->wants == NULL) {
		free(f);
		return error_nomem(err, "pages");
	}
	f->in = in;
	f->r = r;
	f->fd = -1;
	*local_bytes = 0;
	rc = fetch_files(f, local_bytes, err);
	fd_drop(&f->fd);
	free(f->wants);
	free(f);
	if (rc == -1)
		return -1;
	/* No layer is a file of the snapshot where it was here. */
	for (i = e->files_n; i > 0; i--)
		if (!fd_exists(in->made.dirfd, e->files[i - 1].name))
			envelope_drop_file(e, i - 1);
	e->trailer = false;
	in->envelope = *e;
	*e = none;
	hook_step("pull-fetched");
	return 0;
}
