/* SPDX-License-Identifier: ISC */
#include "ahead.h"

#include <string.h>

#include "mount.h"

#define ITEMS_MAX 64 /* looked at before the kernel is listened to again */
#define LEAF_ASKS_MAX 2 /* one that came and is wrong is not for us */
#define LEAVES_TOGETHER (128u << 10) /* bytes */
#define ORDER_LEAVES 64 /* units whose leaves are asked for beforehand */
#define AROUND_BYTES (1u << 20) /* at first */
#define AROUND_STEP (64u << 10) /* what is here is looked for by so much */

/* What became of an item. */
enum outcome { DONE, WAITS, FULL };

void
ahead_init(struct ahead *a, bool rest, uint64_t cache_bytes)
{
	memset(a, 0, sizeof(*a));
	a->rest_ended = !rest;
	a->around_bytes = AROUND_BYTES;
	/* More would only drive out what came before. */
	a->rest_bytes = cache_bytes / 4 * 3;
}

/*
 * Packs have pages in the order of the files: what lies around one is likely
 * wanted, too.  Where half of what came so is read more comes the next time, of
 * less than a quarter less.
 */
static void
judge(struct ahead *a, uint64_t used_bytes)
{
	if (a->got_bytes < AHEAD_AROUND_MAX)
		return;
	if (used_bytes >= a->got_bytes / 2 &&
	    a->around_bytes < AHEAD_AROUND_MAX)
		a->around_bytes *= 2;
	else if (used_bytes < a->got_bytes / 4 &&
	    a->around_bytes > AHEAD_AROUND_MIN)
		a->around_bytes /= 2;
}

void
ahead_around(struct mount *m, uint16_t part, uint64_t off, int64_t now_ms)
{
	uint64_t bytes = m->image.artifact.parts[part].blob.bytes;
	struct ahead *a = &m->ahead;
	struct ahead_block block = { .part = part };
	const struct ahead_block *b;
	unsigned i;

	a->missed_ms = now_ms;
	judge(a, m->pages.cached_bytes);
	block.off = off - off % a->around_bytes;
	block.end = bytes - block.off < a->around_bytes
	    ? bytes
	    : block.off + a->around_bytes;
	for (i = 0; i < a->around_n; i++) {
		b = &a->around[(a->around_first + i) % AHEAD_AROUNDS];
		if (b->part == part && b->off <= block.off &&
		    b->end >= block.end)
			return;
	}
	/* Of too many the oldest ones are left to be read. */
	if (a->around_n == AHEAD_AROUNDS) {
		a->around_first = (a->around_first + 1) % AHEAD_AROUNDS;
		a->around_n--;
	}
	a->around[(a->around_first + a->around_n++) % AHEAD_AROUNDS] = block;
}

/* Whether the bytes, which end at a step or before, are neither here nor wanted. */
static bool
is_wanting(struct mount *m, const struct ahead_block *b, size_t len)
{
	const struct digest *pack = &m->image.artifact.parts[b->part]
					 .blob.digest;

	return !wants_has(m, b->part, b->off, len) &&
	    !cache_seems(m->cache, pack, b->off, len);
}

/* From `off` on, what of the block is on its way to nobody, or 0. */
static size_t
lacking(struct mount *m, struct ahead_block *b)
{
	struct ahead_block at;
	size_t len, step;

	for (; b->off < b->end; b->off += step) {
		step = wants_step(m, b->part, b->off, AROUND_STEP);
		if (step > b->end - b->off)
			step = (size_t)(b->end - b->off);
		if (is_wanting(m, b, step))
			break;
	}
	at = *b;
	for (len = 0; at.off < b->end && len < WANT_BYTES_MAX; len += step) {
		step = wants_step(m, at.part, at.off, AROUND_STEP);
		if (step > b->end - at.off)
			step = (size_t)(b->end - at.off);
		if (step > WANT_BYTES_MAX - len || !is_wanting(m, &at, step))
			break;
		at.off += step;
	}
	return len;
}

/* Asks for what lies around reads; false: there is no room now. */
static bool
ask_around(struct mount *m)
{
	struct ahead *a = &m->ahead;
	struct ahead_block *b;
	size_t len;

	for (; a->around_n > 0;
	     a->around_first = (a->around_first + 1) % AHEAD_AROUNDS,
	     a->around_n--) {
		b = &a->around[a->around_first];
		while ((len = lacking(m, b)) > 0) {
			if (!wants_ahead(m, b->part, b->off, len))
				return false;
			b->off += len;
			a->got_bytes += len;
		}
	}
	return true;
}

