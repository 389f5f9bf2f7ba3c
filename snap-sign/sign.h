/* SPDX-License-Identifier: ISC */
/* Signatures of a snapshot: made, listed, taken away. */
#ifndef SIGN_H
#define SIGN_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "state/root.h"

/* Where the snapshot is: one of the two. */
struct sign_place {
	const struct root *root; /* with `ref` */
	const char *ref, *dir;
	int64_t deadline_ms; /* for those that read it (base/clock) */
};

/*
 * Signs with the key in the file `key`; NULL: the first that ssh(1) would look
 * for.  *report is the caller's.  EX_NOINPUT: no such snapshot or key.
 * EX_DATAERR: a file has no digest, or what lies there as signatures is none.
 * EX_UNAVAILABLE: the key cannot be used.  EX_TEMPFAIL: somebody reads the
 * snapshot for long, or has changed it meanwhile.
 */
int sign_add(json_t **report, const struct sign_place *place, const char *key,
    struct error *err);

/*
 * Takes away what the key of that fingerprint has signed, or "all".
 * EX_NOINPUT: there is nothing by it.
 */
int sign_remove(json_t **report, const struct sign_place *place,
    const char *key, struct error *err);

/* Prints a record for each signature; nobody judges them. */
int sign_list(const struct sign_place *place, const char *members,
    struct error *err);

#endif
