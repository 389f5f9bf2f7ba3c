/* SPDX-License-Identifier: ISC */
#include "registry/http_reply.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/jdoc.h"
#include "base/json.h"
#include "base/num.h"

#define LINE_MAX_BYTES 16384 /* of a header; longer ones are passed over */
#define CHALLENGES_MAX 8
#define CODE_MAX 64 /* of a registry's error */
#define MESSAGE_MAX 200
#define ERRORS_MAX 1024 /* in one answer */

void
http_reply_fini(struct http_reply *r)
{
	free(r->location);
	free(r->text);
	strv_fini(&r->challenges);
	memset(r, 0, sizeof(*r));
}

/* A number up to `end`, which is moved behind it; false: none. */
static bool
take_number(uint64_t *out, const char **p)
{
	size_t len = strspn(*p, "0123456789");
	char digits[24];

	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, *p, len);
	digits[len] = '\0';
	*p += len;
	return num_u64(out, digits, 0, INT64_MAX, NULL) == 0;
}

/* bytes 0-99/1234 */
static void
take_content_range(struct http_reply *r, const char *p)
{
	uint64_t first, last, total;

	if (strncasecmp(p, "bytes ", 6) != 0)
		return;
	p += 6;
	if (!take_number(&first, &p) || *p++ != '-' ||
	    !take_number(&last, &p) || *p++ != '/' ||
	    !take_number(&total, &p) || *p != '\0' || first > last ||
	    last >= total)
		return;
	r->has_content_range = true;
	r->first = first;
	r->last = last;
	r->total = total;
}

/* 0-99, which some write "bytes=0-99"; nothing yet is "0-0", too. */
static void
take_offset(struct http_reply *r, const char *p)
{
	uint64_t first, last;

	if (strncasecmp(p, "bytes=", 6) == 0)
		p += 6;
	if (!take_number(&first, &p) || *p++ != '-' ||
	    !take_number(&last, &p) || *p != '\0' || first != 0)
		return;
	r->has_offset = true;
	r->offset = last == 0 ? 0 : last + 1;
}

/* Seconds, or a date (RFC 9110, 10.2.3). */
static void
take_retry_after(struct http_reply *r, const char *p)
{
	const char *end = p;
	uint64_t seconds;

	if (!take_number(&seconds, &end) || *end != '\0')
		r->retry_at = curl_getdate(p, NULL);
	else if (seconds >= HTTP_RETRY_MAX_MS / 1000)
		r->retry_after_ms = HTTP_RETRY_MAX_MS;
	else
		r->retry_after_ms = (int)seconds * 1000;
}

/* A date is read by the clock that it was made by. */
int
http_reply_wait_ms(const struct http_reply *r)
{
	if (r->date <= 0 || r->retry_at <= r->date)
		return r->retry_after_ms;
	if (r->retry_at - r->date >= HTTP_RETRY_MAX_MS / 1000)
		return HTTP_RETRY_MAX_MS;
	return (int)(r->retry_at - r->date) * 1000;
}

static int
take(struct http_reply *r, const char *name, const char *value)
{
	if (strcasecmp(name, "Location") == 0 && r->location == NULL) {
		r->location = strdup(value);
		return r->location == NULL ? -1 : 0;
	}
	if (strcasecmp(name, "WWW-Authenticate") == 0)
		return r->challenges.n < CHALLENGES_MAX
		    ? strv_add(&r->challenges, NULL, "%s", value)
		    : 0;
	if (strcasecmp(name, "Content-Range") == 0)
		take_content_range(r, value);
	else if (strcasecmp(name, "Range") == 0)
		take_offset(r, value);
	else if (strcasecmp(name, "Retry-After") == 0)
		take_retry_after(r, value);
	else if (strcasecmp(name, "Date") == 0)
		r->date = curl_getdate(value, NULL);
	else if (strcasecmp(name, "Docker-Content-Digest") == 0)
		r->has_digest = digest_parse(&r->digest, value, NULL) == 0;
	else if (strcasecmp(name, "Content-Length") == 0)
		r->has_length = num_u64(&r->length, value, 0, INT64_MAX,
				    NULL) == 0;
	else if (strcasecmp(name, "OCI-Chunk-Min-Length") == 0)
		(void)num_u64(&r->chunk_min, value, 0, INT64_MAX, NULL);
	return 0;
}

