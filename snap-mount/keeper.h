/* SPDX-License-Identifier: ISC */
/*
 * The process that mounts and unmounts, which the other one, being enclosed,
 * cannot: it starts that one, waits for its end, and sees to it that no mount
 * is left without a server.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include "base/error.h"

#include "options.h"

/*
 * Mounts, prints the record, and returns when the mount has ended: by a signal,
 * by fusermount3(1), or because the server did (EX_SOFTWARE).  With `ready` not
 * -1 a byte is written to that once the record is printed, and standard
 * descriptors lead nowhere from then on.
 */
int keeper_run(const struct opts *o, const char *dir, int ready,
    struct error *err);

/*
 * The same in a process of its own, which goes on when this returns: 0, when
 * the mount can be used.
 */
int keeper_start(const struct opts *o, const char *dir, struct error *err);

#endif
