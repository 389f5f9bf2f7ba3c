/* SPDX-License-Identifier: ISC */
/* Whether what an archive held is a snapshot, and the one that was saved. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>

#include "unpack.h"

struct check {
	bool need_digests; /* --require-digests */
	char warning[ERROR_MSG_MAX]; /* "", or what was put up with */
};

/*
 * Decodes the envelope and holds all that came against it: manifest, sizes,
 * digests, trailer; strictly where the envelope promises one.  On success
 * *out (envelope_fini) lists every file with its digest.  EX_DATAERR.
 */
int check_unpacked(struct envelope *out, struct check *c,
    const struct unpack *u, struct error *err);

#endif
