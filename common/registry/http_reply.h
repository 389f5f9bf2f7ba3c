/* SPDX-License-Identifier: ISC */
/*
 * What a registry answers: its status, the headers that we know (OCI
 * Distribution Specification 1.1; RFC 9110), and of a refusal its text.
 */
#ifndef REGISTRY_HTTP_REPLY_H
#define REGISTRY_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "disk/digest.h"

#define HTTP_HEADERS_MAX (64u << 10) /* bytes of all headers of one answer */
#define HTTP_TEXT_MAX (64u << 10) /* bytes that are read of a refusal's body */
#define HTTP_RETRY_MAX_MS 60000 /* longer than that nobody is waited for */

struct http_reply { /* { 0 } is none; http_reply_fini */
	long status; /* 0: there was no answer */
	size_t header_bytes;
	char *location; /* NULL: none */
	struct strv challenges; /* WWW-Authenticate, each as it came */
	bool has_content_range; /* bytes first-last/total */
	uint64_t first, last, total;
	bool has_offset; /* of an upload: "0-last", so many bytes are there */
	uint64_t offset;
	bool has_digest;
	struct digest digest;
	bool has_length;
	uint64_t length;
	int retry_after_ms; /* 0: nothing is said */
	int64_t date, retry_at; /* in seconds, of the registry's own clock */
	uint64_t chunk_min; /* bytes that a chunk of an upload must have */
	char *text; /* of a refusal, with a NUL behind it; NULL: none */
	size_t text_len;
};

void http_reply_fini(struct http_reply *r);

/*
 * Takes a line of headers as libcurl gives it; a status line begins anew.  What
 * cannot be understood is as if it were not there.  -1: more than is allowed, or
 * out of memory.
 */
int http_reply_header(struct http_reply *r, const char *line, size_t len);

/* Takes what is part of a refusal's body; what is beyond the limit is dropped. */
int http_reply_text(struct http_reply *r, const char *bytes, size_t len);

/* How long it asks us to wait, up to HTTP_RETRY_MAX_MS; 0: it does not. */
int http_reply_wait_ms(const struct http_reply *r);

/*
 * That the answer is none that we can go on with: "answered 404: CODE: message"
 * by the registry's first error.  EX_NOPERM: 401, 403.  EX_NOINPUT: 404.
 * EX_TEMPFAIL: 408, 429, 5xx.  EX_UNAVAILABLE: others.
 */
int http_reply_error(const struct http_reply *r, struct error *err);

#endif
