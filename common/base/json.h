/* SPDX-License-Identifier: ISC */
/*
 * JSON in a form of ours, whoever wrote it: records, envelopes, sidecars, disks
 * and NICs in lines, what tools print; and what we ask of a VMM.  Its numbers
 * are ours to choose, so that an integer of jansson's, int64, holds each.  What
 * a VMM says in a form of its own, where a number may be any, is base/jdoc's.
 * Parsed within limits, read by typed getters.  Messages name the member.  A getter of an absent member leaves *out as it
 * was and succeeds unless JSON_REQUIRED is given; a member of another type or
 * beyond its limits is EX_DATAERR, and so is null.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define JSON_DEPTH_MAX 64 /* nested arrays and objects; ours have six */

#define JSON_OPTIONAL 0u
#define JSON_REQUIRED 1u

/*
 * Parses the `len` bytes at `text`, one value and nothing behind it, without
 * duplicate names.  *out is the caller's (json_decref).  EX_DATAERR.
 */
int json_parse(json_t **out, const char *text, size_t len, struct error *err);

/* As json_parse(): the file `name` of at most `max` bytes; as fd_slurp(). */
int json_parse_file(json_t **out, int dirfd, const char *name, size_t max,
    struct error *err);

/* A string without NUL of at most `cap` - 1 bytes, copied to out[cap]. */
int json_get_str(const json_t *obj, const char *key, char *out, size_t cap,
    unsigned flags, struct error *err);

/* A string of at most `max` bytes as a new one that the caller frees. */
int json_get_strdup(const json_t *obj, const char *key, char **out, size_t max,
    unsigned flags, struct error *err);

/* An integer within [min, max]. */
int json_get_u64(const json_t *obj, const char *key, uint64_t *out,
    uint64_t min, uint64_t max, unsigned flags, struct error *err);

int json_get_bool(const json_t *obj, const char *key, bool *out, unsigned flags,
    struct error *err);

/* An object or array; borrowed from obj, NULL when absent and optional. */
int json_get_object(const json_t *obj, const char *key, const json_t **out,
    unsigned flags, struct error *err);
int json_get_array(const json_t *obj, const char *key, const json_t **out,
    size_t max, unsigned flags, struct error *err);

/*
 * Writers.  json_put takes `value`; the object is unchanged and the value
 * freed when it fails.  EX_OSERR: out of memory, or a string not UTF-8.
 */
int json_put(json_t *obj, const char *key, json_t *value, struct error *err);
int json_put_str(json_t *obj, const char *key, const char *value,
    struct error *err);
/* The same; NULL and "" are left out. */
int json_put_text(json_t *obj, const char *key, const char *text,
    struct error *err);
int json_put_u64(json_t *obj, const char *key, uint64_t value,
    struct error *err);
int json_put_bool(json_t *obj, const char *key, bool value, struct error *err);

/* Takes `value` in any case, as json_put does.  `what` names the array. */
int json_append(json_t *array, const char *what, json_t *value,
    struct error *err);

#define JSON_PRETTY 1u /* two-space indentation */

/*
 * `value` as text with a final newline, which the caller frees; *len without
 * the NUL.  Members stand in the order in which they were put.
 */
int json_text(char **out, size_t *len, const json_t *value, unsigned flags,
    struct error *err);

/*
 * Prints a record on stdout: one line of JSON, or with `members`, a list
 * "a,b.0.c", their values as plain text with tabs between them (strings as they
 * are, with "?" for control characters; others as JSON, absent ones empty);
 * opt_members() has seen whether there are such members.
 * EX_IOERR: stdout said no.
 */
int json_report(const json_t *record, const char *members, struct error *err);

/* Flushes stdout and says whether all of it was written.  EX_IOERR. */
int json_report_end(struct error *err);

#endif
