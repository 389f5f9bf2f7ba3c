/* SPDX-License-Identifier: ISC */
#include "registry/http_transfer.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hook.h"
#include "base/opt.h"
#include "base/path.h"
#include "base/secret.h"
#include "registry/http_url.h"
#include "registry/ref.h"

#define BUFFER_BYTES (64L << 10)
#define ORIGIN_MAX (REF_NAME_MAX + 16)

static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	struct request *r = arg;

	if (http_reply_header(&r->reply, line, size * n) == 0)
		return size * n;
	r->is_too_long = true;
	return 0;
}

/* To who takes it as it comes; all of it is, or none. */
static size_t
sink(struct request *r, const char *bytes, size_t n)
{
	if (n > r->cap - r->got) {
		r->is_too_long = true;
		return 0;
	}
	switch (r->sink(r, bytes, n)) {
	case SUNK:
		r->got += n;
		return n;
	case SUNK_LATER:
		return CURL_WRITEFUNC_PAUSE;
	case SUNK_WRONG:
		break;
	}
	return 0;
}

/* What a 2xx brings: of all of a blob in place of a range only that. */
static int
take_body(struct request *r, const char *bytes, size_t n)
{
	bool is_whole = r->reply.status == 200 && r->whole != 0;
	uint64_t max = is_whole ? r->whole : r->cap;
	size_t drop;

	if (r->cap == 0)
		max = HTTP_TEXT_MAX; /* which nobody wants */
	if (n > max - r->got)
		return -1;
	if (is_whole && r->got < r->skip) {
		drop = r->skip - r->got < n ? (size_t)(r->skip - r->got) : n;
		r->got += drop;
		bytes += drop;
		n -= drop;
	}
	r->got += n;
	if (n > r->cap - r->len)
		n = r->cap - r->len;
	if (r->buf != NULL)
		memcpy((unsigned char *)r->buf + r->len, bytes, n);
	else if (r->hash != NULL)
		sha256_data(r->hash, bytes, n);
	r->len += n;
	return 0;
}

static size_t
on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct request *r = arg;

	n *= size;
	if (r->reply.status < 300 && r->sink != NULL)
		return sink(r, bytes, n);
	if (r->reply.status < 300) {
		if (take_body(r, bytes, n) == 0)
			return n;
		r->is_too_long = true;
		r->is_unranged = r->reply.status == 200;
		return 0;
	}
	if (r->reply.text_len < HTTP_TEXT_MAX &&
	    http_reply_text(&r->reply, bytes, n) == 0)
		return n;
	r->is_text_full = true; /* that is enough */
	return 0;
}

static size_t
on_send(char *out, size_t size, size_t n, void *arg)
{
	struct request *r = arg;
	size_t room = size * n;
	ssize_t got;

	if (room > r->body_len - r->sent)
		room = (size_t)(r->body_len - r->sent);
	if (r->body_fd == -1) {
		memcpy(out, r->body + r->sent, room);
		r->sent += room;
		return room;
	}
	got = pread(r->body_fd, out, room, (off_t)(r->body_off + r->sent));
	if (got <= 0 && room > 0) {
		error_set(&r->err, EX_IOERR, "what is to be sent: %s",
		    got == 0 ? "ends too soon" : strerror(errno));
		return CURL_READFUNC_ABORT;
	}
	r->sent += (size_t)got;
	return (size_t)got;
}

static int
on_seek(void *arg, curl_off_t off, int from)
{
	struct request *r = arg;

	if (from != SEEK_SET || off < 0 || (uint64_t)off > r->body_len)
		return CURL_SEEKFUNC_FAIL;
	r->sent = (uint64_t)off;
	return CURL_SEEKFUNC_OK;
}

/*
 * The address is known here, whatever the name was: a registry in the world does
 * not send us to what only we can reach.
 */
static curl_socket_t
on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct request *r = arg;
	struct http *h = r->http;
	bool is_inner = http_address_is_inner(&a->addr);

	(void)purpose;
	/* All of its addresses: one of this host is easily among them. */
	if (r->is_own) {
		h->is_inner = is_inner && (h->is_inner || !h->is_inner_known);
		h->is_inner_known = true;
	}
	if (!r->is_own && is_inner && !h->is_inner && !h->is_proxied) {
		r->is_forbidden = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void
set_tls(CURL *e, const struct http *h)
{
	struct curl_blob blob = { .flags = CURL_BLOB_NOCOPY };

	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (h->ca == NULL)
		return;
	memcpy(&blob.data, &h->ca, sizeof(blob.data));
	blob.len = h->ca_len;
	curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &blob);
}

