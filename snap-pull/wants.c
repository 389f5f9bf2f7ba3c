/* SPDX-License-Identifier: ISC */
#include "wants.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "registry/gather.h"

#define RING 6 /* batches that are being unpacked */
#define BATCH_RAW ((size_t)768 << 10)
#define BATCH_PAGES ((size_t)1 << 20)

/* Some frames, one behind the other, and the pages that are wanted of them. */
struct unpacking {
	struct pool_job job; /* first: it is what the pool gives back */
	struct wants *wants;
	const struct want *first;
	size_t n;
	const struct want *bad; /* that has not its hash */
	size_t raw_n, pages_n; /* bytes */
	unsigned char raw[BATCH_RAW];
	unsigned char pages[BATCH_PAGES];
};

struct wants {
	struct reader *r;
	struct pool *pool;
	unsigned ranges;
	wants_put *put;
	void *arg;
	struct frame_coder coder[POOL_WORKERS_MAX];
	struct want *v; /* WANTS_MAX */
	size_t n, told; /* the gather has been told of so many */
	struct unpacking *ring; /* RING */
	size_t ring_first, ring_n; /* given to the pool */
	bool is_begun; /* the one behind them */
};

int
wants_new(struct wants **out, struct reader *r, struct pool *pool,
    unsigned ranges, wants_put *put, void *arg, struct error *err)
{
	struct wants *w = calloc(1, sizeof(*w));
	size_t i;

	if (w != NULL)
		w->v = malloc(WANTS_MAX * sizeof(*w->v));
	if (w != NULL && w->v != NULL)
		w->ring = calloc(RING, sizeof(*w->ring));
	if (w == NULL || w->v == NULL || w->ring == NULL) {
		wants_free(w);
		return error_nomem(err, "pages");
	}
	w->r = r;
	w->pool = pool;
	w->ranges = ranges;
	w->put = put;
	w->arg = arg;
	for (i = 0; i < RING; i++)
		w->ring[i].wants = w;
	*out = w;
	return 0;
}

void
wants_free(struct wants *w)
{
	size_t i;

	if (w == NULL)
		return;
	for (i = 0; i < POOL_WORKERS_MAX; i++)
		frame_coder_fini(&w->coder[i]);
	free(w->ring);
	free(w->v);
	free(w);
}

/* What two frames differ in; 0: it is one. */
static int
by_frame(const struct place *x, const struct place *y)
{
	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return (x->pages > y->pages) - (x->pages < y->pages);
}

static int
by_place(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	int rc = by_frame(&x->place, &y->place);

	if (rc != 0)
		return rc;
	if (x->place.slot != y->place.slot)
		return x->place.slot < y->place.slot ? -1 : 1;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return (x->page > y->page) - (x->page < y->page);
}

static void
sort(struct wants *w)
{
	size_t i;

	/* What was pushed at once is in order, which is cheaper to see. */
	for (i = 1; i < w->n; i++)
		if (by_place(&w->v[i - 1], &w->v[i]) > 0) {
			qsort(w->v, w->n, sizeof(*w->v), by_place);
			return;
		}
}

/* The first want of the `n` behind `from` that is of another frame. */
static size_t
end_of_frame(const struct want *v, size_t n, size_t from)
{
	size_t i = from + 1;

	while (i < n && by_frame(&v[from].place, &v[i].place) == 0)
		i++;
	return i;
}

static struct piece
piece_of(const struct wants *w, const struct place *place)
{
	struct piece piece = { &w->r->artifact.parts[place->part].blob,
		place->off, place->len };

	return piece;
}

static bool
tell_next(struct piece *out, void *arg)
{
	struct wants *w = arg;

	if (w->told == w->n)
		return false;
	*out = piece_of(w, &w->v[w->told].place);
	w->told = end_of_frame(w->v, w->n, w->told);
	return true;
}

/* Unpacks a frame to `pages`, and verifies those that are wanted of it. */
static int
unpack_frame(struct unpacking *u, unsigned char *pages,
    const unsigned char *raw, size_t i, size_t end, unsigned worker,
    struct error *err)
{
	const struct place *place = &u->first[i].place;
	unsigned char got[SHA256_BYTES];
	const struct want *want;

	u->bad = &u->first[i];
	if (frame_unpack(pages, place->pages, &u->wants->coder[worker], raw,
		place->len, err) == -1)
		return -1;
	for (want = &u->first[i]; want < &u->first[end]; want++) {
		if (want == &u->first[i] ||
		    want->place.slot != want[-1].place.slot)
			sha256_of(got,
			    pages + (size_t)want->place.slot * LEAF_PAGE,
			    LEAF_PAGE);
		u->bad = want;
		if (memcmp(got, want->hash.raw, sizeof(got)) != 0)
			return error_set(err, EX_DATAERR,
			    "differs from its hash");
	}
	return 0;
}

static int
unpack(struct pool_job *job, unsigned worker, struct error *err)
{
	struct unpacking *u = (struct unpacking *)job;
	unsigned char *pages = u->pages, *raw = u->raw;
	size_t i, end;

	for (i = 0; i < u->n; i = end) {
		end = end_of_frame(u->first, u->n, i);
		if (unpack_frame(u, pages, raw, i, end, worker, err) == -1)
			return -1;
		raw += u->first[i].place.len;
		pages += (size_t)u->first[i].place.pages * LEAF_PAGE;
	}
	return 0;
}

