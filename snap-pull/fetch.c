/* SPDX-License-Identifier: ISC */
#include "fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/pool.h"
#include "disk/copy.h"
#include "disk/writeback.h"

#include "leaves.h"
#include "local.h"
#include "siblings.h"
#include "wants.h"

#define LOOKS 8 /* groups that are looked at */
/* So many are looked at for nothing before a sibling is given up: 128 MiB. */
#define LOOKED_MAX 256

struct fetch {
	struct intake *in;
	struct reader *r;
	struct pool *pool;
	struct wants *wants;
	unsigned ranges;
	uint64_t done_bytes;
	int fd; /* of file number `file`; -1: none */
	uint32_t file;
	struct writeback writeback; /* of it */
	/* What is here of the file whose pages are looked for. */
	struct siblings siblings;
	struct local local;
	struct look *looks; /* LOOKS, a ring */
	size_t looks_first, looks_n, looked_n;
	uint64_t taken_n; /* pages that the siblings had */
	bool is_useless; /* they have nothing */
	unsigned char *whole; /* for each group of the file: it is here */
	bool was_begun; /* an earlier pull has left a file, or may have */
	struct fetched *got;
};

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
	writeback_wait(&f->writeback);
	fd_drop(&f->fd);
	f->file = file;
	return fd_open_file(&f->fd, NULL, f->in->made.dirfd, name_of(f, file),
	    O_RDWR, err);
}

/* Writes what of the pages is in the file: its last one may be cut. */
static int
put_pages(void *arg, uint32_t number, uint32_t page, size_t n,
    const unsigned char *bytes, struct error *err)
{
	struct fetch *f = arg;
	uint64_t size = f->r->index.files[number].bytes;
	uint64_t off = (uint64_t)page * LEAF_PAGE;
	uint64_t len = (uint64_t)n * LEAF_PAGE;

	if (len > size - off)
		len = size - off;
	if (turn_to(f, number, err) == -1 ||
	    fd_pwrite(f->fd, bytes, (size_t)len, off, name_of(f, number),
		err) == -1)
		return -1;
	f->done_bytes += len;
	progress_update(&f->in->progress, f->done_bytes);
	writeback_to(&f->writeback, f->fd, off);
	hook_step("pull-run");
	return 0;
}

static int
want_pages(struct fetch *f, const struct look *look, struct error *err)
{
	const struct leaf *leaf = &look->leaf;
	struct want want = { .file = look->file };
	unsigned i;

	for (i = 0; i < leaf->pages; i++) {
		if (!leaf->is_data[i] || look->has[i])
			continue;
		want.place = leaf->place[i];
		want.hash = leaf->hash[i];
		want.page = look->group->number * LEAF_PAGES + i;
		if (wants_add(f->wants, &want, err) == -1)
			return -1;
	}
	return 0;
}

/* What has come of the oldest look. */
static int
end_look(struct fetch *f, struct error *err)
{
	struct look *look = &f->looks[f->looks_first];
	const struct page_file *file = &f->r->index.files[look->file];
	uint64_t pages;

	f->looks_first = (f->looks_first + 1) % LOOKS;
	f->looks_n--;
	if (pool_await(f->pool, &look->job, err) == -1)
		return -1;
	pages = (uint64_t)look->begun_n + look->from_n;
	f->got->resumed_bytes += (uint64_t)look->begun_n * LEAF_PAGE;
	f->got->local_bytes += (uint64_t)look->from_n * LEAF_PAGE;
	f->done_bytes += pages * LEAF_PAGE;
	progress_update(&f->in->progress, f->done_bytes);
	f->taken_n += look->from_n;
	if (++f->looked_n == LOOKED_MAX && f->taken_n == 0)
		f->is_useless = true;
	if (look->has_leaf)
		return want_pages(f, look, err);
	f->whole[(size_t)(look->group - f->r->index.groups) - file->first] =
	    look->is_whole;
	return 0;
}

static int
end_looks(struct fetch *f, struct error *err)
{
	while (f->looks_n > 0)
		if (end_look(f, err) == -1)
			return -1;
	return 0;
}

/* Has a thread look at the group: with its leaf page by page. */
static int
begin_look(struct fetch *f, uint32_t file, const struct page_group *group,
    const struct leaf *leaf, struct error *err)
{
	struct look *look;

	if (f->looks_n == LOOKS && end_look(f, err) == -1)
		return -1;
	look = &f->looks[(f->looks_first + f->looks_n++) % LOOKS];
	look->job.run = local_look;
	look->local = &f->local;
	look->file = file;
	look->group = group;
	look->has_leaf = leaf != NULL;
	if (leaf != NULL)
		look->leaf = *leaf;
	else
		leaf_init(&look->leaf,
		    page_index_pages(&f->r->index.files[file], group->number));
	pool_give(f->pool, &look->job);
	return 0;
}

/* Whether anything of the file can be here. */
static bool
can_find(const struct fetch *f)
{
	return f->local.is_begun || (f->local.from != -1 && !f->is_useless);
}

static int
take_leaf(void *arg, uint32_t file, const struct page_group *group,
    const struct leaf *leaf, struct error *err)
{
	struct fetch *f = arg;
	struct look look = { .file = file, .group = group, .leaf = *leaf };

	return can_find(f) ? begin_look(f, file, group, leaf, err)
			   : want_pages(f, &look, err);
}

