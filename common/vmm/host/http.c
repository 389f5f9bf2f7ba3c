/* SPDX-License-Identifier: ISC */
#include "vmm/host/http.h"

#include <string.h>
#include <strings.h>

#include "base/num.h"

#define VERSION "HTTP/1."
#define VERSION_LEN (sizeof(VERSION) - 1)
#define LENGTH_MAX 20 /* digits of 2^64 - 1 */

/* A line of the head without its end. */
struct line {
	const char *text;
	size_t len;
};

/* The next line at *at, which moves behind it; false: it is not whole. */
static bool
next_line(struct line *out, const char **at, const char *end)
{
	const char *stop = memchr(*at, '\n', (size_t)(end - *at));

	if (stop == NULL)
		return false;
	out->text = *at;
	out->len = (size_t)(stop - *at);
	*at = stop + 1;
	if (out->len > 0 && out->text[out->len - 1] == '\r')
		out->len--;
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
refuse(const char *why, struct error *err)
{
	return error_set(err, EX_UNAVAILABLE, "no HTTP answer: %s", why);
}

/* "HTTP/1.1 200 OK"; the words behind the number may be absent. */
static int
parse_status(struct http_head *out, const struct line *line, struct error *err)
{
	const char *p = line->text + VERSION_LEN;

	if (line->len < VERSION_LEN + 5 || !is_digit(p[0]) || p[1] != ' ' ||
	    !is_digit(p[2]) || p[2] == '0' || !is_digit(p[3]) ||
	    !is_digit(p[4]) || (line->len > VERSION_LEN + 5 && p[5] != ' '))
		return refuse("no status line", err);
	out->status = (p[2] - '0') * 100 + (p[3] - '0') * 10 + (p[4] - '0');
	out->is_last = p[0] == '0';
	return 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Whether the line is the field `name`; *value is what it says then. */
static bool
is_field(struct line *value, const struct line *line, const char *name)
{
	size_t len = strlen(name);

	if (line->len <= len || line->text[len] != ':' ||
	    strncasecmp(line->text, name, len) != 0)
		return false;
	value->text = line->text + len + 1;
	value->len = line->len - len - 1;
	while (value->len > 0 && is_blank(value->text[0])) {
		value->text++;
		value->len--;
	}
	while (value->len > 0 && is_blank(value->text[value->len - 1]))
		value->len--;
	return true;
}

/* Digits alone, and the same each time. */
static int
parse_length(struct http_head *out, const struct line *value, struct error *err)
{
	char text[LENGTH_MAX + 1];
	uint64_t bytes;

	if (value->len <= LENGTH_MAX) {
		memcpy(text, value->text, value->len);
		text[value->len] = '\0';
		if (num_u64(&bytes, text, 0, UINT64_MAX, NULL) == 0 &&
		    (!out->has_length || bytes == out->body_bytes)) {
			out->has_length = true;
			out->body_bytes = bytes;
			return 0;
		}
	}
	return refuse("its length is in doubt", err);
}

static int
parse_field(struct http_head *out, const struct line *line, struct error *err)
{
	struct line value;

	if (memchr(line->text, ':', line->len) == NULL ||
	    memchr(line->text, '\0', line->len) != NULL ||
	    is_blank(line->text[0]))
		return refuse("a line of its head is no field", err);
	if (is_field(&value, line, "Content-Length"))
		return parse_length(out, &value, err);
	if (is_field(&value, line, "Transfer-Encoding"))
		return refuse("its body is coded", err);
	if (is_field(&value, line, "Connection") && value.len == 5 &&
	    strncasecmp(value.text, "close", 5) == 0)
		out->is_last = true;
	return 0;
}

int
http_head_parse(struct http_head *out, const char *text, size_t len,
    struct error *err)
{
	const char *at = text, *end = text + len;
	struct http_head head = { 0 };
	struct line line;

	if (memcmp(text, VERSION, len < VERSION_LEN ? len : VERSION_LEN) != 0)
		return refuse("no status line", err);
	if (!next_line(&line, &at, end))
		return 0;
	if (parse_status(&head, &line, err) == -1)
		return -1;
	for (;;) {
		if (!next_line(&line, &at, end))
			return 0;
		if (line.len == 0)
			break;
		if (parse_field(&head, &line, err) == -1)
			return -1;
	}
	head.head_bytes = (size_t)(at - text);
	if (head.status < 200 || head.status == 204 || head.status == 304) {
		head.has_length = true; /* these have no body */
		head.body_bytes = 0;
	}
	head.is_last |= !head.has_length;
	*out = head;
	return 1;
}
