/* SPDX-License-Identifier: ISC */
#include "registry/http_auth.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"

#define EARLY_MS                                                               \
	10000 /* so long before its end a token is not shown any more */

/* What is wrong with us, or with what is known of us. */
static void
say_unauthorized(const struct http_auth *a, struct error *err)
{
	if (a->login_err.code != 0)
		*err = a->login_err;
	else if (a->login.kind != LOGIN_NONE)
		error_set(err, EX_NOPERM, "unauthorized, with the login of %s",
		    a->login.from);
	else if (a->login.passed != NULL)
		error_set(err, EX_NOPERM,
		    "unauthorized, and no login is known: %s", a->login.passed);
	else
		error_set(err, EX_NOPERM,
		    "unauthorized, and no login is known");
}

static struct http_grant *
grant_of(struct http_auth *a, const struct request *r)
{
	return &a->grants[r->from == NULL ? 0 : 1];
}

static bool
is_good(const struct http_grant *g, const struct request *r)
{
	return g->token.bearer != NULL && clock_left(g->until_ms) > 0 &&
	    (r->from == NULL || strcmp(r->from, g->from) == 0);
}

/* What is held goes on, or has nothing to hope for. */
static void
conclude(struct http_auth *a, const struct error *err)
{
	token_request_fini(&a->token_request);
	a->wanted = NULL;
	http_release(a->http, err);
}

static void
token_come(struct request *r)
{
	struct http_auth *a = r->owner;
	struct http_grant *g = a->wanted;
	struct error err = { 0 };

	if (r->reply.status == 401 || r->reply.status == 403)
		say_unauthorized(a, &err);
	else if (r->reply.status != 200) {
		if (r->err.code != 0)
			err = r->err;
		else
			http_reply_error(&r->reply, &err);
		request_name_other(r, &err);
		error_wrap(&err, "token");
		if (err.code == EX_NOINPUT)
			err.code = EX_UNAVAILABLE;
	} else if (token_decode(&g->token, a->text, r->len, &err) == -1) {
		request_name_other(r, &err);
		error_wrap(&err, "token");
	} else {
		g->until_ms = clock_ms() + g->token.good_ms - EARLY_MS;
		a->passes++;
	}
	explicit_bzero(a->text, TOKEN_REPLY_MAX);
	conclude(a, err.code == 0 ? NULL : &err);
}

static int
make_token_request(struct http_auth *a, const struct request *r,
    struct error *err)
{
	const struct token_scope scopes[2] = {
		{ .name = a->http->name, .is_push = a->is_push },
		{ .name = r->from },
	};

	if (a->text == NULL)
		a->text = malloc(TOKEN_REPLY_MAX);
	if (a->text == NULL)
		return error_nomem(err, "token");
	if (a->login.kind == LOGIN_PASSWORD && a->basic == NULL &&
	    login_basic(&a->basic, &a->login, err) == -1)
		return -1;
	return token_request_make(&a->token_request, &a->challenge, &a->login,
	    scopes, r->from == NULL ? 1 : 2, a->http->plain, err);
}

/* One at a time: another grant's holder asks for it once it is let go. */
static int
ask_for_token(struct http_auth *a, const struct request *r, struct error *err)
{
	struct http_grant *g = grant_of(a, r);
	const struct token_request *t = &a->token_request;

	if (a->wanted != NULL)
		return 0;
	token_fini(&g->token);
	free(g->from);
	g->from = r->from == NULL ? NULL : strdup(r->from);
	if (r->from != NULL && g->from == NULL)
		return error_nomem(err, "token");
	if (make_token_request(a, r, err) == -1)
		return error_wrap(err, "token");
	a->wanted = g;
	request_begin(&a->r, t->form == NULL ? "GET" : "POST", strdup(t->url));
	if (t->form != NULL) {
		request_header(&a->r,
		    "Content-Type: application/x-www-form-urlencoded");
		a->r.body = (const unsigned char *)t->form;
		a->r.body_len = strlen(t->form);
	}
	a->r.is_gateless = true;
	if (t->with_login)
		a->r.authorization = a->basic;
	a->r.buf = a->text;
	a->r.cap = TOKEN_REPLY_MAX;
	request_go(&a->r);
	return 0;
}

static bool
pass(void *arg, const char **out, struct request *r)
{
	struct http_auth *a = arg;

	if (!a->is_known)
		return true;
	r->pass = a->passes;
	if (!a->challenge.has_bearer) {
		*out = a->basic;
		return true;
	}
	if (is_good(grant_of(a, r), r)) {
		*out = grant_of(a, r)->token.bearer;
		return true;
	}
	r->is_held = true;
	if (ask_for_token(a, r, &r->err) == -1)
		r->is_held = false;
	return r->err.code != 0 ? false : !r->is_held;
}

/* What is asked for, of which we can do one. */
static int
learn(struct http_auth *a, const struct request *r, struct error *err)
{
	struct challenge c = { 0 };
	size_t i;

	for (i = 0; i < r->reply.challenges.n; i++)
		if (challenge_add(&c, r->reply.challenges.v[i], err) == -1)
			return -1;
	if (!c.has_bearer && !c.has_basic)
		return error_set(err, EX_UNAVAILABLE,
		    "unauthorized, and asks for neither Basic nor Bearer");
	if (!c.has_bearer) {
		if (a->login.kind != LOGIN_PASSWORD) {
			say_unauthorized(a, err);
			return -1;
		}
		if (a->basic == NULL &&
		    login_basic(&a->basic, &a->login, err) == -1)
			return -1;
	}
	a->challenge = c;
	a->is_known = true;
	return 0;
}

static bool
refused(void *arg, struct request *r)
{
	struct http_auth *a = arg;
	struct http_grant *g = grant_of(a, r);

	/* Another one's refusal has brought something new to show. */
	if (a->is_known && r->pass != a->passes)
		return true;
	if (r->refusals > 1 && a->is_known) {
		say_unauthorized(a, &r->err);
		return false;
	}
	if (learn(a, r, &r->err) == -1)
		return false;
	if (a->challenge.has_bearer)
		token_fini(&g->token);
	a->passes++;
	return true;
}

void
http_auth_init(struct http_auth *a, struct http *h, bool is_push)
{
	static const struct http_gate gate = { .pass = pass,
		.refused = refused };

	memset(a, 0, sizeof(*a));
	a->http = h;
	a->is_push = is_push;
	request_init(&a->r, h, token_come, a);
	if (login_find(&a->login, h->host, h->name,
		clock_ms() + LOGIN_HELPER_MS, &a->login_err) == 0)
		a->login_err.code = 0;
	h->gate = &gate;
	h->gate_arg = a;
}
