/* SPDX-License-Identifier: ISC */
#include "registry/gather.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RING (GATHER_RANGES_MAX + GATHER_AHEAD)

void
gather_init(struct gather *g, struct transport *from, unsigned ranges,
    gather_next *next, void *arg)
{
	memset(g, 0, sizeof(*g));
	g->from = from;
	g->ranges = ranges == 0 ? GATHER_RANGES : ranges;
	if (g->ranges > GATHER_RANGES_MAX)
		g->ranges = GATHER_RANGES_MAX;
	g->next = next;
	g->arg = arg;
}

/* Whether the piece is one for the range, which begins before it, and grows then. */
static bool
joins(struct range *range, const struct piece *piece)
{
	uint64_t end = range->off + range->len;
	uint64_t new = piece->off + piece->len;

	if (piece->blob != range->blob || piece->off < range->off ||
	    (piece->off > end && piece->off - end > GATHER_GAP) ||
	    (new > end &&new - range->off > GATHER_BYTES))
		return false;
	if (new > end)
		range->len = (size_t)(new - range->off);
	return true;
}

static bool
look_on(struct gather *g)
{
	if (g->piece.blob == NULL && !g->is_over)
		g->is_over = !g->next(&g->piece, g->arg);
	return !g->is_over;
}

static struct gather_range *
range_at(struct gather *g, unsigned i)
{
	return &g->ring[(g->first + i) % RING];
}

/* The next range is known: what it has of pieces. */
static void
form(struct gather *g)
{
	struct gather_range *r = range_at(g, g->n + g->known);

	memset(r, 0, sizeof(*r));
	r->range.blob = g->piece.blob;
	r->range.off = g->piece.off;
	r->range.len = g->piece.len;
	do
		g->piece.blob = NULL;
	while (look_on(g) && joins(&r->range, &g->piece));
	g->known++;
}

/* Bytes of ranges that will be asked for where the next one ends. */
static uint64_t
more_of(struct gather *g)
{
	const struct range *next = &range_at(g, g->n)->range, *r;
	uint64_t more = 0;
	unsigned i;

	for (i = 1; i < g->known; i++) {
		r = &range_at(g, g->n + i)->range;
		if (r->blob != next->blob ||
		    r->off != next->off + next->len + more ||
		    r->len > RANGE_MORE_MAX - next->len - more)
			break;
		more += r->len;
	}
	return more;
}

/* Asks for the next range; 1: there is none. */
static int
ask(struct gather *g, struct error *err)
{
	struct gather_range *r = range_at(g, g->n);

	while (g->known <= GATHER_AHEAD && look_on(g))
		form(g);
	if (g->known == 0)
		return 1;
	r->range.more = more_of(g);
	r->range.buf = malloc(r->range.len);
	if (r->range.buf == NULL)
		return error_nomem(err, "range");
	if (transport_ask(g->from, &r->range, err) == -1) {
		free(r->range.buf);
		return -1;
	}
	g->n++;
	g->known--;
	return 0;
}

/* Awaits the first one that is on its way, unless it is here. */
static int
await(struct gather *g, struct error *err)
{
	struct gather_range *r = &g->ring[g->first];

	if (r->is_here)
		return 0;
	r->is_here = true;
	return transport_await(g->from, &r->range, err);
}

static void
drop_first(struct gather *g)
{
	free(g->ring[g->first].range.buf);
	g->first = (g->first + 1) % RING;
	g->n--;
}

/* Whether the piece came with the first range. */
static bool
is_in_first(const struct gather *g, const struct piece *piece)
{
	const struct range *r = &g->ring[g->first].range;

	return g->n > 0 && piece->blob == r->blob && piece->off >= r->off &&
	    piece->off - r->off <= r->len &&
	    piece->len <= r->len - (piece->off - r->off);
}

int
gather_take(const unsigned char **out, struct gather *g,
    const struct piece *piece, struct error *err)
{
	const struct range *r;
	int rc = 0;

	while (!is_in_first(g, piece)) {
		if (g->n > 0)
			drop_first(g);
		while (g->n < g->ranges && (rc = ask(g, err)) == 0)
			continue;
		if (rc == -1)
			return -1;
		assert(g->n > 0);
	}
	if (await(g, err) == -1)
		return -1;
	r = &g->ring[g->first].range;
	*out = (const unsigned char *)r->buf + (piece->off - r->off);
	return 0;
}

void
gather_fini(struct gather *g)
{
	for (; g->n > 0; drop_first(g))
		(void)await(g, NULL);
}
