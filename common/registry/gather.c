/* SPDX-License-Identifier: ISC */
#include "registry/gather.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

/* Asks for the next range. */
static int
ask(struct gather *g, struct error *err)
{
	struct gather_range *r = &g->ring[(g->first + g->n) % g->ranges];

	memset(r, 0, sizeof(*r));
	r->range.blob = g->piece.blob;
	r->range.off = g->piece.off;
	r->range.len = g->piece.len;
	do
		g->piece.blob = NULL;
	while (look_on(g) && joins(&r->range, &g->piece));
	r->range.buf = malloc(r->range.len);
	if (r->range.buf == NULL)
		return error_nomem(err, "range");
	if (transport_ask(g->from, &r->range, err) == -1) {
		free(r->range.buf);
		return -1;
	}
	g->n++;
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
	g->first = (g->first + 1) % g->ranges;
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

	while (!is_in_first(g, piece)) {
		if (g->n > 0)
			drop_first(g);
		while (g->n < g->ranges && look_on(g))
			if (ask(g, err) == -1)
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
