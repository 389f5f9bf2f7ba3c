/* SPDX-License-Identifier: ISC */
/*
 * JSON in a form that is another program's: what a VMM answers, its
 * configuration and its state.  What is of a form of ours is base/json's, which
 * also says why.  Nothing is lost: a number keeps its digits, be it beyond int64
 * (Rust programs print 18446744073709551615) or beyond a double, and when the
 * document is written again, every value that was not put or dropped goes out
 * byte for byte as it came in.  Nothing is trusted: the text is UTF-8 without a
 * NUL, no object has a name twice, and depth, values and members are bounded.
 * A node is a number, 0 none.
 */
#ifndef BASE_JDOC_H
#define BASE_JDOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define JDOC_ROOT 1u
#define JDOC_NODES_MAX (1u << 18) /* values in one document */
#define JDOC_MEMBERS_MAX 1024u /* members of one object */

enum jdoc_type {
	JDOC_NULL,
	JDOC_BOOL,
	JDOC_NUMBER,
	JDOC_STRING,
	JDOC_ARRAY,
	JDOC_OBJECT
};

struct jdoc;

/*
 * Parses the `len` bytes at `text`, which are copied: one value, no duplicate
 * names, nested no deeper than JSON_DEPTH_MAX.  *out is the caller's.
 * EX_DATAERR tells the byte.
 */
int jdoc_parse(struct jdoc **out, const char *text, size_t len,
    struct error *err);

/* The same of the file `name` of at most `max` bytes; as fd_slurp() besides. */
int jdoc_read(struct jdoc **out, int dirfd, const char *name, size_t max,
    struct error *err);

/* Nothing of the text stays in memory. */
void jdoc_free(struct jdoc *d);

/* JDOC_NULL of no node. */
enum jdoc_type jdoc_type(const struct jdoc *d, uint32_t node);

/* The member `key`, or 0: absent, dropped, null, or `obj` is no object. */
uint32_t jdoc_member(const struct jdoc *d, uint32_t obj, const char *key);

/* The first value in an array or object, the next one; 0: none. */
uint32_t jdoc_first(const struct jdoc *d, uint32_t node);
uint32_t jdoc_next(const struct jdoc *d, uint32_t node);

/* The name of a member, borrowed. */
const char *jdoc_key(const struct jdoc *d, uint32_t node);

/*
 * The string `node`, a JDOC_STRING as it was read, for the caller to free.  It
 * may hold NULs; there is one behind its *len bytes.  NULL: out of memory.
 */
char *jdoc_string(const struct jdoc *d, uint32_t node, size_t *len);

/*
 * Typed getters of members as they were read, in the manner of base/json; here
 * null counts as absent, and integers reach to UINT64_MAX.  `flags` are
 * JSON_OPTIONAL or JSON_REQUIRED.
 */
int jdoc_get_u64(const struct jdoc *d, uint32_t obj, const char *key,
    uint64_t *out, uint64_t min, uint64_t max, unsigned flags,
    struct error *err);
int jdoc_get_bool(const struct jdoc *d, uint32_t obj, const char *key,
    bool *out, unsigned flags, struct error *err);

/* A string without NUL of at most `cap` - 1 bytes, copied to out[cap]. */
int jdoc_get_str(const struct jdoc *d, uint32_t obj, const char *key, char *out,
    size_t cap, unsigned flags, struct error *err);

/* A string without NUL of at most `max` bytes as one that the caller frees. */
int jdoc_get_strdup(const struct jdoc *d, uint32_t obj, const char *key,
    char **out, size_t max, unsigned flags, struct error *err);

/* An object, or array of at most `max` entries; *out is 0 when absent. */
int jdoc_get_object(const struct jdoc *d, uint32_t obj, const char *key,
    uint32_t *out, unsigned flags, struct error *err);
int jdoc_get_array(const struct jdoc *d, uint32_t obj, const char *key,
    uint32_t *out, size_t max, unsigned flags, struct error *err);

/*
 * Puts a member in place of the one of that name, or behind the last.  A value
 * that was put is not read again.  EX_OSERR.
 */
int jdoc_put(struct jdoc *d, uint32_t obj, const char *key, const char *json,
    struct error *err);
int jdoc_put_str(struct jdoc *d, uint32_t obj, const char *key,
    const char *text, struct error *err);
int jdoc_put_bool(struct jdoc *d, uint32_t obj, const char *key, bool value,
    struct error *err);

/* Takes a member or an entry away. */
void jdoc_drop(struct jdoc *d, uint32_t node);

/* The document as it is now, with a NUL behind it, for the caller to free. */
int jdoc_text(char **out, size_t *len, const struct jdoc *d, struct error *err);

#endif
