/* SPDX-License-Identifier: ISC */
#include "login.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/path.h"
#include "base/sha256.h"

#include "reply.h"

#define KEY_HEADER "X-Vm-Web-Key"
#define COOKIE_WORD "vm-web-"
#define COOKIE_BYTES 8 /* of a digest */

/*
 * Cookies know no ports, and a tunnel or proxy may bring several servers behind
 * one name: each has a cookie of its own, the same after a restart.
 */
int
login_init(struct web *web, struct error *err)
{
	const struct listen *l = &web->listen;
	char host[HOST_NAME_MAX + 1] = "", *path = NULL, *text;
	unsigned char raw[SHA256_BYTES];

	gethostname(host, sizeof(host) - 1);
	if (l->path[0] != '\0')
		path = realpath(l->path, NULL);
	text = path_format("%s %s:%u %s %s %s", host, l->host,
	    (unsigned)l->port, path == NULL ? l->path : path,
	    web->opts->base_path, web->root);
	free(path);
	if (text == NULL)
		return error_nomem(err, "cookie");
	sha256_of(raw, text, strlen(text));
	free(text);
	memcpy(web->cookie, COOKIE_WORD, sizeof(COOKIE_WORD));
	hex_put(web->cookie + sizeof(COOKIE_WORD) - 1, raw, COOKIE_BYTES);
	return 0;
}

static const char *
header(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name);
}

bool
login_has_cookie(const struct request *r)
{
	return token_is(r->web->token.cookie,
	    MHD_lookup_connection_value(r->conn, MHD_COOKIE_KIND,
		r->web->cookie));
}

bool
login_is_known(const struct request *r)
{
	const char *bearer = header(r, "Authorization");

	if (bearer != NULL)
		return strncmp(bearer, "Bearer ", 7) == 0 &&
		    token_is(r->web->token.token, bearer + 7);
	return token_is(r->web->token.key, header(r, KEY_HEADER)) &&
	    login_has_cookie(r);
}

/* Here, or between the browser and a proxy. */
static bool
is_https(const struct request *r)
{
	const char *origin = header(r, "Origin");

	return r->web->opts->cert != NULL ||
	    (origin != NULL && strncmp(origin, "https://", 8) == 0);
}

static enum MHD_Result
send_cookie(struct request *r, const char *value, const char *age,
    json_t *object)
{
	struct MHD_Response *response;
	char text[256 + TOKEN_LEN];
	char *body = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);

	json_decref(object);
	if (body == NULL)
		return MHD_NO;
	snprintf(text, sizeof(text),
	    "%s=%s; Path=%s/; HttpOnly; SameSite=Strict%s%s", r->web->cookie,
	    value, r->web->opts->base_path, age, is_https(r) ? "; Secure" : "");
	response = MHD_create_response_from_buffer(strlen(body), body,
	    MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(body);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Set-Cookie", text);
	return reply_send(r, 200, REPLY_JSON, response);
}

enum MHD_Result
login_run(struct request *r)
{
	char token[TOKEN_LEN + 1] = "";
	json_t *body = NULL;
	bool known = json_parse(&body, r->body == NULL ? "" : r->body,
			 r->body_len, NULL) == 0 &&
	    json_get_str(body, "token", token, sizeof(token), JSON_REQUIRED,
		NULL) == 0 &&
	    token_is(r->web->token.token, token);

	json_decref(body);
	explicit_bzero(token, sizeof(token));
	if (!known)
		return guard_take(&r->web->guard.unknown)
		    ? reply_error(r, 401, "not the token")
		    : reply_error(r, 429, "too many tries");
	return send_cookie(r, r->web->token.cookie, "",
	    json_pack("{s:s}", "key", r->web->token.key));
}

enum MHD_Result
login_end(struct request *r)
{
	return send_cookie(r, "", "; Max-Age=0", json_object());
}

enum MHD_Result
login_about(struct request *r)
{
	return reply_json(r, 200,
	    json_pack("{s:s, s:s, s:b}", "version", INSTAR_VERSION, "root",
		r->web->root, "read_only", (int)r->web->opts->read_only));
}
