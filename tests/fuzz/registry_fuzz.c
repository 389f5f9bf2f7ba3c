/* SPDX-License-Identifier: ISC */
/*
 * A whole artifact: three lengths of two bytes, then the envelope, the index, a
 * tree, and behind them a pack.  Hashes are made right from the tree up to the
 * manifest, unless the first byte is odd, for no input would have them else.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/sha256.h"
#include "registry/reader.h"

#define HEAD 7
#define GROUPS_LOOKED 16
#define PAGES_LOOKED 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENVELOPE, INDEX, TREE, PACK, BLOBS };

struct place_of {
	const uint8_t *data;
	size_t size;
	struct blob blob;
};

struct registry {
	struct place_of v[BLOBS];
	char *envelope; /* made anew, or NULL */
	unsigned char *index; /* the same */
};

static int
ask(void *state, struct range *range, struct error *err)
{
	(void)state;
	(void)range;
	(void)err;
	return 0;
}

static int
await(void *state, struct range *range, struct error *err)
{
	const struct registry *r = state;
	size_t i;

	for (i = 0; i < BLOBS; i++)
		if (digest_equal(&r->v[i].blob.digest, &range->blob->digest) &&
		    r->v[i].size == range->blob->bytes)
			break;
	if (i == BLOBS)
		return error_set(err, EX_DATAERR, "not there");
	/* As the transport promises. */
	assert(range->off <= r->v[i].size &&
	    range->len <= r->v[i].size - range->off);
	memcpy(range->buf, r->v[i].data + range->off, range->len);
	return 0;
}

static int
get_manifest(void *state, char **text, size_t *len, const struct ref *ref,
    struct error *err)
{
	const struct registry *r = state;
	struct artifact a = { .envelope = r->v[ENVELOPE].blob,
		.index = r->v[INDEX].blob };
	struct part tree = { PART_TREE, r->v[TREE].blob };
	struct part pack = { PART_PACK, r->v[PACK].blob };
	size_t number;
	int rc;

	(void)ref;
	assert(artifact_add_part(&a, &number, &tree, err) == 0);
	assert(artifact_add_part(&a, &number, &pack, err) == 0);
	rc = artifact_encode(text, len, &a, "", err);
	artifact_fini(&a);
	return rc;
}

static const struct transport_ops ops = { .ask = ask,
	.await = await,
	.get_manifest = get_manifest };

static void
name_blobs(struct registry *r)
{
	size_t i;

	for (i = 0; i < BLOBS; i++) {
		r->v[i].blob.bytes = r->v[i].size;
		sha256_of(r->v[i].blob.digest.raw, r->v[i].data, r->v[i].size);
	}
}

/* The groups' hashes from their leaves. */
static void
hash_groups(struct page_index *x, const struct registry *r,
    const struct part_list *parts)
{
	struct leaf leaf;
	size_t i, k;

	for (i = 0; i < x->files_n; i++)
		for (k = 0; k < x->files[i].n; k++) {
			struct page_group
			    *g = &x->groups[x->files[i].first + k];

			if (leaf_decode(&leaf, r->v[TREE].data + g->off, g->len,
				page_index_pages(&x->files[i], g->number),
				parts, NULL) == 0)
				leaf_hash(&g->hash, &leaf,
				    x->files[i].bytes <= LEAF_GROUP);
		}
}

/* Envelope and index as they would be if they were true. */
static void
make_true(struct registry *r)
{
	const struct part v[] = { { PART_TREE, r->v[TREE].blob },
		{ PART_PACK, r->v[PACK].blob } };
	const struct part_list parts = { v, 2 };
	struct page_index x = { 0 };
	struct envelope e;
	size_t i;

	if (envelope_decode(&e, (const char *)r->v[ENVELOPE].data,
		r->v[ENVELOPE].size, NULL) == -1)
		return;
	if (page_index_decode(&x, r->v[INDEX].data, r->v[INDEX].size, &parts,
		NULL) == 0) {
		hash_groups(&x, r, &parts);
		for (i = 0; i < e.files_n && i < x.files_n; i++) {
			e.files[i].has_digest = true;
			e.files[i].size_bytes = x.files[i].bytes;
			(void)page_index_digest(&e.files[i].digest, &x,
			    &x.files[i], NULL);
		}
		if (page_index_encode(&r->index, &r->v[INDEX].size, &x, NULL) ==
		    0)
			r->v[INDEX].data = r->index;
		if (envelope_encode(&r->envelope, &r->v[ENVELOPE].size, &e,
			NULL) == 0)
			r->v[ENVELOPE].data = (const uint8_t *)r->envelope;
		page_index_fini(&x);
	}
	envelope_fini(&e);
}

/* Whatever page it gives has the hash that it is to have. */
static void
look_at_group(struct reader *r, size_t file, const struct page_group *group,
    size_t *looked)
{
	unsigned char hash[SHA256_BYTES];
	const unsigned char *page;
	struct leaf leaf;
	unsigned i;

	if (reader_leaf(&leaf, r, file, group, NULL) == -1)
		return;
	for (i = 0; i < leaf.pages; i++) {
		if (!leaf.is_data[i] || ++*looked > PAGES_LOOKED ||
		    reader_page(&page, r, &leaf.place[i], &leaf.hash[i],
			NULL) == -1)
			continue;
		sha256_of(hash, page, LEAF_PAGE);
		assert(memcmp(hash, leaf.hash[i].raw, sizeof(hash)) == 0);
	}
}

static void
read_all(struct registry *registry)
{
	struct transport t = { .ops = &ops, .state = registry };
	const struct ref ref = { 0 };
	struct error err = { 0 };
	struct reader r = { 0 };
	size_t i, k, looked = 0;

	if (reader_open(&r, &t, &ref, &err) == -1) {
		assert(err.code == EX_DATAERR);
		return;
	}
	assert(r.index.files_n == r.envelope.files_n);
	for (i = 0; i < r.index.files_n; i++)
		for (k = 0; k < r.index.files[i].n && k < GROUPS_LOOKED; k++)
			look_at_group(&r, i,
			    &r.index.groups[r.index.files[i].first + k],
			    &looked);
	reader_close(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct registry r = { 0 };
	const uint8_t *at;
	size_t i, len, left;

	if (size < HEAD)
		return 0;
	at = data + HEAD;
	left = size - HEAD;
	for (i = 0; i < BLOBS; i++) {
		len = i == PACK ? left : le16(data + 1 + 2 * i);
		if (len > left)
			len = left;
		r.v[i].data = at;
		r.v[i].size = len;
		at += len;
		left -= len;
	}
	name_blobs(&r);
	if (data[0] % 2 == 0)
		make_true(&r);
	name_blobs(&r);
	read_all(&r);
	free(r.envelope);
	free(r.index);
	return 0;
}
