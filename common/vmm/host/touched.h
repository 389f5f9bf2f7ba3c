/* SPDX-License-Identifier: ISC */
/*
 * Which pages of its template a VM has touched, looked at again and again: those
 * that its process has mapped or has made its own.  A page beside a touched one
 * that the page cache has may be mapped along with it, 64 KiB at most: more than
 * the guest needs, never less (Linux Documentation/admin-guide/mm/pagemap.rst).
 * The page cache would tell what others have read, too.
 */
#ifndef VMM_TOUCHED_H
#define VMM_TOUCHED_H

#include <sys/types.h>

#include <stdint.h>

#include "base/error.h"
#include "snapshot/working_set.h"

struct touched;

/*
 * `pid` maps the open file `template`, of `size` bytes, which are borrowed.
 * EX_NOPERM: its memory is not ours to look at.
 */
int touched_new(struct touched **out, pid_t pid, int template, uint64_t size,
    struct error *err);
void touched_free(struct touched *t);

/*
 * Notes what was not touched before, as first seen at `at_ms`, which only grows.
 * EX_UNAVAILABLE: nothing of the file is mapped there, as far as can be seen.
 */
int touched_look(struct touched *t, uint64_t at_ms, struct error *err);

/*
 * All of it, as a file may have it: where there are too many runs, without the
 * times, and with what lies between near ones.  The caller's
 * (working_set_fini).
 */
int touched_take(struct working_set *out, struct touched *t, struct error *err);

#endif
