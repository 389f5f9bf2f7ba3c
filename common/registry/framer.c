/* SPDX-License-Identifier: ISC */
/*
 * A place that is not settled has length 0, and the number of its frame, from 0
 * on, as its offset.
 */
#include "registry/framer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "registry/frame.h"

/* A frame from its first page until it is written. */
struct frame {
	struct pool_job job; /* first: it is what the pool gives back */
	struct framer *framer;
	unsigned n; /* pages */
	struct digest hash[FRAMER_PAGES];
	unsigned char pages[FRAMER_PAGES * LEAF_PAGE];
	size_t len; /* compressed */
	unsigned char raw[LEAF_FRAME_BYTES_MAX];
};

struct framer {
	struct part_to to;
	struct pool *pool;
	struct known *known;
	struct part_put pack;
	struct frame_coder coder[POOL_WORKERS_MAX];
	struct frame *ring; /* FRAMER_RING; frame n is number n % FRAMER_RING */
	uint64_t begun,
	    written; /* frames; begun > written: one may be filled */
	bool is_filling; /* the last one that was begun */
	struct place place[FRAMER_MEMORY]; /* of those written */
};

int
part_put_begin(struct part_put *part, const struct part_to *to,
    enum part_kind kind, struct error *err)
{
	const struct part new = { .kind = kind };

	if (part->is_open)
		return 0;
	if (artifact_add_part(to->artifact, &part->number, &new, err) == -1 ||
	    put_begin(&part->put, to->to, to->dry, err) == -1)
		return -1;
	part->is_open = true;
	return 0;
}

int
part_put_end(struct part_put *part, const struct part_to *to, struct error *err)
{
	if (!part->is_open)
		return 0;
	part->is_open = false;
	return put_end(&part->put, &to->artifact->parts[part->number].blob,
	    err);
}

void
part_put_drop(struct part_put *part)
{
	put_drop(&part->put);
	part->is_open = false;
}

int
framer_new(struct framer **out, const struct part_to *to, struct pool *pool,
    struct known *known, struct error *err)
{
	struct framer *f = calloc(1, sizeof(*f));
	size_t i;

	if (f != NULL)
		f->ring = calloc(FRAMER_RING, sizeof(*f->ring));
	if (f == NULL || f->ring == NULL) {
		free(f);
		return error_nomem(err, "frames");
	}
	f->to = *to;
	f->pool = pool;
	f->known = known;
	for (i = 0; i < FRAMER_RING; i++)
		f->ring[i].framer = f;
	*out = f;
	return 0;
}

void
framer_free(struct framer *f)
{
	size_t i;

	if (f == NULL)
		return;
	part_put_drop(&f->pack);
	for (i = 0; i < POOL_WORKERS_MAX; i++)
		frame_coder_fini(&f->coder[i]);
	free(f->ring);
	free(f);
}

static int
compress(struct pool_job *job, unsigned worker, struct error *err)
{
	struct frame *frame = (struct frame *)job;

	return frame_pack(frame->raw, &frame->len,
	    &frame->framer->coder[worker], frame->pages, frame->n, err);
}

/* Writes the oldest frame, which has been given to the pool. */
static int
write_first(struct framer *f, struct error *err)
{
	struct frame *frame = &f->ring[f->written % FRAMER_RING];
	struct place *place = &f->place[f->written % FRAMER_MEMORY];
	unsigned i;

	if (pool_await(f->pool, &frame->job, err) == -1 ||
	    part_put_begin(&f->pack, &f->to, PART_PACK, err) == -1)
		return -1;
	place->off = f->pack.put.bytes;
	place->len = (uint32_t)frame->len;
	place->part = (uint16_t)f->pack.number;
	place->pages = (uint8_t)frame->n;
	for (i = 0; i < frame->n; i++) {
		place->slot = (uint8_t)i;
		known_move(f->known, &frame->hash[i], place);
	}
	f->written++;
	if (put_data(&f->pack.put, frame->raw, frame->len, err) == -1)
		return -1;
	return f->pack.put.bytes >= FRAMER_PACK_BYTES
	    ? part_put_end(&f->pack, &f->to, err)
	    : 0;
}

/* The frame that is being filled is full enough. */
static void
close_frame(struct framer *f)
{
	f->is_filling = false;
	pool_give(f->pool, &f->ring[(f->begun - 1) % FRAMER_RING].job);
}

static int
open_frame(struct framer *f, struct error *err)
{
	struct frame *frame;

	if (f->is_filling)
		return 0;
	if (f->begun - f->written == FRAMER_RING && write_first(f, err) == -1)
		return -1;
	frame = &f->ring[f->begun++ % FRAMER_RING];
	frame->job.run = compress;
	frame->n = 0;
	f->is_filling = true;
	return 0;
}

int
framer_add(struct framer *f, struct place *place, const struct digest *hash,
    const unsigned char *page, struct error *err)
{
	struct frame *frame;

	if (open_frame(f, err) == -1)
		return -1;
	frame = &f->ring[(f->begun - 1) % FRAMER_RING];
	memset(place, 0, sizeof(*place));
	place->off = f->begun - 1;
	place->pages = 1; /* none has 0 */
	place->slot = (uint8_t)frame->n;
	memcpy(frame->pages + (size_t)frame->n * LEAF_PAGE, page, LEAF_PAGE);
	frame->hash[frame->n++] = *hash;
	if (frame->n == FRAMER_PAGES)
		close_frame(f);
	return known_add(f->known, hash, place, err);
}

int
framer_settle(struct framer *f, struct place *place, struct error *err)
{
	uint64_t number = place->off;
	uint8_t slot = place->slot;

	if (place->len != 0)
		return 0;
	if (number == f->begun - 1 && f->is_filling)
		close_frame(f);
	while (f->written <= number)
		if (write_first(f, err) == -1)
			return -1;
	assert(f->written - number <= FRAMER_MEMORY);
	*place = f->place[number % FRAMER_MEMORY];
	place->slot = slot;
	return 0;
}

int
framer_end(struct framer *f, struct error *err)
{
	if (f->is_filling)
		close_frame(f);
	while (f->written < f->begun)
		if (write_first(f, err) == -1)
			return -1;
	return part_put_end(&f->pack, &f->to, err);
}