/* Finds groups that are here as they are: of them no leaf is needed. */
static int
find_groups(struct fetch *f, uint32_t number, struct error *err)
{
	const struct page_file *file = &f->r->index.files[number];
	size_t i;

	f->whole = calloc(file->n + 1, 1);
	if (f->whole == NULL)
		return error_nomem(err, name_of(f, number));
	if (!can_find(f))
		return 0;
	if (f->local.is_begun &&
	    local_clear(&f->local, &f->r->index, file, err) == -1)
		return -1;
	for (i = 0; i < file->n && can_find(f); i++)
		if (begin_look(f, number, &f->r->index.groups[file->first + i],
			NULL, err) == -1)
			return -1;
	return end_looks(f, err);
}

/* Finds what is here of the file, and learns what it wants else. */
static int
find_pages(struct fetch *f, uint32_t number, struct error *err)
{
	if (find_groups(f, number, err) == -1 ||
	    leaves_get(f->r, number, f->whole, f->ranges, take_leaf, f, err) ==
		-1)
		return -1;
	return end_looks(f, err);
}

/* Makes the file, as long as it is, unless it was begun. */
static int
open_own(int *fd, bool *is_begun, const struct fetch *f, uint32_t number,
    struct error *err)
{
	const char *name = name_of(f, number);

	*is_begun = false;
	*fd = openat(f->in->made.dirfd, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd == -1 && errno == EEXIST) {
		*is_begun = true;
		if (fd_open_file(fd, NULL, f->in->made.dirfd, name, O_RDWR,
			err) == -1)
			return -1;
	}
	if (*fd == -1)
		return error_sys(err, EX_IOERR, "%s", name);
	if (ftruncate(*fd, (off_t)f->r->index.files[number].bytes) == 0)
		return 0;
	error_sys(err, EX_IOERR, "%s", name);
	fd_drop(fd);
	return -1;
}

static int
begin_file(struct fetch *f, uint32_t number, struct error *err)
{
	struct local *l = &f->local;
	bool is_begun;
	int fd, rc;

	if (open_own(&fd, &is_begun, f, number, err) == -1)
		return -1;
	memset(l, 0, sizeof(*l));
	l->name = name_of(f, number);
	l->fd = fd;
	l->bytes = f->r->index.files[number].bytes;
	l->is_begun = is_begun;
	siblings_open(&l->from, &l->from_bytes, &f->siblings, l->name);
	l->can_reflink = l->from != -1 && copy_might_reflink(f->in->made.dirfd);
	rc = find_pages(f, number, err);
	/* The threads have done with it, whatever has failed. */
	while (f->looks_n > 0)
		(void)end_look(f, NULL);
	free(f->whole);
	f->whole = NULL;
	local_fini(l);
	fd_drop(&fd);
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

/* What an earlier pull has made besides the files, as its envelope. */
static int
remove_others(struct fetch *f, struct error *err)
{
	struct strv names = { 0 };
	size_t i;
	int dirfd = f->in->made.dirfd, rc;

	rc = dir_list(&names, dirfd, f->in->made.dir, err);
	if (rc == 0)
		f->was_begun = false;
	for (i = 0; i < names.n && rc == 0; i++)
		if (envelope_find_file(&f->r->envelope, names.v[i]) == NULL)
			rc = fd_remove_tree(dirfd, names.v[i], err);
		else
			f->was_begun = true;
	strv_fini(&names);
	return rc;
}

static int
fetch_files(struct fetch *f, struct error *err)
{
	const struct envelope *e = &f->r->envelope;
	uint32_t i;

	if (remove_others(f, err) == -1)
		return -1;
	for (i = 0; i < e->files_n; i++) {
		if (!is_here(f->in, e, &e->files[i])) {
			if (begin_file(f, i, err) == -1)
				return -1;
			continue;
		}
		/* It may have been begun before it was here. */
		unlinkat(f->in->made.dirfd, name_of(f, i), 0);
		f->got->local_bytes += e->files[i].size_bytes;
	}
	if (wants_drain(f->wants, err) == -1)
		return -1;
	for (i = 0; i < e->files_n; i++) {
		if (!fd_exists(f->in->made.dirfd, name_of(f, i)))
			continue;
		if (turn_to(f, i, err) == -1)
			return -1;
		writeback_wait(&f->writeback);
		if (fd_commit(&f->fd, name_of(f, i), err) == -1)
			return -1;
		hook_step("pull-file");
	}
	return 0;
}

static int
begin(struct fetch *f, struct error *err)
{
	f->looks = calloc(LOOKS, sizeof(*f->looks));
	if (f->looks == NULL)
		return error_nomem(err, "pages");
	if (pool_new(&f->pool, err) == -1 ||
	    wants_new(&f->wants, f->r, f->pool, f->ranges, put_pages, f, err) ==
		-1)
		return -1;
	return siblings_find(&f->siblings, f->in->root, f->r, err);
}

static void
end(struct fetch *f)
{
	pool_free(f->pool);
	wants_free(f->wants);
	writeback_fini(&f->writeback);
	siblings_fini(&f->siblings);
	free(f->looks);
	fd_drop(&f->fd);
	free(f);
}

int
fetch_all(struct intake *in, struct reader *r, unsigned ranges,
    struct fetched *got, struct error *err)
{
	static const struct envelope none;
	struct envelope *e = &r->envelope;
	struct fetch *f;
	size_t i;
	int rc;

	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return error_nomem(err, "pages");
	f->in = in;
	f->r = r;
	f->ranges = ranges;
	f->fd = -1;
	f->was_begun = true; /* until it has been looked at */
	f->got = got;
	memset(got, 0, sizeof(*got));
	rc = begin(f, err);
	if (rc == 0)
		rc = fetch_files(f, err);
	got->has_any = f->was_begun || f->done_bytes > 0;
	end(f);
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
