/* SPDX-License-Identifier: ISC */
#include "registry/known.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"

#define HASH_BYTES 20
#define SLOTS_MIN 4096u
#define SLOTS_MAX (1u << 20) /* KNOWN_MAX fills seven eighths */

/* A place in as few bytes as it can have; a frame is never empty. */
struct slot {
	unsigned char hash[HASH_BYTES];
	unsigned char off[5], len[3], part[2], pages, number;
};

struct known {
	struct slot *v;
	size_t cap, n; /* cap is a power of two */
};

static bool
is_free(const struct slot *s)
{
	return s->pages == 0;
}

static void
pack(struct slot *s, const struct place *p)
{
	unsigned char raw[8];

	le64_put(raw, p->off);
	memcpy(s->off, raw, sizeof(s->off));
	le32_put(raw, p->len);
	memcpy(s->len, raw, sizeof(s->len));
	le16_put(s->part, p->part);
	s->pages = p->pages;
	s->number = p->slot;
}

static void
unpack(struct place *p, const struct slot *s)
{
	unsigned char raw[8] = { 0 };

	memcpy(raw, s->off, sizeof(s->off));
	p->off = le64(raw);
	memset(raw, 0, sizeof(raw));
	memcpy(raw, s->len, sizeof(s->len));
	p->len = le32(raw);
	p->part = le16(s->part);
	p->pages = s->pages;
	p->slot = s->number;
}

/* The slot of the hash, or the free one where it would be. */
static struct slot *
slot_of(struct slot *v, size_t cap, const unsigned char *hash)
{
	size_t at = (size_t)le64(hash) & (cap - 1);

	while (!is_free(&v[at]) && memcmp(v[at].hash, hash, HASH_BYTES) != 0)
		at = (at + 1) & (cap - 1);
	return &v[at];
}

int
known_new(struct known **out, struct error *err)
{
	struct known *k = calloc(1, sizeof(*k));

	if (k != NULL)
		k->v = calloc(SLOTS_MIN, sizeof(*k->v));
	if (k == NULL || k->v == NULL) {
		free(k);
		return error_nomem(err, "table of pages");
	}
	k->cap = SLOTS_MIN;
	*out = k;
	return 0;
}

void
known_free(struct known *known)
{
	if (known != NULL)
		free(known->v);
	free(known);
}

bool
known_find(struct place *out, const struct known *known,
    const struct digest *hash)
{
	const struct slot *s = slot_of(known->v, known->cap, hash->raw);

	if (is_free(s))
		return false;
	unpack(out, s);
	return true;
}

static int
grow(struct known *k, struct error *err)
{
	struct slot *v = calloc(2 * k->cap, sizeof(*v));
	size_t i;

	if (v == NULL)
		return error_nomem(err, "table of pages");
	for (i = 0; i < k->cap; i++)
		if (!is_free(&k->v[i]))
			*slot_of(v, 2 * k->cap, k->v[i].hash) = k->v[i];
	free(k->v);
	k->v = v;
	k->cap *= 2;
	return 0;
}

int
known_add(struct known *known, const struct digest *hash,
    const struct place *place, struct error *err)
{
	struct slot *s;

	if (known->n >= known->cap / 8 * 7) {
		if (known->cap == SLOTS_MAX)
			return 0;
		if (grow(known, err) == -1)
			return -1;
	}
	s = slot_of(known->v, known->cap, hash->raw);
	if (!is_free(s))
		return 0;
	memcpy(s->hash, hash->raw, HASH_BYTES);
	pack(s, place);
	known->n++;
	return 0;
}

void
known_move(struct known *known, const struct digest *hash,
    const struct place *place)
{
	struct slot *s = slot_of(known->v, known->cap, hash->raw);

	if (!is_free(s))
		pack(s, place);
}