/* Pages that follow one another in a file, and here. */
struct run {
	const struct want *first;
	const unsigned char *bytes;
	size_t n;
};

static int
put_run(const struct wants *w, struct run *run, struct error *err)
{
	size_t n = run->n;

	run->n = 0;
	return n == 0 ? 0
		      : w->put(w->arg, run->first->file, run->first->page, n,
			    run->bytes, err);
}

/* The page joins the run, or begins another one once that is put. */
static int
put_page(const struct wants *w, struct run *run, const struct want *want,
    const unsigned char *bytes, struct error *err)
{
	if (run->n > 0 && want->file == run->first->file &&
	    want->page == run->first->page + run->n &&
	    bytes == run->bytes + run->n * LEAF_PAGE) {
		run->n++;
		return 0;
	}
	if (put_run(w, run, err) == -1)
		return -1;
	*run = (struct run){ want, bytes, 1 };
	return 0;
}

/* Puts the first `n` pages of the batch. */
static int
put_batch(const struct wants *w, const struct unpacking *u, size_t n,
    struct error *err)
{
	const unsigned char *pages = u->pages;
	struct run run = { .n = 0 };
	const struct want *want;
	size_t i, k, end;

	for (i = 0; i < n; i = end) {
		end = end_of_frame(u->first, n, i);
		for (k = i; k < end; k++) {
			want = &u->first[k];
			if (put_page(w, &run, want,
				pages + (size_t)want->place.slot * LEAF_PAGE,
				err) == -1)
				return -1;
		}
		pages += (size_t)u->first[i].place.pages * LEAF_PAGE;
	}
	return put_run(w, &run, err);
}

/* Puts the pages of the oldest batch; where one is bad, those before it. */
static int
put_first(struct wants *w, struct error *err)
{
	struct unpacking *u = &w->ring[w->ring_first];

	w->ring_first = (w->ring_first + 1) % RING;
	w->ring_n--;
	if (pool_await(w->pool, &u->job, err) == 0)
		return put_batch(w, u, u->n, err);
	(void)put_batch(w, u, (size_t)(u->bad - u->first), NULL);
	return error_wrap(err, "%s: byte %" PRIu64,
	    w->r->envelope.files[u->bad->file].name,
	    (uint64_t)u->bad->page * LEAF_PAGE);
}

/* The batch that is being filled: the one behind those that are given. */
static struct unpacking *
begun(struct wants *w)
{
	return &w->ring[(w->ring_first + w->ring_n) % RING];
}

static void
give(struct wants *w)
{
	struct unpacking *u = begun(w);

	if (!w->is_begun)
		return;
	w->is_begun = false;
	w->ring_n++;
	pool_give(w->pool, &u->job);
}

static int
begin_batch(struct wants *w, const struct want *first, struct error *err)
{
	struct unpacking *u;

	if (w->ring_n == RING && put_first(w, err) == -1)
		return -1;
	u = begun(w);
	u->job.run = unpack;
	u->first = u->bad = first;
	u->n = u->raw_n = u->pages_n = 0;
	w->is_begun = true;
	return 0;
}

/* Puts the frame of want number `i`, and up to `end`, into a batch. */
static int
get_frame(struct wants *w, struct gather *g, size_t i, size_t end,
    struct error *err)
{
	const struct place *place = &w->v[i].place;
	const struct piece piece = piece_of(w, place);
	size_t bytes = (size_t)place->pages * LEAF_PAGE;
	const unsigned char *raw;
	struct unpacking *u;

	if (w->is_begun &&
	    (begun(w)->raw_n + piece.len > BATCH_RAW ||
		begun(w)->pages_n + bytes > BATCH_PAGES))
		give(w);
	if (!w->is_begun && begin_batch(w, &w->v[i], err) == -1)
		return -1;
	if (gather_take(&raw, g, &piece, err) == -1)
		return error_wrap(err, "%s: byte %" PRIu64,
		    w->r->envelope.files[w->v[i].file].name,
		    (uint64_t)w->v[i].page * LEAF_PAGE);
	u = begun(w);
	memcpy(u->raw + u->raw_n, raw, piece.len);
	u->raw_n += piece.len;
	u->pages_n += bytes;
	u->n += end - i;
	return 0;
}

static int
get_all(struct wants *w, struct gather *g, struct error *err)
{
	size_t i, end;

	for (i = 0; i < w->n; i = end) {
		end = end_of_frame(w->v, w->n, i);
		if (get_frame(w, g, i, end, err) == -1)
			return -1;
	}
	give(w);
	while (w->ring_n > 0)
		if (put_first(w, err) == -1)
			return -1;
	return 0;
}

/* What came before a failure is put all the same: it need not come again. */
static void
put_rest(struct wants *w)
{
	give(w);
	while (w->ring_n > 0)
		(void)put_first(w, NULL);
}

int
wants_drain(struct wants *w, struct error *err)
{
	struct gather g;
	int rc;

	sort(w);
	w->told = 0;
	gather_init(&g, w->r->from, w->ranges, tell_next, w);
	rc = get_all(w, &g, err);
	if (rc == -1)
		put_rest(w);
	gather_fini(&g);
	w->n = 0;
	return rc;
}

int
wants_add(struct wants *w, const struct want *want, struct error *err)
{
	if (w->n == WANTS_MAX && wants_drain(w, err) == -1)
		return -1;
	w->v[w->n++] = *want;
	return 0;
}
