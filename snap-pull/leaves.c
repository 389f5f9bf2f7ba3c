/* SPDX-License-Identifier: ISC */
#include "leaves.h"

#include <stdlib.h>

#include "registry/gather.h"

#define BATCH 4096 /* groups: 2 GiB; their leaves are got in order of place */

struct batch {
	const struct reader *r;
	const struct page_group *v[BATCH];
	size_t n, told;
};

static int
by_place(const void *a, const void *b)
{
	const struct page_group *x = *(const struct page_group *const *)a;
	const struct page_group *y = *(const struct page_group *const *)b;

	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	return (x->off > y->off) - (x->off < y->off);
}

static struct piece
piece_of(const struct batch *b, const struct page_group *group)
{
	struct piece piece = { &b->r->artifact.parts[group->part].blob,
		group->off, group->len };

	return piece;
}

static bool
tell_next(struct piece *out, void *arg)
{
	struct batch *b = arg;

	if (b->told == b->n)
		return false;
	*out = piece_of(b, b->v[b->told++]);
	return true;
}

static int
get_batch(struct batch *b, struct gather *g, uint32_t file, leaves_take *take,
    void *arg, struct error *err)
{
	const unsigned char *raw;
	struct piece piece;
	struct leaf leaf;
	size_t i;

	for (i = 0; i < b->n; i++) {
		piece = piece_of(b, b->v[i]);
		if (gather_take(&raw, g, &piece, err) == -1 ||
		    reader_check_leaf(&leaf, b->r, file, b->v[i], raw, err) ==
			-1 ||
		    take(arg, file, b->v[i], &leaf, err) == -1)
			return -1;
	}
	return 0;
}

int
leaves_get(struct reader *r, uint32_t file, const unsigned char *done,
    unsigned ranges, leaves_take *take, void *arg, struct error *err)
{
	const struct page_file *f = &r->index.files[file];
	struct batch *b = malloc(sizeof(*b));
	struct gather g;
	size_t i = 0;
	int rc = 0;

	if (b == NULL)
		return error_nomem(err, "leaves");
	b->r = r;
	while (rc == 0 && i < f->n) {
		b->n = b->told = 0;
		for (; i < f->n && b->n < BATCH; i++)
			if (done == NULL || !done[i])
				b->v[b->n++] = &r->index.groups[f->first + i];
		qsort(b->v, b->n, sizeof(b->v[0]), by_place);
		gather_init(&g, r->from, ranges, tell_next, b);
		rc = get_batch(b, &g, file, take, arg, err);
		gather_fini(&g);
	}
	free(b);
	return rc;
}