static void
begin(struct http_reply *r, const char *line)
{
	const char *p = strchr(line, ' ');
	size_t bytes = r->header_bytes;
	uint64_t status = 0;

	http_reply_fini(r);
	r->header_bytes = bytes;
	if (p == NULL)
		return;
	p++;
	if (take_number(&status, &p) && status >= 100 && status <= 999)
		r->status = (long)status;
}

int
http_reply_header(struct http_reply *r, const char *line, size_t len)
{
	char text[LINE_MAX_BYTES], *value;

	r->header_bytes += len;
	if (r->header_bytes > HTTP_HEADERS_MAX)
		return -1;
	while (len > 0 && strchr("\r\n \t", line[len - 1]) != NULL)
		len--;
	if (len == 0 || len >= sizeof(text) || memchr(line, '\0', len) != NULL)
		return 0;
	memcpy(text, line, len);
	text[len] = '\0';
	if (strncmp(text, "HTTP/", 5) == 0) {
		begin(r, text);
		return 0;
	}
	value = strchr(text, ':');
	if (value == NULL)
		return 0;
	*value++ = '\0';
	value += strspn(value, " \t");
	return take(r, text, value);
}

int
http_reply_text(struct http_reply *r, const char *bytes, size_t len)
{
	char *p;

	if (len > HTTP_TEXT_MAX - r->text_len)
		len = HTTP_TEXT_MAX - r->text_len;
	p = realloc(r->text, r->text_len + len + 1);
	if (p == NULL)
		return -1;
	memcpy(p + r->text_len, bytes, len);
	r->text = p;
	r->text_len += len;
	p[r->text_len] = '\0';
	return 0;
}

/* The first line, as a terminal can be shown it. */
static void
plain_line(char *out, size_t cap, const char *text)
{
	size_t len = strcspn(text, "\r\n");
	char *p;

	snprintf(out, cap, "%.*s", len < cap ? (int)len : (int)cap, text);
	for (p = out; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
}

static void
plain_member(char *out, size_t cap, const struct jdoc *d, uint32_t error,
    const char *key)
{
	char *text = NULL;

	if (jdoc_get_strdup(d, error, key, &text, HTTP_TEXT_MAX, JSON_OPTIONAL,
		NULL) == -1 ||
	    text == NULL)
		return;
	plain_line(out, cap, text);
	free(text);
}

/*
 * The first of {"errors": [{"code": ..., "message": ...}]}, or what is said in
 * plain text; "": nothing.
 */
static void
first_error(char code[CODE_MAX], char message[MESSAGE_MAX],
    const struct http_reply *r)
{
	uint32_t errors = 0, first;
	struct jdoc *d;

	code[0] = message[0] = '\0';
	if (r->text == NULL)
		return;
	if (jdoc_parse(&d, r->text, r->text_len, NULL) == -1) {
		if (strpbrk(r->text, "<{") == NULL)
			plain_line(message, MESSAGE_MAX, r->text);
		return;
	}
	if (jdoc_get_array(d, JDOC_ROOT, "errors", &errors, ERRORS_MAX,
		JSON_OPTIONAL, NULL) == 0 &&
	    errors != 0) {
		first = jdoc_first(d, errors);
		if (first != 0 && jdoc_type(d, first) == JDOC_OBJECT) {
			plain_member(code, CODE_MAX, d, first, "code");
			plain_member(message, MESSAGE_MAX, d, first, "message");
		}
	}
	jdoc_free(d);
}

static int
code_of(long status)
{
	if (status == 401 || status == 403)
		return EX_NOPERM;
	if (status == 404)
		return EX_NOINPUT;
	if (status == 408 || status == 429 || status >= 500)
		return EX_TEMPFAIL;
	return EX_UNAVAILABLE;
}

int
http_reply_error(const struct http_reply *r, struct error *err)
{
	char code[CODE_MAX], message[MESSAGE_MAX];

	first_error(code, message, r);
	return error_set(err, code_of(r->status), "answered %ld%s%s%s%s",
	    r->status, code[0] == '\0' ? "" : ": ", code,
	    message[0] == '\0' ? "" : ": ", message);
}