void
ahead_follow(struct ahead *a, uint32_t file, uint64_t off)
{
	uint64_t number = off / LEAF_GROUP;

	if (file != a->follow_file || number > a->follow_end ||
	    number > a->follow_next)
		a->follow_next = number;
	else if (a->follow_end - number > AHEAD_FOLLOW_GROUPS / 2)
		return; /* some at once are fewer requests */
	a->follow_file = file;
	a->follow_end = number + AHEAD_FOLLOW_GROUPS;
}

void
ahead_failed(struct ahead *a, int64_t now_ms)
{
	a->not_before_ms = now_ms + AHEAD_PAUSE_MS;
	a->rest_failed = true;
	if (a->rest_file > 0)
		a->rest_ended = false;
}

static bool
leaf_is_here(struct mount *m, uint32_t file, const struct page_group *group)
{
	const struct leaf *leaf;

	return pages_leaf(&leaf, &m->pages, file, group) == PAGES_HERE;
}

/* The leaf, and those behind it that lie together and are not here. */
static bool
ask_leaves(struct mount *m, uint32_t file, const struct page_group *group)
{
	const struct page_index *x = &m->image.index;
	const struct page_group *end = x->groups + x->files[file].first +
	    x->files[file].n;
	const struct page_group *next;
	size_t len = group->len;

	for (next = group + 1; next < end && next->part == group->part &&
	     next->off == group->off + len && len < LEAVES_TOGETHER &&
	     !leaf_is_here(m, file, next);
	     next++)
		len += next->len;
	return wants_ahead(m, group->part, group->off, len);
}

static enum outcome
get_leaf(const struct leaf **out, struct mount *m, struct ahead_item *item,
    const struct page_group *group)
{
	if (pages_leaf(out, &m->pages, item->file, group) == PAGES_HERE)
		return DONE;
	if (wants_has(m, group->part, group->off, group->len))
		return WAITS;
	if (item->leaf_asked == LEAF_ASKS_MAX) {
		*out = NULL;
		return DONE;
	}
	if (!ask_leaves(m, item->file, group))
		return FULL;
	item->leaf_asked++;
	return WAITS;
}

static bool
is_same_frame(const struct place *a, const struct place *b)
{
	return a->part == b->part && a->off == b->off;
}

/* Whether the frame is to be asked for. */
static bool
is_lacking(struct mount *m, const struct place *place)
{
	return !pages_seems(&m->pages, place) &&
	    !wants_has(m, place->part, place->off, place->len);
}

/* The length of the frames that lie together from that of page `at` on. */
static size_t
together(unsigned *next, struct mount *m, const struct leaf *leaf, unsigned at,
    unsigned last)
{
	const struct place *place = &leaf->place[at], *prev = place;
	size_t len = place->len;
	unsigned i;

	for (i = at + 1; i <= last; i++) {
		if (!leaf->is_data[i] || is_same_frame(prev, &leaf->place[i]))
			continue;
		prev = &leaf->place[i];
		if (prev->part != place->part ||
		    prev->off != place->off + len ||
		    len + prev->len > WANT_BYTES_MAX || !is_lacking(m, prev))
			break;
		len += prev->len;
	}
	*next = i;
	return len;
}

/* Asks for what the item lacks. */
static enum outcome
work(struct mount *m, struct ahead_item *item, uint64_t *bytes)
{
	const struct page_file *file = &m->image.index.files[item->file];
	const struct place *prev = NULL, *place;
	const struct page_group *group;
	const struct leaf *leaf = NULL;
	enum outcome rc;
	unsigned next;
	size_t len;

	group = page_index_find(&m->image.index, file, item->number);
	if (group == NULL)
		return DONE;
	rc = get_leaf(&leaf, m, item, group);
	if (rc != DONE || leaf == NULL)
		return rc;
	while (item->page <= item->last && item->page < leaf->pages) {
		place = &leaf->place[item->page];
		if (!leaf->is_data[item->page] ||
		    (prev != NULL && is_same_frame(prev, place)) ||
		    !is_lacking(m, place)) {
			if (leaf->is_data[item->page])
				prev = place;
			item->page++;
			continue;
		}
		len = together(&next, m, leaf, item->page, item->last);
		if (!wants_ahead(m, place->part, place->off, len))
			return FULL;
		*bytes -= *bytes < len ? *bytes : len;
		item->page = next;
	}
	return DONE;
}

static void
set(struct ahead_item *item, uint32_t file, uint32_t number, unsigned first,
    unsigned last)
{
	*item = (struct ahead_item){ true, file, number, first, last, 0 };
}