static void
set_method(CURL *e, struct request *r)
{
	if (strcmp(r->method, "HEAD") == 0)
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	else if (strcmp(r->method, "POST") == 0) {
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)r->body_len);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS,
		    r->body_len == 0 ? (const void *)"" : r->body);
	} else if (strcmp(r->method, "PUT") == 0 ||
	    strcmp(r->method, "PATCH") == 0) {
		curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
		curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE,
		    (curl_off_t)r->body_len);
		curl_easy_setopt(e, CURLOPT_READFUNCTION, on_send);
		curl_easy_setopt(e, CURLOPT_READDATA, r);
		curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(e, CURLOPT_SEEKDATA, r);
		curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE,
		    4 * BUFFER_BYTES);
	} else if (strcmp(r->method, "GET") != 0)
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
}

static void
set_limits(CURL *e, const struct request *r)
{
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_S);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)HTTP_SPEED_MIN);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME,
	    (long)hook_ms("courier-stall", r->stall_s * 1000) / 1000);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_UNRESTRICTED_AUTH, 0L);
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "instar/" INSTAR_VERSION);
}

/* What the try before has left. */
static void
forget(struct request *r)
{
	http_reply_fini(&r->reply);
	r->sent = r->got = 0;
	r->len = 0;
	r->is_too_long = r->is_text_full = r->is_forbidden = false;
	r->is_unranged = false;
	r->is_tls_error = r->is_empty = false;
	r->detail[0] = '\0';
	if (r->hash != NULL)
		sha256_init(r->hash);
}

static bool
is_own(const struct http *h, const char *url)
{
	char origin[ORIGIN_MAX];

	snprintf(origin, sizeof(origin), "%s://%s", h->plain ? "http" : "https",
	    h->host);
	return http_url_same_origin(url, origin);
}

static int
add_header(struct request *r, const char *text)
{
	struct curl_slist *list = curl_slist_append(r->sent_headers, text);

	if (list == NULL)
		return -1;
	r->sent_headers = list;
	return 0;
}

static int
add_authorization(struct request *r, const char *authorization)
{
	char *text = path_format("Authorization: %s", authorization);
	int rc = text == NULL ? -1 : add_header(r, text);

	secret_free(text);
	return rc;
}

static int
set_headers(CURL *e, struct request *r, const char *authorization)
{
	const struct curl_slist *p;

	for (p = r->headers; p != NULL; p = p->next)
		if (add_header(r, p->data) == -1)
			return -1;
	if (authorization != NULL && add_authorization(r, authorization) == -1)
		return -1;
	/* A form is none unless its owner says so. */
	if (r->body_len == 0 && strcmp(r->method, "POST") == 0 &&
	    add_header(r, "Content-Type:") == -1)
		return -1;
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->sent_headers);
	return 0;
}

/* Whether the request may go; what is to be shown goes nowhere else. */
static bool
pass(struct request *r, const char *url, const char **authorization)
{
	struct http *h = r->http;

	*authorization = NULL;
	if (r->is_gateless) {
		if (http_url_same_origin(url, r->url))
			*authorization = r->authorization;
		return true;
	}
	return !r->is_own || h->gate == NULL ||
	    h->gate->pass(h->gate_arg, authorization, r);
}

int
transfer_start(struct request *r)
{
	const char *url = r->at != NULL ? r->at : r->url, *authorization;
	CURL *e;

	forget(r);
	r->is_own = is_own(r->http, url);
	if (!pass(r, url, &authorization))
		return 0;
	e = curl_easy_init();
	if (e == NULL)
		return -1;
	r->easy = e;
	r->tries++;
	if (set_headers(e, r, authorization) == -1)
		return -1;
	set_limits(e, r);
	if (r->is_own && http_host_is_loopback(r->http->host))
		curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	set_tls(e, r->http);
	set_method(e, r);
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, r);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->detail);
	curl_easy_setopt(e, CURLOPT_PRIVATE, r);
	return curl_multi_add_handle(r->http->multi, e) == CURLM_OK ? 0 : -1;
}

int
transfer_resume(struct request *r)
{
	return curl_easy_pause(r->easy, CURLPAUSE_CONT) == CURLE_OK ? 0 : -1;
}

void
transfer_stop(struct request *r)
{
	struct curl_slist *p;

	if (r->easy != NULL) {
		curl_multi_remove_handle(r->http->multi, r->easy);
		curl_easy_cleanup(r->easy);
		r->easy = NULL;
	}
	for (p = r->sent_headers; p != NULL; p = p->next)
		explicit_bzero(p->data, strlen(p->data));
	curl_slist_free_all(r->sent_headers);
	r->sent_headers = NULL;
}
