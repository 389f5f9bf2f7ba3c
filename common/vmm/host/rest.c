/* SPDX-License-Identifier: ISC */
/*
 * The client is our own: libcurl with its thirty libraries takes 6 ms to load,
 * nearly as long as a VMM takes to start and to load a guest.
 */
#include "vmm/host/rest.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "vmm/host/http.h"
#include "vmm/host/rest_words.h"
#include "vmm/host/wire.h"

#define REST_REQUEST_MAX 512 /* bytes of a request's head, with the NUL */
#define REST_NAME_MAX 64 /* bytes of the socket's name, with the NUL */

struct rest {
	struct wire wire; /* fd -1: the connection was lost */
	int dirfd;
	char name[REST_NAME_MAX];
	int status;
};

int
rest_status(const struct rest *rest)
{
	return rest->status;
}

void
rest_close(struct rest *rest)
{
	if (rest == NULL)
		return;
	/* For whoever else has it, too: a watcher is a copy of the tool. */
	wire_end(&rest->wire);
	wire_fini(&rest->wire);
	free(rest);
}

/*
 * Sending.
 */

/* Between two calls nothing comes; the server may have gone, though. */
static int
connect_again(struct rest *rest, struct error *err)
{
	struct pollfd pfd = { .fd = rest->wire.fd, .events = POLLIN };
	struct error why = { 0 };

	if (rest->wire.fd != -1 && poll(&pfd, 1, 0) == 0)
		return 0;
	wire_end(&rest->wire);
	if (wire_dial(&rest->wire, rest->dirfd, rest->name, false, 0, &why) ==
	    0)
		return 0;
	if (why.code == EX_UNAVAILABLE)
		return error_set(err, EX_UNAVAILABLE, "nobody listens");
	return error_set(err, why.code, "%s", why.msg);
}

/* The whole request, *out owned; `text` is the body, or NULL. */
static int
compose(char **out, size_t *out_len, const char *method, const char *path,
    const char *text, size_t len, struct error *err)
{
	const char *type = text == NULL ? ""
					: "Content-Type: application/json\r\n";
	char length[48] = "", *request;
	int n;

	if (text != NULL || strcmp(method, "GET") != 0)
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n",
		    len);
	request = malloc(REST_REQUEST_MAX + len);
	if (request == NULL)
		return error_nomem(err, NULL);
	n = snprintf(request, REST_REQUEST_MAX,
	    "%s %s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n%s%s\r\n",
	    method, path, type, length);
	if (n < 0 || n >= REST_REQUEST_MAX) {
		free(request);
		return error_set(err, EX_SOFTWARE, "path of %zu bytes",
		    strlen(path));
	}
	if (len > 0)
		memcpy(request + n, text, len);
	*out = request;
	*out_len = (size_t)n + len;
	return 0;
}

/*
 * Receiving.
 */

/* More of the answer, or an end of the connection that comes too early. */
static int
fill(struct rest *rest, int64_t deadline_ms, struct error *err)
{
	struct wire *w = &rest->wire;
	int rc = wire_fill(w, REST_HEAD_MAX + REST_BODY_MAX, deadline_ms, err);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	return error_set(err, EX_UNAVAILABLE, "closed the connection %s",
	    w->len == 0 ? "without an answer" : "in the middle of its answer");
}

static int
too_large(unsigned max, const char *what, struct error *err)
{
	return error_set(err, EX_UNAVAILABLE,
	    "answer with more than %u bytes of %s", max, what);
}

/* The answer's head at the start of the buffer; "100 Continue" is none. */
static int
take_head(struct rest *rest, struct http_head *head, int64_t deadline_ms,
    struct error *err)
{
	struct wire *w = &rest->wire;
	int rc;

	for (;;) {
		rc = w->len == 0 ? 0
				 : http_head_parse(head, w->buf, w->len, err);
		if (rc == -1)
			return -1;
		if (rc == 1 && head->head_bytes > REST_HEAD_MAX)
			rc = 0;
		if (rc == 0 && w->len > REST_HEAD_MAX)
			return too_large(REST_HEAD_MAX, "head", err);
		if (rc == 1 && head->status >= 200)
			return 0;
		if (rc == 1)
			wire_use(w, head->head_bytes);
		else if (fill(rest, deadline_ms, err) == -1)
			return -1;
	}
}

/* All of the body behind the head. */
static int
take_body(struct rest *rest, struct http_head *head, int64_t deadline_ms,
    struct error *err)
{
	struct wire *w = &rest->wire;
	int rc = 1;

