/* SPDX-License-Identifier: ISC */
#include "archive/stamp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"

/* What stands before and behind the hash in each form. */
struct layout {
	unsigned char before[32];
	size_t before_len;
	unsigned char behind[32];
	size_t behind_len;
};

/*
 * zstd: a skippable frame (RFC 8878, 3.1.2), then a frame with one RLE block
 * of 1024 zeros and its checksum.  gzip: a member with an extra field
 * (RFC 1952, 2.3.1.1), whose data are 1024 zeros.
 */
static const struct layout layouts[] = {
	[STAMP_ZSTD] = {
		.before = { 0x5a, 0x2a, 0x4d, 0x18, 46, 0, 0, 0, 'i', 'n', 's',
		    't', 'a', 'r', ' ', 's', 't', 'a', 'm', 'p', ' ', '1' },
		.before_len = 22,
		.behind = { 0x28, 0xb5, 0x2f, 0xfd, 0x64, 0x00, 0x03, 0x03,
		    0x20, 0x00, 0x00, 0xcd, 0xac, 0x85, 0xf0 },
		.behind_len = 15,
	},
	[STAMP_GZIP] = {
		.before = { 0x1f, 0x8b, 0x08, 0x04, 0, 0, 0, 0, 0, 0xff, 36, 0,
		    'i', 'S', 32, 0 },
		.before_len = 16,
		.behind = { 0x63, 0x60, 0x18, 0x05, 0xa3, 0x60, 0x14, 0x8c,
		    0x54, 0x00, 0x00, 0x2e, 0xaf, 0xb5, 0xef, 0x00, 0x04, 0,
		    0 },
		.behind_len = 19,
	},
};

struct stamp {
	const struct layout *layout;
	struct sha256 hash;
	unsigned char tail[STAMP_BYTES_MAX]; /* last bytes, not hashed yet */
	size_t tail_len;
	size_t matched; /* bytes of a frame that are those of a stamp */
	bool is_matching;
	bool is_found;
	uint64_t behind; /* bytes taken since the start of the one found */
};

static size_t
stamp_len(const struct stamp *s)
{
	return s->layout->before_len + SHA256_BYTES + s->layout->behind_len;
}

int
stamp_new(struct stamp **out, enum stamp_kind kind, struct error *err)
{
	struct stamp *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return error_sys(err, EX_OSERR, "checksum");
	s->layout = &layouts[kind];
	sha256_init(&s->hash);
	*out = s;
	return 0;
}

void
stamp_free(struct stamp *s)
{
	free(s);
}

void
stamp_add(struct stamp *s, const void *buf, size_t len)
{
	sha256_data(&s->hash, buf, len);
}

void
stamp_make(unsigned char out[STAMP_BYTES_MAX], size_t *len, struct stamp *s)
{
	const struct layout *l = s->layout;

	memcpy(out, l->before, l->before_len);
	sha256_final(out + l->before_len, &s->hash);
	memcpy(out + l->before_len + SHA256_BYTES, l->behind, l->behind_len);
	*len = stamp_len(s);
}

void
stamp_feed(struct stamp *s, const unsigned char *buf, size_t len)
{
	size_t keep = stamp_len(s), old;

	if (len >= keep) {
		stamp_add(s, s->tail, s->tail_len);
		stamp_add(s, buf, len - keep);
		memcpy(s->tail, buf + len - keep, keep);
		s->tail_len = keep;
		return;
	}
	/* The oldest bytes of the tail make room for the new ones. */
	old = s->tail_len + len > keep ? s->tail_len + len - keep : 0;
	stamp_add(s, s->tail, old);
	memmove(s->tail, s->tail + old, s->tail_len - old);
	memcpy(s->tail + s->tail_len - old, buf, len);
	s->tail_len += len - old;
}

/* Whether it is meant to be one: a damaged one still looks like it. */
static bool
looks_like(const struct stamp *s)
{
	const struct layout *l = s->layout;
	size_t i, same = 0;

	if (s->tail_len != stamp_len(s))
		return false;
	for (i = 0; i < l->before_len; i++)
		same += s->tail[i] == l->before[i];
	for (i = 0; i < l->behind_len; i++)
		same += s->tail[l->before_len + SHA256_BYTES + i] ==
		    l->behind[i];
	return same * 4 >= (l->before_len + l->behind_len) * 3;
}

int
stamp_check(struct stamp *s, struct error *err)
{
	unsigned char want[STAMP_BYTES_MAX];
	size_t len;

	if (s->is_found && s->behind != stamp_len(s))
		return error_set(err, EX_DATAERR,
		    "bytes behind the end of the archive, or a cut one");
	if (!looks_like(s))
		return 0;
	stamp_make(want, &len, s);
	if (memcmp(want, s->tail, len) != 0)
		return error_set(err, EX_DATAERR,
		    "damaged: its bytes do not have the checksum at its end");
	return 0;
}

void
stamp_take(struct stamp *s, bool is_first, const unsigned char *buf, size_t len)
{
	const struct layout *l = s->layout;
	size_t i;

	if (is_first && !s->is_found) {
		s->matched = 0;
		s->is_matching = true;
		s->behind = 0;
	}
	s->behind += len;
	for (i = 0; i < len && s->is_matching; i++) {
		s->is_matching = buf[i] == l->before[s->matched];
		if (s->is_matching && ++s->matched == l->before_len) {
			s->is_found = true;
			s->is_matching = false;
		}
	}
}
