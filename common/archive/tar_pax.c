/* SPDX-License-Identifier: ISC */
/* What the records of a PAX header say about an entry. */
#include <stdio.h>
#include <string.h>

#include "archive/tar_head.h"

enum key {
	KEY_PATH,
	KEY_SIZE,
	KEY_LINK,
	KEY_MAJOR,
	KEY_MINOR,
	KEY_NAME,
	KEY_REAL_SIZE,
	KEY_GNU_SIZE,
	KEY_BLOCKS,
	KEY_OFFSET,
	KEY_BYTES,
	KEY_MAP,
	KEY_COCOON_MAP,
	KEY_COCOON_SIZE,
	KEY_SUN,
	KEY_SCHILY,
	KEY_IGNORED,
	KEY_UNKNOWN
};

static const struct {
	const char *text;
	enum key key;
} keys[] = {
	{ "path", KEY_PATH },
	{ "size", KEY_SIZE },
	{ "linkpath", KEY_LINK },
	{ "GNU.sparse.major", KEY_MAJOR },
	{ "GNU.sparse.minor", KEY_MINOR },
	{ "GNU.sparse.name", KEY_NAME },
	{ "GNU.sparse.realsize", KEY_REAL_SIZE },
	{ "GNU.sparse.size", KEY_GNU_SIZE },
	{ "GNU.sparse.numblocks", KEY_BLOCKS },
	{ "GNU.sparse.offset", KEY_OFFSET },
	{ "GNU.sparse.numbytes", KEY_BYTES },
	{ "GNU.sparse.map", KEY_MAP },
	{ "COCOON.sparse.map", KEY_COCOON_MAP },
	{ "COCOON.sparse.size", KEY_COCOON_SIZE },
	{ "SUN.holesdata", KEY_SUN },
	{ "SCHILY.realsize", KEY_SCHILY },
	{ "atime", KEY_IGNORED },
	{ "ctime", KEY_IGNORED },
	{ "mtime", KEY_IGNORED },
	{ "uid", KEY_IGNORED },
	{ "gid", KEY_IGNORED },
	{ "uname", KEY_IGNORED },
	{ "gname", KEY_IGNORED },
	{ "comment", KEY_IGNORED },
	{ "charset", KEY_IGNORED },
	{ "hdrcharset", KEY_IGNORED },
	{ "LIBARCHIVE.creationtime", KEY_IGNORED },
	{ "SCHILY.dev", KEY_IGNORED },
	{ "SCHILY.ino", KEY_IGNORED },
	{ "SCHILY.nlink", KEY_IGNORED },
	{ "SCHILY.fflags", KEY_IGNORED },
};

/* What the records said, before they are held against each other. */
struct gathered {
	unsigned seen; /* bit per enum key */
	uint64_t major, minor, gnu_size, real_size, cocoon_size, schily;
	uint64_t pairs; /* of GNU 0.0 */
};

static enum key
find_key(const struct tar_record *r)
{
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i].text) == r->key_len &&
		    memcmp(keys[i].text, r->key, r->key_len) == 0)
			return keys[i].key;
	return KEY_UNKNOWN;
}

static int
take_text(char out[TAR_PATH_MAX + 1], bool *has, const struct tar_record *r,
    struct error *err)
{
	if (r->value_len == 0 || r->value_len > TAR_PATH_MAX ||
	    memchr(r->value, '\0', r->value_len) != NULL)
		return error_set(err, EX_DATAERR,
		    "a name that is empty, too long or no text");
	memcpy(out, r->value, r->value_len);
	out[r->value_len] = '\0';
	*has = true;
	return 0;
}

static int
take_map(struct tar_pax *p, const struct tar_record *r)
{
	p->map = r->value;
	p->map_len = r->value_len;
	return 0;
}

static int
take_record(struct tar_pax *p, struct gathered *g, enum key key,
    const struct tar_record *r, struct error *err)
{
	uint64_t ignored;

	switch (key) {
	case KEY_PATH:
		return take_text(p->path, &p->has_path, r, err);
	case KEY_SIZE:
		p->has_size = true;
		return tar_decimal(&p->size, r->value, r->value_len, err);
	case KEY_LINK:
		return error_set(err, EX_DATAERR, "a link");
	case KEY_MAJOR:
		return tar_decimal(&g->major, r->value, r->value_len, err);
	case KEY_MINOR:
		return tar_decimal(&g->minor, r->value, r->value_len, err);
	case KEY_NAME:
		return take_text(p->sparse_name, &p->has_sparse_name, r, err);
	case KEY_REAL_SIZE:
		return tar_decimal(&g->real_size, r->value, r->value_len, err);
	case KEY_GNU_SIZE:
		return tar_decimal(&g->gnu_size, r->value, r->value_len, err);
	case KEY_OFFSET:
	case KEY_BYTES:
		g->pairs++;
		return tar_decimal(&ignored, r->value, r->value_len, err);
	case KEY_BLOCKS:
		return tar_decimal(&ignored, r->value, r->value_len, err);
	case KEY_COCOON_SIZE:
		return tar_decimal(&g->cocoon_size, r->value, r->value_len,
		    err);
	case KEY_SCHILY:
		return tar_decimal(&g->schily, r->value, r->value_len, err);
	case KEY_MAP:
	case KEY_COCOON_MAP:
		return take_map(p, r);
	case KEY_UNKNOWN:
		if (p->unknown == NULL) {
			p->unknown = r->key;
			p->unknown_len = r->key_len;
		}
		return 0;
	case KEY_SUN:
	case KEY_IGNORED:
		return 0;
	}
	return error_set(err, EX_SOFTWARE, "key without a case");
}

