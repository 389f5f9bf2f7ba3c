/* SPDX-License-Identifier: ISC */
#include "server.h"

#include <sys/epoll.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/secret.h"

#include "login.h"
#include "peer.h"
#include "reply.h"
#include "route.h"

#define IDLE_S 20u /* without a byte in either direction */
/* RFC 8996: what GnuTLS would still speak, and no browser does. */
#define TLS_VERSIONS "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"
#define PEM_MAX (256u << 10) /* bytes of a certificate with its chain */

static const char *
header(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name);
}

/* What comes after the base path, which `path` begins with; NULL: it does not. */
static const char *
cut_base(const struct web *web, const char *path)
{
	const char *base = web->opts->base_path;
	size_t n = strlen(base);

	return strncmp(path, base, n) == 0 && path[n] == '/' ? path + n : NULL;
}

/* "/lab" where the page is "/lab/". */
static bool
is_base(const struct web *web, const char *path, const char *method)
{
	const char *base = web->opts->base_path;

	return base[0] != '\0' && strcmp(path, base) == 0 &&
	    (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
}

/*
 * Who it is sent to, and by whom: 0, or the answer is queued in *rc.  The page
 * itself, also `by_base`, may be led to from anywhere.
 */
static int
check_sender(struct request *r, bool by_base, enum MHD_Result *rc)
{
	const struct guard *g = &r->web->guard;
	bool is_page = by_base ||
	    (r->route != NULL && strcmp(r->route->method, "GET") == 0 &&
		(r->route->flags & ROUTE_OPEN) != 0);

	if (!guard_host(g, header(r, "Host")))
		*rc = reply_error(r, 421, "Host: not a name of this server");
	else if (!is_page &&
	    !guard_origin(g, header(r, "Origin"), header(r, "Host"),
		header(r, "Sec-Fetch-Site")))
		*rc = reply_error(r, 403, "Origin: not a page of this server");
	else
		return 0;
	return -1;
}

static int
check_token(struct request *r, bool is_api, enum MHD_Result *rc)
{
	struct guard *g = &r->web->guard;
	unsigned flags = r->route == NULL ? 0 : r->route->flags;

	if (login_is_known(r) ||
	    ((flags & ROUTE_LINK) != 0 && login_has_cookie(r))) {
		peer_is_known(r);
		/* Who sends does not hear, but for one that asks before. */
		r->is_late = (flags & ROUTE_LONG) != 0 &&
		    header(r, MHD_HTTP_HEADER_EXPECT) == NULL;
		return 0;
	}
	if ((flags & ROUTE_OPEN) != 0 || (r->route == NULL && !is_api))
		return 0;
	*rc = guard_take(&g->unknown)
	    ? reply_error(r, 401, "the token is needed")
	    : reply_error(r, 429, "too many tries");
	return -1;
}

static int
check_body(struct request *r, enum MHD_Result *rc)
{
	const char *length = header(r, "Content-Length"),
		   *type = header(r, "Content-Type");
	uint64_t n = 0;

	if (length != NULL && num_u64(&n, length, 0, INT64_MAX, NULL) == -1)
		*rc = reply_error(r, 400, "Content-Length: not a length");
	else if ((r->route->flags & ROUTE_LONG) == 0 && n > WEB_BODY_MAX)
		*rc = reply_error(r, 413, "too long");
	else if ((r->route->flags & ROUTE_RAW) == 0 && n > 0 &&
	    (type == NULL || strncasecmp(type, REPLY_JSON, 16) != 0 ||
		(type[16] != '\0' && type[16] != ';' && type[16] != ' ')))
		*rc = reply_error(r, 415, "not application/json");
	else
		return 0;
	return -1;
}

static enum MHD_Result
not_allowed(struct request *r, const char *allowed)
{
	static const char text[] = "{\"error\":\"another method\","
				   "\"status\":405}";
	struct MHD_Response
	    *response = MHD_create_response_from_buffer(sizeof(text) - 1,
		(void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);

	if (response != NULL)
		MHD_add_response_header(response, "Allow", allowed);
	return reply_send(r, 405, REPLY_JSON, response);
}

static enum MHD_Result
move_on(struct request *r)
{
	char to[OPTIONS_BASE_PATH_MAX + 2];
	struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL,
	    MHD_RESPMEM_PERSISTENT);

	snprintf(to, sizeof(to), "%s/", r->web->opts->base_path);
	if (response != NULL)
		MHD_add_response_header(response, "Location", to);
	return reply_send(r, 301, NULL, response);
}

/* All that its head says: 0, or the answer is queued in *rc. */
static int
check_head(struct request *r, const char *raw, const char *method,
    const char *version, enum MHD_Result *rc)
{
	const char *path = cut_base(r->web, raw), *allowed = NULL;
	bool is_url, is_api, by_base = is_base(r->web, raw, method);

	if (strncmp(version, "HTTP/1.", 7) != 0) {
		*rc = reply_error(r, 505, "not HTTP/1.1");
		return -1;
	}
	is_url = path != NULL && url_split(&r->url, path);
	if (is_url)
		r->route = route_find(&r->url, method, &allowed);
	if (check_sender(r, by_base, rc) == -1)
		return -1;
	if (by_base) {
		*rc = move_on(r);
		return -1;
	}
	is_api = is_url && strcmp(r->url.part[0], "api") == 0;
	if (check_token(r, is_api, rc) == -1)
		return -1;
	if (path == NULL)
		*rc = reply_error(r, 404, "no such page");
	else if (!is_url)
		*rc = reply_error(r, 400, "not a path");
	else if (r->route == NULL && allowed != NULL)
		*rc = not_allowed(r, allowed);
	else if (r->route == NULL)
		*rc = reply_error(r, 404, "no such page");
	else if ((r->route->flags & ROUTE_CHANGES) != 0 &&
	    r->web->opts->read_only)
		*rc = reply_error(r, 403, "read-only: nothing is changed here");
	else if (strcmp(r->route->method, "POST") == 0 &&
	    (r->route->flags & ROUTE_OPEN) == 0 &&
	    !guard_take(&r->web->guard.actions))
		*rc = reply_error(r, 429, "too many at a time");
	else
		return check_body(r, rc);
	return -1;
}

static enum MHD_Result
begin(struct web *web, struct MHD_Connection *conn, const char *url,
    const char *method, const char *version, void **own)
{
	struct request *r = calloc(1, sizeof(*r));
	enum MHD_Result rc = MHD_YES;

	if (r == NULL)
		return MHD_NO;
	r->web = web;
	r->conn = conn;
	r->line.fd = -1;
	*own = r;
	if (check_head(r, url, method, version, &rc) == 0 &&
	    r->route->first != NULL)
		rc = r->route->first(r);
	r->is_late = false;
	return rc;
}

/* Of what is refused the rest is read, so that it is heard why. */
static enum MHD_Result
answer_late(struct request *r, size_t *len)
{
	enum MHD_Result rc;

	if (*len > 0) {
		*len = 0;
		return MHD_YES;
	}
	rc = MHD_queue_response(r->conn, r->late_status, r->late);
	MHD_destroy_response(r->late);
	r->late = NULL;
	return rc;
}

static enum MHD_Result
take_body(struct request *r, const char *data, size_t *len)
{
	char *longer;

	if (r->route->data != NULL)
		return r->route->data(r, data, len);
	if (r->body_len + *len > WEB_BODY_MAX) {
		/* In pieces, so that its head did not tell. */
		r->body_too_long = true;
		r->body_len += *len;
		*len = 0;
		return r->body_len > 16 * WEB_BODY_MAX ? MHD_NO : MHD_YES;
	}
	longer = realloc(r->body, r->body_len + *len + 1);
	if (longer == NULL)
		return MHD_NO;
	r->body = longer;
	memcpy(longer + r->body_len, data, *len);
	r->body_len += *len;
	longer[r->body_len] = '\0';
	*len = 0;
	return MHD_YES;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *conn, const char *url,
    const char *method, const char *version, const char *data, size_t *len,
    void **own)
{
	struct request *r = *own;

	if (r == NULL)
		return begin(cls, conn, url, method, version, own);
	if (r->is_gone)
		return MHD_NO;
	if (r->late != NULL)
		return answer_late(r, len);
	if (*len > 0)
		return take_body(r, data, len);
	if (r->body_too_long)
		return reply_error(r, 413, "too long");
	return r->route->run(r);
}

static void
on_completed(void *cls, struct MHD_Connection *conn, void **own,
    enum MHD_RequestTerminationCode why)
{
	struct request *r = *own;

	(void)cls;
	(void)conn;
	(void)why;
	if (r == NULL)
		return;
	if (r->close != NULL)
		r->close(r);
	loop_forget(&r->web->loop, &r->line);
	if (r->late != NULL)
		MHD_destroy_response(r->late);
	if (r->job != NULL) {
		/* Half an archive is none. */
		if ((r->route->flags & ROUTE_LONG) != 0)
			job_stop(r->job);
		job_leave(r->job);
	}
	free(r->body);
	free(r);
	*own = NULL;
}

/* Names are decoded where they are read (url.h). */
static size_t
leave_escaped(void *cls, struct MHD_Connection *conn, char *text)
{
	(void)cls;
	(void)conn;
	return strlen(text);
}

static int
wait_ms(void *arg)
{
	struct web *web = arg;
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(web->daemon, &ms) != MHD_YES)
		return -1;
	return ms > 60000 ? 60000 : (int)ms;
}

