/* SPDX-License-Identifier: ISC */
#include "login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/opt.h"

#include "reply.h"

#define KEY_HEADER "X-Vm-Web-Key"

/* Cookies know no ports: each server has a name of its own. */
static void
cookie_name(char out[24], const struct web *web)
{
	snprintf(out, 24, "vm-web-%u", (unsigned)web->listen.port);
}

static const char *
header(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name);
}

bool
login_has_cookie(const struct request *r)
{
	char name[24];

	cookie_name(name, r->web);
	return token_is(r->web->token.cookie,
	    MHD_lookup_connection_value(r->conn, MHD_COOKIE_KIND, name));
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
	char name[24], text[256 + TOKEN_LEN];
	char *body = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);

	json_decref(object);
	if (body == NULL)
		return MHD_NO;
	cookie_name(name, r->web);
	snprintf(text, sizeof(text),
	    "%s=%s; Path=%s/; HttpOnly; SameSite=Strict%s%s", name, value,
	    r->web->opts->base_path, age, is_https(r) ? "; Secure" : "");
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
