/* SPDX-License-Identifier: ISC */
/*
 * How a registry lets us in: what its 401 asks for, Basic or a Bearer token, by
 * the login that is known for it, or by none.  In the courier alone.
 */
#ifndef REGISTRY_HTTP_AUTH_H
#define REGISTRY_HTTP_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "registry/http_request.h"
#include "registry/login.h"
#include "registry/token.h"

/* A token, and what it is good for. */
struct http_grant {
	char *from; /* another repository that may be read, too; NULL: none */
	struct token token;
	int64_t until_ms; /* base/clock */
};

struct http_auth { /* http_auth_init; it ends with its process */
	struct http *http;
	bool is_push;
	struct login login;
	struct error
	    login_err; /* why none could be looked for; .code 0: none */
	/* The rest is http_auth.c's. */
	struct challenge challenge;
	bool is_known; /* what is asked for */
	char *basic;
	struct http_grant
	    grants[2]; /* of the repository; and of another, too */
	unsigned passes; /* how often there was something new to show */
	struct request r; /* for a token */
	struct http_grant *wanted; /* which r is on its way for; NULL: none */
	struct token_request token_request;
	char *text; /* of the answer */
};

/*
 * Makes it h->gate.  Looks for a login, for which a program may be run: before
 * the process is enclosed.  That none can be looked for is told when one is
 * wanted.
 */
void http_auth_init(struct http_auth *a, struct http *h, bool is_push);

#endif
