/* SPDX-License-Identifier: ISC */
#include "carried.h"

#include <stdlib.h>
#include <string.h>

#include "snapshot/working_set.h"
#include "vmm/vmm.h"

#include "mount.h"

/* A frame, or a leaf, that is not in the cache: in what has just come. */
static int
bring(struct mount *m, struct pages_range *range, uint16_t part, uint64_t off,
    size_t len, struct error *err)
{
	const struct blob *blob = &m->image.artifact.parts[part].blob;
	unsigned char *buf = malloc(len);

	if (buf == NULL)
		return error_nomem(err, NULL);
	if (transport_get(&m->from, buf, len, blob, off, err) == -1) {
		free(buf);
		return -1;
	}
	cache_write(m->cache, buf, len, &blob->digest, off, NULL);
	*range = (struct pages_range){ part, off, len, buf };
	m->pages.fresh = range;
	return 0;
}

static void
forget(struct mount *m, struct pages_range *range)
{
	free((void *)(uintptr_t)range->buf);
	*range = (struct pages_range){ .buf = NULL };
	m->pages.fresh = NULL;
}

static int
is_wrong(struct error *err)
{
	return error_set(err, EX_DATAERR, "differs from its digest");
}

static int
get_leaf(const struct leaf **out, struct mount *m, uint32_t file,
    const struct page_group *group, struct error *err)
{
	struct pages_range range = { .buf = NULL };
	int rc = 0;

	if (pages_leaf(out, &m->pages, file, group) == PAGES_HERE)
		return 0;
	if (bring(m, &range, group->part, group->off, group->len, err) == -1)
		return -1;
	if (pages_leaf(out, &m->pages, file, group) != PAGES_HERE)
		rc = is_wrong(err);
	forget(m, &range);
	return rc;
}

static int
get_page(unsigned char *out, struct mount *m, const struct place *place,
    const struct digest *hash, struct error *err)
{
	struct pages_range range = { .buf = NULL };
	int rc = 0;

	if (pages_copy(out, &m->pages, place, hash) == PAGES_HERE)
		return 0;
	if (bring(m, &range, place->part, place->off, place->len, err) == -1)
		return -1;
	if (pages_copy(out, &m->pages, place, hash) != PAGES_HERE)
		rc = is_wrong(err);
	forget(m, &range);
	return rc;
}

/* The whole of a small file, to out[its bytes and a page]. */
static int
get_file(unsigned char *out, struct mount *m, uint32_t file, struct error *err)
{
	const struct page_index *x = &m->image.index;
	const struct page_file *f = &x->files[file];
	const struct page_group *group;
	const struct leaf *leaf;
	uint64_t page, pages = (f->bytes + LEAF_PAGE - 1) / LEAF_PAGE;
	unsigned at;

	for (page = 0; page < pages; page++) {
		at = (unsigned)(page % LEAF_PAGES);
		group = page_index_find(x, f, (uint32_t)(page / LEAF_PAGES));
		if (group == NULL) {
			memset(out + page * LEAF_PAGE, 0, LEAF_PAGE);
			continue;
		}
		if (get_leaf(&leaf, m, file, group, err) == -1)
			return -1;
		if (!leaf->is_data[at])
			memset(out + page * LEAF_PAGE, 0, LEAF_PAGE);
		else if (get_page(out + page * LEAF_PAGE, m, &leaf->place[at],
			     &leaf->hash[at], err) == -1)
			return -1;
	}
	return 0;
}

/* The number of the file in the index, as in the envelope; -1: there is none. */
static int64_t
number_of(const struct mount *m, const char *name)
{
	const struct envelope *e = &m->image.envelope;
	size_t i;

	for (i = 0; i < e->files_n && i < m->image.index.files_n; i++)
		if (strcmp(e->files[i].name, name) == 0)
			return (int64_t)i;
	return -1;
}

static int
get_set(struct working_set *out, struct mount *m, uint32_t file,
    struct error *err)
{
	uint64_t bytes = m->image.index.files[file].bytes;
	unsigned char *text;
	int rc;

	if (bytes > WORKING_SET_BYTES_MAX)
		return error_set(err, EX_DATAERR, "above 1 MiB");
	text = malloc((size_t)bytes + LEAF_PAGE);
	if (text == NULL)
		return error_nomem(err, NULL);
	rc = get_file(text, m, file, err);
	if (rc == 0)
		rc = working_set_decode(out, (char *)text, (size_t)bytes, err);
	free(text);
	if (rc == 0 &&
	    out->memory_bytes != m->image.envelope.machine.memory_bytes)
		rc = error_set(err, EX_DATAERR, "of another memory");
	return rc;
}

static void
follow(struct mount *m, const struct working_set *w, uint32_t memory)
{
	const struct page_file *f = &m->image.index.files[memory];
	struct order *o = &m->order;
	uint64_t at, end;
	size_t i;

	for (i = 0; i < w->n; i++) {
		at = w->v[i].first * WORKING_SET_PAGE;
		end = at + w->v[i].n * WORKING_SET_PAGE;
		if (end > f->bytes)
			continue;
		order_touch(o, memory, at, (size_t)(end - at));
	}
	o->loaded_n = o->n;
}

void
carried_order(struct mount *m)
{
	int64_t set = number_of(m, WORKING_SET_NAME), memory;
	struct working_set w = { 0 };
	struct error why = { 0 };

	if (set == -1 || m->order.loaded_n > 0)
		return;
	memory = number_of(m,
	    vmm_traits(m->image.envelope.machine.hypervisor)->memory_file);
	if (memory != -1 && get_set(&w, m, (uint32_t)set, &why) == 0)
		follow(m, &w, (uint32_t)memory);
	else if (memory != -1)
		log_put(&m->log, WORKING_SET_NAME ": left out: %s", why.msg);
	working_set_fini(&w);
}