static void
run(void *arg)
{
	struct web *web = arg;

	MHD_run(web->daemon);
}

static void
on_server(void *arg, uint32_t events)
{
	/* loop->after runs it. */
	(void)arg;
	(void)events;
}

static void
be_silent(void *cls, const char *fmt, va_list ap)
{
	(void)cls;
	(void)fmt;
	(void)ap;
}

static struct MHD_Daemon *
start(struct web *web, const char *cert, const char *key)
{
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0,
		    (void *)(uintptr_t)TLS_VERSIONS },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
	    MHD_USE_ERROR_LOG | (cert == NULL ? 0u : (unsigned)MHD_USE_TLS);

	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, web,
	    MHD_OPTION_EXTERNAL_LOGGER, be_silent, NULL,
	    MHD_OPTION_LISTEN_SOCKET, web->listen.fd,
	    MHD_OPTION_CONNECTION_LIMIT, WEB_CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)WEB_HEAD_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT,
	    1, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	    MHD_OPTION_NOTIFY_CONNECTION, peer_notify, web, MHD_OPTION_ARRAY,
	    cert == NULL ? none : tls, MHD_OPTION_END);
}

int
server_start(struct web *web, struct error *err)
{
	const union MHD_DaemonInfo *info;
	char *cert = NULL, *key = NULL;
	int rc = -1;
	const struct opts *o = web->opts;

	if (o->cert != NULL &&
	    (fd_slurp(&cert, NULL, AT_FDCWD, o->cert, PEM_MAX, err) == -1 ||
		fd_slurp(&key, NULL, AT_FDCWD, o->key, PEM_MAX, err) == -1))
		goto out;
	peer_init(web);
	web->daemon = start(web, cert, key);
	info = web->daemon == NULL
	    ? NULL
	    : MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL) {
		if (o->cert != NULL)
			error_set(err, EX_DATAERR,
			    "%s, %s: not a certificate and its key", o->cert,
			    o->key);
		else
			error_set(err, EX_OSERR, "the server cannot be set up");
		goto out;
	}
	web->server.fd = info->epoll_fd;
	web->server.ready = on_server;
	loop_set(&web->loop, &web->server, EPOLLIN);
	web->loop.wait_ms = wait_ms;
	web->loop.after = run;
	web->loop.arg = web;
	rc = 0;
out:
	free(cert);
	secret_free(key);
	return rc;
}

/* Requests that are set aside must not be when the server ends. */
void
server_stop(struct web *web)
{
	struct request *r;

	if (web->daemon == NULL)
		return;
	loop_forget(&web->loop, &web->server);
	web->loop.wait_ms = NULL;
	web->loop.after = NULL;
	for (r = web->requests; r != NULL; r = web->requests) {
		r->is_gone = true;
		web_resume(r);
	}
	MHD_run(web->daemon);
	MHD_stop_daemon(web->daemon);
	web->daemon = NULL;
	web->listen.fd = -1; /* which it has closed */
}
