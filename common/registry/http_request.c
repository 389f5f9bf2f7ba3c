/* SPDX-License-Identifier: ISC */
#include "registry/http_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hook.h"
#include "registry/http_fault.h"
#include "registry/http_transfer.h"
#include "registry/http_url.h"

static bool
is_proxied(void)
{
	static const char *const names[] = { "http_proxy", "https_proxy",
		"HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
	const char *value;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = getenv(names[i]);
		if (value != NULL && *value != '\0')
			return true;
	}
	return false;
}

int
http_init(struct http *h, struct error *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, EX_OSERR, "libcurl");
	h->multi = curl_multi_init();
	if (h->multi == NULL)
		return error_nomem(err, "libcurl");
	h->is_proxied = is_proxied();
	return 0;
}

char *
http_url(const struct http *h, const char *fmt, ...)
{
	char *path, *url;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&path, fmt, ap);
	va_end(ap);
	if (n == -1)
		return NULL;
	n = asprintf(&url, "%s://%s/v2/%s", h->plain ? "http" : "https",
	    h->host, path);
	free(path);
	return n == -1 ? NULL : url;
}

void
request_init(struct request *r, struct http *h, void (*done)(struct request *),
    void *owner)
{
	memset(r, 0, sizeof(*r));
	r->http = h;
	r->done = done;
	r->owner = owner;
}

static void
unlink_request(struct request *r)
{
	if (r->link == NULL)
		return;
	*r->link = r->next;
	if (r->next != NULL)
		r->next->link = r->link;
	r->link = NULL;
}

void
request_fini(struct request *r)
{
	if (r->http == NULL)
		return;
	transfer_stop(r);
	unlink_request(r);
	http_reply_fini(&r->reply);
	curl_slist_free_all(r->headers);
	r->headers = NULL;
	free(r->url);
	free(r->at);
	r->url = r->at = NULL;
}

void
request_begin(struct request *r, const char *method, char *url)
{
	struct http *h = r->http;
	void (*done)(struct request *) = r->done;
	void *owner = r->owner;

	request_fini(r);
	request_init(r, h, done, owner);
	r->method = method;
	r->url = url;
	r->tries_max = HTTP_TRIES;
	r->stall_s = HTTP_STALL_S;
	r->body_fd = -1;
	if (url == NULL)
		error_nomem(&r->err, "request");
}

void
request_header(struct request *r, const char *fmt, ...)
{
	struct curl_slist *list = NULL;
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n != -1) {
		list = curl_slist_append(r->headers, text);
		free(text);
	}
	if (list == NULL)
		error_nomem(&r->err, "request");
	else
		r->headers = list;
}

void
request_go(struct request *r)
{
	struct http *h = r->http;

	r->next = h->all;
	r->link = &h->all;
	if (r->next != NULL)
		r->next->link = &r->next;
	h->all = r;
	r->not_before_ms = r->wait_ms == 0
	    ? 0
	    : clock_ms() + hook_ms("courier-wait", r->wait_ms);
}

void
request_resume(struct request *r)
{
	if (r->easy == NULL || transfer_resume(r) == 0)
		return;
	/* Its owner is told from http_run(). */
	transfer_stop(r);
	error_set(&r->err, EX_UNAVAILABLE, "answered more than was asked for");
}

/* The owner is told. */
static void
end(struct request *r)
{
	transfer_stop(r);
	unlink_request(r);
	if (r->err.code != 0)
		http_reply_fini(&r->reply);
	r->done(r);
}

static void
try_later(struct request *r, int ms)
{
	free(r->at);
	r->at = NULL;
	r->redirects = 0;
	r->err.code = 0;
	r->not_before_ms = clock_ms() + hook_ms("courier-wait", ms);
}

static bool
is_redirect(const struct request *r)
{
	switch (r->reply.status) {
	case 307:
	case 308:
		return true;
	case 301:
	case 302:
	case 303:
		return strcmp(r->method, "GET") == 0 ||
		    strcmp(r->method, "HEAD") == 0;
	default:
		return false;
	}
}

static void
redirect(struct request *r)
{
	char *to;

	if (r->redirects++ == HTTP_REDIRECTS_MAX) {
		error_set(&r->err, EX_UNAVAILABLE,
		    "was redirected more than %d times", HTTP_REDIRECTS_MAX);
		end(r);
		return;
	}
	if (http_url_join(&to, r->at != NULL ? r->at : r->url,
		r->reply.location, &r->err) == -1) {
		end(r);
		return;
	}
	/* A form has a login in it, which is for nobody else. */
	if (r->is_gateless && r->body != NULL &&
	    !http_url_same_origin(to, r->url)) {
		free(to);
		error_set(&r->err, EX_UNAVAILABLE,
		    "leads a login to another place");
		end(r);
		return;
	}
	free(r->at);
	r->at = to;
	r->tries--; /* it is the same one */
	r->not_before_ms = 0;
}

