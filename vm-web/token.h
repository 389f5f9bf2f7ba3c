/* SPDX-License-Identifier: ISC */
/*
 * Who may ask.  The token is a secret of 256 bits; whoever has it may do what
 * the user may who runs this.  A browser changes it for a cookie and a key,
 * each the SHA-256 of a word and the token: a cookie goes to every port of a host,
 * the key stays with the page's origin, and only both together count.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include <stdbool.h>

#include "base/error.h"

#define TOKEN_BYTES 32
#define TOKEN_LEN (2 * TOKEN_BYTES) /* hex digits */

struct token {
	char token[TOKEN_LEN + 1];
	char cookie[TOKEN_LEN + 1];
	char key[TOKEN_LEN + 1];
};

/*
 * Makes a token, or with `path` takes the one of that file; it is made there,
 * 0600, where it is not.  EX_NOPERM: others may read or write the file, or it
 * is not ours.  EX_DATAERR: no token in it.  EX_OSERR, EX_IOERR.
 */
int token_make(struct token *out, const char *path, struct error *err);

/* Another random value, for links that are good once. */
int token_random(char out[TOKEN_LEN + 1], struct error *err);

/* Whether `given`, which may be NULL, is it: in the same time in any case. */
bool token_is(const char *secret, const char *given);

void token_wipe(struct token *t);

#endif
