/* SPDX-License-Identifier: ISC */
#include "registry/token.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/jdoc.h"
#include "base/json.h"
#include "base/path.h"
#include "base/secret.h"

#define ALNUM "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
/* RFC 3986, sections 2.3 and 3.2.2: a host, its port. */
#define UNRESERVED ALNUM "-._~"
#define AUTHORITY ALNUM "-._:[]"
/* Section 2: what a URL may have, but for a fragment's '#'. */
#define URL UNRESERVED ":/?[]@!$&'()*+,;=%"

void
token_request_fini(struct token_request *request)
{
	secret_free(request->url);
	secret_free(request->form);
	memset(request, 0, sizeof(*request));
}

/* EX_UNAVAILABLE: not a URL that a login may go to. */
static int
check_realm(const char *realm, bool is_plain, struct error *err)
{
	const char *host = realm;
	size_t len;

	if (strncmp(realm, "https://", 8) == 0)
		host += 8;
	else if (strncmp(realm, "http://", 7) == 0)
		host += 7;
	len = strspn(host, AUTHORITY);
	if (host == realm || len == 0 ||
	    (host[len] != '\0' && strchr("/?", host[len]) == NULL) ||
	    realm[strspn(realm, URL)] != '\0')
		return error_set(err, EX_UNAVAILABLE,
		    "realm %s: no URL that a token can be asked of", realm);
	if (!is_plain && realm[4] == ':')
		return error_set(err, EX_UNAVAILABLE,
		    "realm %s: not https, as the registry is", realm);
	return 0;
}

/* *url with KEY=VALUE behind it, the value encoded; takes it in any case. */
static int
add_pair(char **url, const char *separator, const char *key, const char *value,
    struct error *err)
{
	static const char hex[] = "0123456789ABCDEF";
	char *encoded = malloc(strlen(value) * 3 + 1), *to = encoded, *joined;

	if (encoded == NULL)
		return error_nomem(err, key);
	for (; *value != '\0'; value++) {
		if (strchr(UNRESERVED, *value) != NULL) {
			*to++ = *value;
			continue;
		}
		*to++ = '%';
		*to++ = hex[(unsigned char)*value >> 4];
		*to++ = hex[(unsigned char)*value & 15];
	}
	*to = '\0';
	joined = path_format("%s%s%s=%s", *url, separator, key, encoded);
	secret_free(encoded);
	if (joined == NULL)
		return error_nomem(err, key);
	secret_free(*url);
	*url = joined;
	return 0;
}

/* "repository:NAME:pull,push", as a new text. */
static char *
scope_text(const struct token_scope *scope)
{
	return path_format("repository:%s:pull%s", scope->name,
	    scope->is_push ? ",push" : "");
}

static int
make_get(struct token_request *r, const struct challenge *c,
    const struct token_scope *scopes, size_t n, struct error *err)
{
	const char *separator = strchr(c->realm, '?') == NULL ? "?" : "&";
	char *scope;
	size_t i;
	int rc = 0;

	if (c->service[0] != '\0') {
		rc = add_pair(&r->url, separator, "service", c->service, err);
		separator = "&";
	}
	for (i = 0; i < n && rc == 0; i++) {
		scope = scope_text(&scopes[i]);
		rc = scope == NULL
		    ? error_nomem(err, "scope")
		    : add_pair(&r->url, separator, "scope", scope, err);
		separator = "&";
		free(scope);
	}
	return rc;
}

/* All scopes, with blanks between them: RFC 6749, section 3.3. */
static char *
join_scopes(const struct token_scope *scopes, size_t n)
{
	char *all = NULL, *scope, *joined;
	size_t i;

	for (i = 0; i < n; i++) {
		scope = scope_text(&scopes[i]);
		joined = scope == NULL
		    ? NULL
		    : path_format("%s%s%s", i == 0 ? "" : all,
			  i == 0 ? "" : " ", scope);
		free(scope);
		free(all);
		all = joined;
		if (all == NULL)
			return NULL;
	}
	return all;
}

static int
make_post(struct token_request *r, const struct challenge *c,
    const struct login *login, const struct token_scope *scopes, size_t n,
    struct error *err)
{
	char *scope = join_scopes(scopes, n);
	int rc = -1;