static void
answered(struct request *r)
{
	long status = r->reply.status;
	int ms, asked = http_reply_wait_ms(&r->reply);

	if (is_redirect(r) && r->reply.location != NULL) {
		redirect(r);
	} else if (status == 401 && r->is_own && !r->is_gateless &&
	    r->http->gate != NULL) {
		r->refusals++;
		if (!r->http->gate->refused(r->http->gate_arg, r)) {
			end(r);
			return;
		}
		r->tries--; /* it is the same one */
		r->not_before_ms = 0;
	} else if ((status == 408 || status == 429 || status >= 500) &&
	    r->tries < r->tries_max) {
		ms = http_fault_wait_ms(r->tries);
		try_later(r, asked > ms ? asked : ms);
	} else {
		end(r);
	}
}

static void
failed(struct request *r, CURLcode code, long sys)
{
	bool may_try = false;

	if (r->err.code != 0)
		;
	else if (r->is_forbidden)
		error_set(&r->err, EX_UNAVAILABLE,
		    "was led to an address of this host or network");
	else if (r->is_too_long)
		error_set(&r->err, EX_UNAVAILABLE,
		    "answered more than was asked for");
	else
		may_try = http_fault(&r->err, code, sys, r->detail);
	r->is_tls_error = code == CURLE_SSL_CONNECT_ERROR;
	r->is_empty = code == CURLE_PARTIAL_FILE && r->got == 0;
	if (may_try && !r->is_first && r->tries < r->tries_max)
		try_later(r, http_fault_wait_ms(r->tries));
	else
		end(r);
}

static void
finish(struct request *r, CURLcode code)
{
	long sys = 0;

	curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &sys);
	transfer_stop(r);
	if (code == CURLE_OK || (r->is_text_full && code == CURLE_WRITE_ERROR))
		answered(r);
	else
		failed(r, code, sys);
}

/* One whose time has come; else *ms is no longer than until the next one's. */
static struct request *
next_due(struct http *h, int *ms)
{
	struct request *r;
	int left;

	for (r = h->all; r != NULL; r = r->next) {
		if (r->easy != NULL || r->is_held)
			continue;
		left = r->not_before_ms == 0 ? 0 : clock_left(r->not_before_ms);
		if (left == 0)
			return r;
		if (left < *ms)
			*ms = left;
	}
	return NULL;
}

void
http_release(struct http *h, const struct error *err)
{
	struct request *r;

	for (r = h->all; r != NULL; r = r->next) {
		if (r->is_held && err != NULL)
			r->err = *err;
		r->is_held = false;
	}
}

int
http_run(struct http *h, int wire, int ms, struct error *err)
{
	struct curl_waitfd wait = { .fd = wire, .events = CURL_WAIT_POLLIN };
	int running, left;
	struct request *r;
	CURLMsg *m;
	void *p;

	if (curl_multi_perform(h->multi, &running) != CURLM_OK)
		return error_set(err, EX_OSERR, "libcurl");
	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE,
		    (char **)&p);
		finish(p, m->data.result);
	}
	while ((r = next_due(h, &ms)) != NULL) {
		if (r->err.code == 0 && transfer_start(r) == -1)
			error_nomem(&r->err, "request");
		if (r->err.code != 0)
			end(r);
	}
	if (curl_multi_poll(h->multi, &wait, 1, ms, NULL) != CURLM_OK)
		return error_set(err, EX_OSERR, "libcurl");
	return 0;
}

void
request_name_other(const struct request *r, struct error *err)
{
	const char *url = r->at != NULL ? r->at : r->url, *host;

	host = url == NULL || r->is_own ? NULL : strstr(url, "://");
	if (host == NULL)
		return;
	host += 3;
	error_wrap(err, "led to %.*s", (int)strcspn(host, "/?#"), host);
}

int
request_error(const struct request *r, struct error *err)
{
	if (r->err.code == 0)
		http_reply_error(&r->reply, err);
	else if (err != NULL)
		*err = r->err;
	request_name_other(r, err);
	return error_wrap(err, "%s/%s", r->http->host, r->http->name);
}
