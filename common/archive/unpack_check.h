/* SPDX-License-Identifier: ISC */
/* Whether what an archive held is a snapshot, and the one that was saved. */
#ifndef ARCHIVE_UNPACK_CHECK_H
#define ARCHIVE_UNPACK_CHECK_H

#include <stdbool.h>

#include "archive/unpack.h"

struct unpack_check {
	bool need_digests; /* --require-digests */
	char warning[ERROR_MSG_MAX]; /* "", or what was put up with */
};

/*
 * Decodes the envelope and holds all that came against it: manifest, sizes,
 * digests, trailer; strictly where the envelope promises one.  On success
 * *out (envelope_fini) lists every file with its digest.  EX_DATAERR: messages
 * begin "ENTRY: byte OFFSET of the tar: " as those of the reader.
 */
int unpack_check(struct envelope *out, struct unpack_check *c, struct unpack *u,
    struct error *err);

/*
 * Where what *err says begins with an entry's name, puts "byte OFFSET of the
 * tar: " behind that, unless it is there.  unpack_check() has done so.
 */
int unpack_locate(const struct unpack *u, struct error *err);

#endif