static bool
has(const struct gathered *g, enum key key)
{
	return (g->seen & 1u << key) != 0;
}

static bool
has_gnu(const struct gathered *g)
{
	return has(g, KEY_MAJOR) || has(g, KEY_MINOR) || has(g, KEY_NAME) ||
	    has(g, KEY_REAL_SIZE) || has(g, KEY_GNU_SIZE) ||
	    has(g, KEY_BLOCKS) || has(g, KEY_OFFSET) || has(g, KEY_BYTES) ||
	    has(g, KEY_MAP);
}

/* GNU tar manual, "Storing Sparse Files": which keys make which form. */
static int
take_gnu_keys(struct tar_pax *p, const struct gathered *g, struct error *err)
{
	if (has(g, KEY_MAJOR) || has(g, KEY_MINOR)) {
		if (!has(g, KEY_MAJOR) || !has(g, KEY_MINOR) || g->major != 1 ||
		    g->minor != 0)
			return error_set(err, EX_DATAERR,
			    "unknown version of GNU.sparse");
		if (!has(g, KEY_REAL_SIZE) || !has(g, KEY_NAME) ||
		    has(g, KEY_GNU_SIZE) || has(g, KEY_BLOCKS) ||
		    has(g, KEY_MAP) || g->pairs != 0)
			return error_set(err, EX_DATAERR,
			    "GNU.sparse 1.0 with missing or foreign keys");
		p->sparse = TAR_SPARSE_GNU_10;
		p->real_size = g->real_size;
		return 0;
	}
	if (!has(g, KEY_GNU_SIZE) || !has(g, KEY_BLOCKS) ||
	    has(g, KEY_REAL_SIZE) || (has(g, KEY_MAP) && g->pairs != 0))
		return error_set(err, EX_DATAERR,
		    "GNU.sparse with missing or foreign keys");
	p->sparse = has(g, KEY_MAP) ? TAR_SPARSE_GNU_01 : TAR_SPARSE_GNU_00;
	p->real_size = g->gnu_size;
	return 0;
}

static int
take_keys(struct tar_pax *p, const struct gathered *g, struct error *err)
{
	bool cocoon = has(g, KEY_COCOON_MAP) || has(g, KEY_COCOON_SIZE);
	bool sun = has(g, KEY_SUN);

	if (has_gnu(g) + cocoon + sun > 1)
		return error_set(err, EX_DATAERR, "two sparse forms at once");
	if (has(g, KEY_SCHILY)) {
		p->has_real_size = true;
		p->real_size = g->schily;
	}
	if (has_gnu(g))
		return take_gnu_keys(p, g, err);
	if (cocoon) {
		if (!has(g, KEY_COCOON_MAP) || !has(g, KEY_COCOON_SIZE))
			return error_set(err, EX_DATAERR,
			    "COCOON.sparse: one key without the other");
		p->sparse = TAR_SPARSE_COCOON;
		p->real_size = g->cocoon_size;
	}
	return 0;
}

int
tar_pax_decode(struct tar_pax *out, const char *body, size_t len,
    struct error *err)
{
	struct tar_pax p = { 0 };
	struct gathered g = { 0 };
	struct tar_record r;
	enum key key;
	size_t pos = 0;
	int more;

	while ((more = tar_pax_next(&r, &pos, body, len, err)) == 1) {
		key = find_key(&r);
		if (key < KEY_IGNORED && key != KEY_OFFSET &&
		    key != KEY_BYTES && has(&g, key))
			return error_set(err, EX_DATAERR,
			    "PAX record %.*s twice", (int)r.key_len, r.key);
		g.seen |= 1u << key;
		if (take_record(&p, &g, key, &r, err) == -1)
			return error_wrap(err, "PAX record %.*s",
			    (int)(r.key_len < 64 ? r.key_len : 64), r.key);
	}
	if (more == -1 || take_keys(&p, &g, err) == -1)
		return -1;
	if (p.sparse == TAR_SPARSE_GNU_00) {
		p.map = body;
		p.map_len = len;
	}
	*out = p;
	return 0;
}