	if (head->has_length && head->body_bytes > REST_BODY_MAX)
		return too_large(REST_BODY_MAX, "body", err);
	while (head->has_length && w->len - head->head_bytes < head->body_bytes)
		if (fill(rest, deadline_ms, err) == -1)
			return -1;
	while (!head->has_length && rc == 1) {
		if (w->len - head->head_bytes > REST_BODY_MAX)
			return too_large(REST_BODY_MAX, "body", err);
		rc = wire_fill(w, REST_HEAD_MAX + REST_BODY_MAX + 1,
		    deadline_ms, err);
	}
	if (!head->has_length)
		head->body_bytes = w->len - head->head_bytes;
	return rc == -1 ? -1 : 0;
}

/* What the answer says, as an error unless it is one of success. */
static int
look_at_reply(const struct rest *rest, const char *text, size_t len,
    struct jdoc **reply, struct error *err)
{
	char words[REST_WORDS_MAX + 1];
	struct jdoc *value = NULL;

	if (rest->status < 200 || rest->status > 299) {
		rest_words(words, sizeof(words), text, len);
		if (words[0] == '\0')
			return error_set(err, EX_UNAVAILABLE,
			    "status %d without a word", rest->status);
		return error_set(err, EX_UNAVAILABLE, "%s", words);
	}
	if (len == 0 && reply != NULL)
		return error_set(err, EX_UNAVAILABLE, "answer without a body");
	if (len > 0 && jdoc_parse(&value, text, len, err) == -1) {
		if (err != NULL && err->code == EX_DATAERR)
			err->code = EX_UNAVAILABLE;
		return -1;
	}
	if (reply != NULL)
		*reply = value;
	else
		jdoc_free(value);
	return 0;
}

static int
take_answer(struct rest *rest, struct jdoc **reply, int64_t deadline_ms,
    struct error *err)
{
	struct wire *w = &rest->wire;
	struct http_head head;
	int rc;

	if (take_head(rest, &head, deadline_ms, err) == -1 ||
	    take_body(rest, &head, deadline_ms, err) == -1) {
		wire_end(w); /* what is not over is cut off */
		return -1;
	}
	rest->status = head.status;
	rc = look_at_reply(rest, w->buf + head.head_bytes,
	    (size_t)head.body_bytes, reply, err);
	wire_use(w, head.head_bytes + (size_t)head.body_bytes);
	if (head.is_last || w->len > 0)
		wire_end(w);
	return rc;
}

/* A server may answer, and close, before it has read all of a request. */
static int
exchange(struct rest *rest, const char *request, size_t len,
    struct jdoc **reply, int64_t deadline_ms, struct error *err)
{
	if (clock_left(deadline_ms) == 0)
		return error_set(err, EX_TEMPFAIL, "no time left");
	if (connect_again(rest, err) == -1)
		return -1;
	if (wire_send(&rest->wire, request, len, -1, deadline_ms, err) == -1) {
		wire_end(&rest->wire);
		return -1;
	}
	return take_answer(rest, reply, deadline_ms, err);
}

int
rest_call(struct rest *rest, const char *method, const char *path, json_t *body,
    struct jdoc **reply, int64_t deadline_ms, struct error *err)
{
	char *text = NULL, *request = NULL;
	size_t len = 0, request_len = 0;
	int rc = 0;

	rest->status = 0;
	if (body != NULL) {
		rc = json_text(&text, &len, body, 0, err);
		json_decref(body);
		if (rc == 0)
			len--; /* the newline */
	}
	if (rc == 0)
		rc = compose(&request, &request_len, method, path, text, len,
		    err);
	if (rc == 0)
		rc = exchange(rest, request, request_len, reply, deadline_ms,
		    err);
	free(request);
	free(text);
	return rc == -1 ? error_wrap(err, "%s %s", method, path) : 0;
}

int
rest_open(struct rest **out, int dirfd, const char *name, bool is_coming,
    int64_t deadline_ms, struct error *err)
{
	struct rest *rest;
	int n;

	rest = calloc(1, sizeof(*rest));
	if (rest == NULL)
		return error_nomem(err, NULL);
	rest->wire.fd = -1;
	rest->dirfd = dirfd;
	n = snprintf(rest->name, sizeof(rest->name), "%s", name);
	if (n < 0 || (size_t)n >= sizeof(rest->name)) {
		free(rest);
		return error_set(err, EX_SOFTWARE, "%s: too long", name);
	}
	if (wire_dial(&rest->wire, dirfd, name, is_coming, deadline_ms, err) ==
	    -1) {
		rest_close(rest);
		return -1;
	}
	*out = rest;
	return 0;
}
