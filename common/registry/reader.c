/* SPDX-License-Identifier: ISC */
#include "registry/reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"

static int
read_envelope(struct reader *r, struct error *err)
{
	const struct blob *blob = &r->artifact.envelope;
	char *text;
	int rc;

	if (transport_get_all(r->from, &text, blob, "envelope", err) == -1)
		return -1;
	rc = envelope_decode(&r->envelope, text, (size_t)blob->bytes, err);
	if (rc == 0 && r->envelope.trailer)
		rc = error_set(err, EX_DATAERR, "\"trailer\" is of archives");
	free(text);
	return rc == -1 ? error_wrap(err, "envelope") : 0;
}

static int
read_index(struct reader *r, struct error *err)
{
	const struct part_list parts = { r->artifact.parts,
		r->artifact.parts_n };
	const struct blob *blob = &r->artifact.index;
	char *raw;
	int rc;

	if (transport_get_all(r->from, &raw, blob, "index", err) == -1)
		return -1;
	rc = page_index_decode(&r->index, (unsigned char *)raw,
	    (size_t)blob->bytes, &parts, err);
	free(raw);
	if (rc == -1)
		return -1;
	return page_index_check(&r->index, &r->envelope, err);
}

static int
fill(struct reader *r, struct signers *signers, const struct ref *ref,
    struct error *err)
{
	const char *sig;
	char *text;
	size_t len;
	int rc;

	if (transport_get_manifest(r->from, &text, &len, &r->digest, ref,
		err) == -1)
		return -1;
	rc = artifact_decode(&r->artifact, text, len, err);
	free(text);
	if (rc == -1 || read_envelope(r, err) == -1)
		return -1;
	sig = r->artifact.signatures;
	if (signers_check(signers, &r->envelope, sig,
		sig == NULL ? 0 : strlen(sig), err) == -1)
		return -1;
	return read_index(r, err);
}

int
reader_open(struct reader *out, struct transport *from, const struct ref *ref,
    struct error *err)
{
	return reader_open_signed(out, from, NULL, ref, err);
}

int
reader_open_signed(struct reader *out, struct transport *from,
    struct signers *signers, const struct ref *ref, struct error *err)
{
	struct reader r = { .from = from };

	envelope_init(&r.envelope);
	if (fill(&r, signers, ref, err) == -1) {
		reader_close(&r);
		return -1;
	}
	*out = r;
	return 0;
}

void
reader_close(struct reader *r)
{
	size_t i;

	if (r->from == NULL)
		return;
	for (i = 0; i < READER_FRAMES; i++)
		free(r->frame[i].pages);
	frame_coder_fini(&r->coder);
	page_index_fini(&r->index);
	envelope_fini(&r->envelope);
	artifact_fini(&r->artifact);
	r->from = NULL;
}

int
reader_check_leaf(struct leaf *out, const struct reader *r, size_t file,
    const struct page_group *group, const void *raw, struct error *err)
{
	const struct part_list parts = { r->artifact.parts,
		r->artifact.parts_n };
	const struct page_file *f = &r->index.files[file];
	struct digest hash;

	if (leaf_decode(out, raw, group->len,
		page_index_pages(f, group->number), &parts, err) == -1)
		return error_wrap(err, "%s: leaf of group %u",
		    r->envelope.files[file].name, group->number);
	leaf_hash(&hash, out, f->bytes <= LEAF_GROUP);
	if (!digest_equal(&hash, &group->hash))
		return error_set(err, EX_DATAERR,
		    "%s: leaf of group %u: differs from its hash",
		    r->envelope.files[file].name, group->number);
	return 0;
}

int
reader_leaf(struct leaf *out, struct reader *r, size_t file,
    const struct page_group *group, struct error *err)
{
	unsigned char raw[LEAF_BYTES_MAX];

	if (transport_get(r->from, raw, group->len,
		&r->artifact.parts[group->part].blob, group->off, err) == -1)
		return -1;
	return reader_check_leaf(out, r, file, group, raw, err);
}

/* Where the frame is kept, or would be. */
static struct reader_frame *
frame_of(struct reader *r, const struct place *place)
{
	uint64_t n = (place->off >> 4) ^ ((uint64_t)place->part << 32);

	/* Fibonacci hashing: the upper bits of a product with 2^64 / phi. */
	return &r->frame[n * UINT64_C(0x9e3779b97f4a7c15) >> 57];
}

static int
inflate(struct reader_frame *f, struct reader *r, const struct place *place,
    struct error *err)
{
	const struct part *part = &r->artifact.parts[place->part];
	unsigned char *raw = malloc(place->len);
	int rc = -1;

	free(f->pages);
	f->pages = malloc((size_t)place->pages * LEAF_PAGE);
	if (raw == NULL || f->pages == NULL)
		error_nomem(err, "frame");
	else if (transport_get(r->from, raw, place->len, &part->blob,
		     place->off, err) == 0)
		rc = frame_unpack(f->pages, place->pages, &r->coder, raw,
		    place->len, err);
	free(raw);
	if (rc == -1) {
		free(f->pages);
		f->pages = NULL;
		return -1;
	}
	f->off = place->off;
	f->part = place->part;
	f->n = place->pages;
	return 0;
}

int
reader_page(const unsigned char **out, struct reader *r,
    const struct place *place, const struct digest *hash, struct error *err)
{
	struct reader_frame *f = frame_of(r, place);
	unsigned char got[SHA256_BYTES];
	const unsigned char *page;

	if ((f->pages == NULL || f->off != place->off ||
		f->part != place->part || f->n != place->pages) &&
	    inflate(f, r, place, err) == -1)
		return -1;
	page = f->pages + (size_t)place->slot * LEAF_PAGE;
	sha256_of(got, page, LEAF_PAGE);
	if (memcmp(got, hash->raw, sizeof(got)) != 0)
		return error_set(err, EX_DATAERR, "differs from its hash");
	*out = page;
	return 0;
}
