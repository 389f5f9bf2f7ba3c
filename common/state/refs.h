/* SPDX-License-Identifier: ISC */
/* The references that a tool is given: operands, and "-" for lines of input. */
#ifndef STATE_REFS_H
#define STATE_REFS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/opt.h"
#include "base/strv.h"
#include "state/root.h"

/* Of one record on stdin: ENVELOPE_FILES_MAX names have 2 MiB with quotes. */
#define REFS_LINE_MAX (4u << 20)
#define REFS_MAX 1000000 /* references in one call */

/*
 * Appends the operands to *refs; in place of "-" the member `id` of each JSON
 * line on stdin, and each other line, an id or a name; it is read once.  EX_USAGE: "-" twice; or no line came, and
 * not `allow_empty`: whoever was to print some has failed.  What else is named
 * is in *refs then.  EX_DATAERR: a line that is neither; the
 * line is named.
 */
int refs_read(struct strv *refs, char *const *operands, size_t n,
    bool allow_empty, struct error *err);

/*
 * What a tool is to do its work to: with --all the ids of all of a kind in the
 * root, which may be none, else what refs_read() finds.  Errors are those of
 * root_open_to_list() and root_list(), or of refs_read().
 */
int refs_take(struct strv *refs, const struct opt_common *c,
    enum root_kind kind, char *const *operands, size_t n, struct error *err);

/*
 * The one reference that the operand is, or "-" names; *ref is the caller's to
 * free.  EX_USAGE: none, or several of that `kind`, "VM" or "snapshot".
 */
int refs_read_one(char **ref, char *operand, const char *kind,
    struct error *err);

typedef int refs_one(void *arg, const char *ref, struct error *err);

/*
 * Does `one` for every reference that refs_read() finds, as far as it can:
 * each failure, which names the reference, is told by diag(), and the code of
 * the first is what the tool exits with.  A signal ends it.  EX_OK: all of them.
 */
int refs_each(char *const *operands, size_t n, bool allow_empty, refs_one *one,
    void *arg);

#endif
