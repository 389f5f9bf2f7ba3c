/* SPDX-License-Identifier: ISC */
/* What ssh-keygen is asked about signatures: ssh-keygen(1), -Y. */
#ifndef SNAPSHOT_KEYGEN_H
#define SNAPSHOT_KEYGEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "snapshot/signature.h"

#define KEYGEN_WHY_MAX 224 /* of one signature: two fit into a message */

/* Who counts: descriptors of files that can be read from their beginning. */
struct keygen_rule {
	int allowed, revoked; /* -1: nothing is revoked */
	const char *allowed_name, *revoked_name; /* for messages */
	const char *principal; /* NULL: any of them */
};

struct keygen_verdict {
	bool counts;
	char why[KEYGEN_WHY_MAX]; /* it does not, as text without controls */
};

/*
 * Whether the signature in the file `sig` is one of the text in `text`, by a key
 * that counts.  EX_UNAVAILABLE: ssh-keygen cannot be run.  EX_TEMPFAIL: it does
 * not answer.
 */
int keygen_verify(struct keygen_verdict *out, const struct keygen_rule *rule,
    int sig, int text, struct error *err);

/*
 * Signs `text` with the key in the file `key`, or the one that an agent has where
 * that is public; who has a terminal is given time to type, or touch.  On success
 * *out, one signature, is the caller's.  EX_NOINPUT: no such key.
 * EX_UNAVAILABLE: it cannot be used, or ssh-keygen not be run.
 */
int keygen_sign(struct signature_list *out, const char *key, const char *text,
    size_t len, struct error *err);

/* `len` bytes as a file without a name, to be read from its beginning. */
int keygen_file(int *fd, const void *bytes, size_t len, struct error *err);

#endif
