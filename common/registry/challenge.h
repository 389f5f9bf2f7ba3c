/* SPDX-License-Identifier: ISC */
/*
 * How a registry wants to be asked: the WWW-Authenticate headers of a 401,
 * RFC 9110, section 11.6.1.  One may hold several challenges, and several may
 * come; schemes but Basic and Bearer, and parameters that nothing follows from,
 * are passed over.  Bearer's `scope` is among these: a token is asked for what
 * is to be done, not for what somebody names.
 */
#ifndef REGISTRY_CHALLENGE_H
#define REGISTRY_CHALLENGE_H

#include <stdbool.h>

#include "base/error.h"

#define CHALLENGE_HEADER_MAX 8192 /* bytes; what servers take of ours */
#define CHALLENGE_REALM_MAX 2048
#define CHALLENGE_SERVICE_MAX 1024

struct challenge { /* { 0 } is none */
	bool has_basic, has_bearer;
	/* Of the first Bearer; a URL that nobody has looked at yet. */
	char realm[CHALLENGE_REALM_MAX + 1];
	char service[CHALLENGE_SERVICE_MAX + 1]; /* "": it has none */
};

/*
 * Adds what one such header has, the text behind its colon.  EX_UNAVAILABLE:
 * not of that form, or too long; *c is as it was.
 */
int challenge_add(struct challenge *c, const char *header, struct error *err);

#endif