static void
order_leaves(struct mount *m, size_t from)
{
	const struct page_index *x = &m->image.index;
	const struct page_group *group;
	const struct order_unit *u;
	size_t i;

	for (i = from; i < m->order.loaded_n && i < from + ORDER_LEAVES; i++) {
		u = &m->order.v[i];
		group = page_index_find(x, &x->files[u->file],
		    (uint32_t)(u->number * ORDER_UNIT / LEAF_GROUP));
		if (group != NULL && !leaf_is_here(m, u->file, group) &&
		    !wants_has(m, group->part, group->off, group->len) &&
		    !ask_leaves(m, u->file, group))
			return;
	}
}

static bool
next_of_order(struct mount *m, struct ahead_item *item)
{
	const unsigned pages = ORDER_UNIT / LEAF_PAGE;
	const struct order_unit *u;
	unsigned first;

	if (m->ahead.order_at == m->order.loaded_n)
		return false;
	if (m->ahead.order_at % ORDER_LEAVES == 0)
		order_leaves(m, m->ahead.order_at);
	u = &m->order.v[m->ahead.order_at++];
	first = u->number * pages % LEAF_PAGES;
	set(item, u->file, (uint32_t)(u->number * ORDER_UNIT / LEAF_GROUP),
	    first, first + pages - 1);
	return true;
}

static bool
next_of_rest(struct mount *m, struct ahead_item *item)
{
	const struct page_index *x = &m->image.index;
	struct ahead *a = &m->ahead;

	if (a->rest_ended || a->rest_bytes == 0)
		return false;
	for (; a->rest_file < x->files_n; a->rest_file++, a->rest_group = 0)
		if (a->rest_group < x->files[a->rest_file].n) {
			set(item, a->rest_file,
			    x->groups[x->files[a->rest_file].first +
				 a->rest_group++]
				.number,
			    0, LEAF_PAGES - 1);
			return true;
		}
	if (a->rest_failed) {
		a->rest_failed = false;
		a->rest_file = 0;
		a->rest_group = 0;
		return next_of_rest(m, item);
	}
	a->rest_ended = true;
	return false;
}

static bool
next_item(struct mount *m, enum ahead_source source, struct ahead_item *item)
{
	struct ahead *a = &m->ahead;

	switch (source) {
	case AHEAD_FOLLOW:
		if (a->follow_next == a->follow_end)
			return false;
		set(item, a->follow_file, (uint32_t)a->follow_next++, 0,
		    LEAF_PAGES - 1);
		return true;
	case AHEAD_ORDER:
		return next_of_order(m, item);
	case AHEAD_REST:
	case AHEAD_SOURCES:
		break;
	}
	return next_of_rest(m, item);
}

/* The rest is not to be in the way of reads that wait: a request at a time then. */
static bool
must_wait(const struct mount *m, int64_t now_ms)
{
	const struct ahead *a = &m->ahead;

	return a->missed_ms != 0 && now_ms - a->missed_ms < AHEAD_QUIET_MS &&
	    m->wants.away_n > 0;
}

int64_t
ahead_ask(struct mount *m, int64_t now_ms)
{
	struct ahead *a = &m->ahead;
	uint64_t any = UINT64_MAX;
	struct ahead_item *item;
	unsigned n = 0;
	enum ahead_source i;

	if (m->cache_failed)
		return INT64_MAX;
	if (now_ms < a->not_before_ms)
		return a->not_before_ms;
	if (!ask_around(m))
		return INT64_MAX;
	for (i = 0; i < AHEAD_SOURCES; i++) {
		item = &a->item[i];
		if (i == AHEAD_REST && must_wait(m, now_ms))
			return a->missed_ms + AHEAD_QUIET_MS;
		for (; n < ITEMS_MAX; n++) {
			if (!item->is_set && !next_item(m, i, item))
				break;
			switch (work(m, item,
			    i == AHEAD_REST ? &a->rest_bytes : &any)) {
			case DONE:
				item->is_set = false;
				continue;
			case FULL:
				return INT64_MAX;
			case WAITS:
				break;
			}
			break;
		}
	}
	return n == ITEMS_MAX ? now_ms : INT64_MAX;
}

bool
ahead_has_all(const struct mount *m)
{
	const struct ahead *a = &m->ahead;

	/* One that was never asked for has not: the first file is before it. */
	return a->rest_ended && a->rest_file > 0 && !a->rest_failed &&
	    m->wants.ahead_n == 0;
}