	r->form = strdup("grant_type=refresh_token");
	if (scope == NULL || r->form == NULL)
		error_nomem(err, "scope");
	else if (add_pair(&r->form, "&", "service", c->service, err) == 0 &&
	    add_pair(&r->form, "&", "client_id", TOKEN_CLIENT, err) == 0 &&
	    add_pair(&r->form, "&", "scope", scope, err) == 0)
		rc = add_pair(&r->form, "&", "refresh_token", login->secret,
		    err);
	free(scope);
	return rc;
}

int
token_request_make(struct token_request *out, const struct challenge *c,
    const struct login *login, const struct token_scope *scopes, size_t n,
    bool is_plain, struct error *err)
{
	struct token_request r = { 0 };
	int rc;

	assert(c->has_bearer && n > 0 && n <= TOKEN_SCOPES_MAX);
	if (check_realm(c->realm, is_plain, err) == -1)
		return -1;
	r.url = strdup(c->realm);
	if (r.url == NULL)
		return error_nomem(err, "realm");
	r.with_login = login->kind == LOGIN_PASSWORD;
	rc = login->kind == LOGIN_IDENTITY
	    ? make_post(&r, c, login, scopes, n, err)
	    : make_get(&r, c, scopes, n, err);
	if (rc == -1) {
		token_request_fini(&r);
		return -1;
	}
	*out = r;
	return 0;
}

void
token_fini(struct token *token)
{
	secret_free(token->bearer);
	memset(token, 0, sizeof(*token));
}

/* The string `key`; NULL: there is none, or it is empty. */
static int
get_token(char **out, const struct jdoc *d, const char *key, struct error *err)
{
	uint32_t node = jdoc_member(d, JDOC_ROOT, key);
	size_t len = 0, i;
	int rc = 0;

	*out = NULL;
	if (node == 0)
		return 0;
	if (jdoc_type(d, node) != JDOC_STRING)
		return error_set(err, EX_UNAVAILABLE, "\"%s\" is not a string",
		    key);
	*out = jdoc_string(d, node, &len);
	if (*out == NULL)
		return error_nomem(err, key);
	if (len > TOKEN_MAX)
		rc = error_set(err, EX_UNAVAILABLE,
		    "\"%s\" is longer than %u bytes", key, TOKEN_MAX);
	for (i = 0; i < len && rc == 0; i++)
		if ((*out)[i] <= ' ' || (*out)[i] >= 0x7f)
			rc = error_set(err, EX_UNAVAILABLE,
			    "\"%s\" has what no header can have", key);
	if (rc == -1 || len == 0) {
		explicit_bzero(*out, len);
		free(*out);
		*out = NULL;
	}
	return rc;
}

static int
read_reply(struct token *out, const struct jdoc *d, struct error *err)
{
	uint64_t seconds = TOKEN_SECONDS_MIN;
	struct error why = { 0 };
	char *text = NULL;

	if (jdoc_type(d, JDOC_ROOT) != JDOC_OBJECT)
		return error_set(err, EX_UNAVAILABLE, "not an object");
	if (jdoc_get_u64(d, JDOC_ROOT, "expires_in", &seconds, 0,
		TOKEN_SECONDS_MAX, JSON_OPTIONAL, &why) == -1)
		return error_set(err, EX_UNAVAILABLE, "%s", why.msg);
	if (get_token(&text, d, "token", err) == -1 ||
	    (text == NULL && get_token(&text, d, "access_token", err) == -1))
		return -1;
	if (text == NULL)
		return error_set(err, EX_UNAVAILABLE, "no \"token\"");
	/* Less is what old servers say that mean nothing by it. */
	if (seconds < TOKEN_SECONDS_MIN)
		seconds = TOKEN_SECONDS_MIN;
	out->good_ms = (int64_t)seconds * 1000;
	out->bearer = path_format("Bearer %s", text);
	secret_free(text);
	return out->bearer == NULL ? error_nomem(err, "token") : 0;
}

int
token_decode(struct token *out, const char *text, size_t len, struct error *err)
{
	struct token token = { 0 };
	struct error why = { 0 };
	struct jdoc *d = NULL;
	int rc;

	if (len > TOKEN_REPLY_MAX)
		return error_set(err, EX_UNAVAILABLE, "more than %u bytes",
		    TOKEN_REPLY_MAX);
	if (jdoc_parse(&d, text, len, &why) == -1)
		return error_set(err,
		    why.code == EX_DATAERR ? EX_UNAVAILABLE : why.code, "%s",
		    why.msg);
	rc = read_reply(&token, d, err);
	jdoc_free(d);
	if (rc == 0)
		*out = token;
	return rc;
}
