/* SPDX-License-Identifier: ISC */
/*
 * Tokens for a registry, of the server that its challenge names: the request,
 * and the answer to it.  As the distribution project's "Token Authentication
 * Specification" (GET) and "OAuth2 Token Authentication" (POST) have them.
 */
#ifndef REGISTRY_TOKEN_H
#define REGISTRY_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "registry/challenge.h"
#include "registry/login.h"

#define TOKEN_REPLY_MAX (64u << 10) /* bytes of an answer */
#define TOKEN_MAX (16u << 10) /* bytes; more fits into no header of ours */
#define TOKEN_SCOPES_MAX 4
#define TOKEN_SECONDS_MIN 60 /* what a token is good for where none is said */
#define TOKEN_SECONDS_MAX UINT64_C(31536000) /* a year */
#define TOKEN_CLIENT "instar" /* the client_id that is told */

/* What a token is to be good for: borrowed. */
struct token_scope {
	const char *name; /* NAME of a reference */
	bool is_push; /* else only to pull */
};

struct token_request { /* { 0 } is none */
	char *url;
	/* What is posted, application/x-www-form-urlencoded; NULL: a GET. */
	char *form;
	bool with_login; /* a GET with login_basic() */
};

/*
 * The request for a token that the challenge's Bearer asks for.  The realm must
 * be https, or may be http where the registry itself `is_plain`: else whoever is
 * on the way would get the login.  On success *out is the caller's
 * (token_request_fini).  EX_UNAVAILABLE: no such realm.
 */
int token_request_make(struct token_request *out, const struct challenge *c,
    const struct login *login, const struct token_scope *scopes, size_t n,
    bool is_plain, struct error *err);
void token_request_fini(struct token_request *request);

struct token { /* { 0 } is none */
	char *bearer; /* what goes behind "Authorization: " */
	/* How long it is good, from now on: clocks differ, so issued_at is not
	 * believed. */
	int64_t good_ms;
};

/*
 * Reads an answer of at most TOKEN_REPLY_MAX bytes, which the caller wipes.  On
 * success *out is the caller's (token_fini).  EX_UNAVAILABLE: it has no token.
 */
int token_decode(struct token *out, const char *text, size_t len,
    struct error *err);
void token_fini(struct token *token);

#endif
