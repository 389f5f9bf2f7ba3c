/* SPDX-License-Identifier: ISC */
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/text.h"

#define JSON_REAL_DIGITS 6 /* milliseconds to the microsecond */

/* Whether brackets outside strings nest deeper than JSON_DEPTH_MAX. */
static bool
is_too_deep(const char *text, size_t len)
{
	unsigned depth = 0;
	bool in_string = false;
	size_t i;

	for (i = 0; i < len; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = false;
			continue;
		}
		if (text[i] == '"')
			in_string = true;
		else if (text[i] == '{' || text[i] == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return true;
		} else if ((text[i] == '}' || text[i] == ']') && depth > 0)
			depth--;
	}
	return false;
}

int
json_parse(json_t **out, const char *text, size_t len, struct error *err)
{
	json_error_t why;
	const char *nul;
	json_t *value;

	/* Jansson takes one behind a value for the end of the text. */
	nul = memchr(text, '\0', len);
	if (nul != NULL)
		return error_set(err, EX_DATAERR, "not JSON: a NUL at byte %zu",
		    (size_t)(nul - text));
	if (is_too_deep(text, len))
		return error_set(err, EX_DATAERR,
		    "JSON nested deeper than %d levels", JSON_DEPTH_MAX);
	value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
	    &why);
	/* Its own text for this tells the programmer which flag to set. */
	if (value == NULL && json_error_code(&why) == json_error_null_character)
		return error_set(err, EX_DATAERR,
		    "not JSON: a NUL in a string at byte %d", why.position);
	if (value == NULL)
		return error_set(err, EX_DATAERR, "not JSON: %s at byte %d",
		    why.text, why.position);
	*out = value;
	return 0;
}

int
json_parse_file(json_t **out, int dirfd, const char *name, size_t max,
    struct error *err)
{
	char *text;
	size_t len;
	int rc;

	if (fd_slurp(&text, &len, dirfd, name, max, err) == -1)
		return -1;
	rc = json_parse(out, text, len, err);
	if (rc == -1)
		error_wrap(err, "%s", name);
	free(text);
	return rc;
}

/* The member `key`: 1 there, 0 absent and optional, -1 neither. */
static int
find(const json_t **out, const json_t *obj, const char *key, unsigned flags,
    struct error *err)
{
	if (!json_is_object(obj))
		return error_set(err, EX_DATAERR, "not an object");
	*out = json_object_get(obj, key);
	if (*out != NULL)
		return 1;
	if ((flags & JSON_REQUIRED) != 0)
		return error_set(err, EX_DATAERR, "no member \"%s\"", key);
	return 0;
}

/* The string `key` of at most `max` bytes; results as find(). */
static int
find_string(const char **out, const json_t *obj, const char *key, size_t max,
    unsigned flags, struct error *err)
{
	const json_t *value = NULL;
	int found;

	found = find(&value, obj, key, flags, err);
	if (found != 1)
		return found;
	if (!json_is_string(value))
		return error_set(err, EX_DATAERR, "\"%s\" is not a string",
		    key);
	if (json_string_length(value) > max)
		return error_set(err, EX_DATAERR,
		    "\"%s\" is longer than %zu bytes", key, max);
	*out = json_string_value(value);
	if (strlen(*out) != json_string_length(value))
		return error_set(err, EX_DATAERR, "\"%s\" holds a NUL", key);
	return 1;
}

int
json_get_str(const json_t *obj, const char *key, char *out, size_t cap,
    unsigned flags, struct error *err)
{
	const char *text = NULL;
	int found;

	found = find_string(&text, obj, key, cap - 1, flags, err);
	if (found == 1)
		memcpy(out, text, strlen(text) + 1);
	return found == -1 ? -1 : 0;
}

int
json_get_strdup(const json_t *obj, const char *key, char **out, size_t max,
    unsigned flags, struct error *err)
{
	const char *text = NULL;
	char *copy;
	int found;

	found = find_string(&text, obj, key, max, flags, err);
	if (found != 1)
		return found;
	copy = strdup(text);
	if (copy == NULL)
		return error_sys(err, EX_OSERR, "\"%s\"", key);
	*out = copy;
	return 0;
}

int
json_get_u64(const json_t *obj, const char *key, uint64_t *out, uint64_t min,
    uint64_t max, unsigned flags, struct error *err)
{
	const json_t *value;
	json_int_t n;
	int found;

	found = find(&value, obj, key, flags, err);
	if (found != 1)
		return found;
	if (!json_is_integer(value))
		return error_set(err, EX_DATAERR, "\"%s\" is not an integer",
		    key);
	n = json_integer_value(value);
	if (n < 0 || (uint64_t)n < min || (uint64_t)n > max)
		return error_set(err, EX_DATAERR,
		    "\"%s\" is %" JSON_INTEGER_FORMAT ", not within %" PRIu64
		    " and %" PRIu64,
		    key, n, min, max);
	*out = (uint64_t)n;
	return 0;
}

int
json_get_bool(const json_t *obj, const char *key, bool *out, unsigned flags,
    struct error *err)
{
	const json_t *value;
	int found;

	found = find(&value, obj, key, flags, err);
	if (found != 1)
		return found;
	if (!json_is_boolean(value))
		return error_set(err, EX_DATAERR, "\"%s\" is not true or false",
		    key);
	*out = json_is_true(value);
	return 0;
}

int
json_get_object(const json_t *obj, const char *key, const json_t **out,
    unsigned flags, struct error *err)
{
	const json_t *value;
	int found;

	*out = NULL;
	found = find(&value, obj, key, flags, err);
	if (found != 1)
		return found;
	if (!json_is_object(value))
		return error_set(err, EX_DATAERR, "\"%s\" is not an object",
		    key);
	*out = value;
	return 0;
}

int
json_get_array(const json_t *obj, const char *key, const json_t **out,
    size_t max, unsigned flags, struct error *err)
{
	const json_t *value;
	int found;

	*out = NULL;
	found = find(&value, obj, key, flags, err);
	if (found != 1)
		return found;
	if (!json_is_array(value))
		return error_set(err, EX_DATAERR, "\"%s\" is not an array",
		    key);
	if (json_array_size(value) > max)
		return error_set(err, EX_DATAERR,
		    "\"%s\" has more than %zu entries", key, max);
	*out = value;
	return 0;
}

int
json_put(json_t *obj, const char *key, json_t *value, struct error *err)
{
	if (value == NULL || json_object_set_new(obj, key, value) == -1)
		return error_set(err, EX_OSERR,
		    "member \"%s\": out of memory, or not UTF-8", key);
	return 0;
}

int
json_append(json_t *array, const char *what, json_t *value, struct error *err)
{
	if (value == NULL || json_array_append_new(array, value) == -1)
		return error_set(err, EX_OSERR,
		    "\"%s\": out of memory, or not UTF-8", what);
	return 0;
}

int
json_put_str(json_t *obj, const char *key, const char *value, struct error *err)
{
	return json_put(obj, key, json_string(value), err);
}

int
json_put_text(json_t *obj, const char *key, const char *text, struct error *err)
{
	if (text == NULL || text[0] == '\0')
		return 0;
	return json_put_str(obj, key, text, err);
}

int
json_put_u64(json_t *obj, const char *key, uint64_t value, struct error *err)
{
	if (value > INT64_MAX)
		return error_set(err, EX_SOFTWARE,
		    "member \"%s\": %" PRIu64 " is beyond int64", key, value);
	return json_put(obj, key, json_integer((json_int_t)value), err);
}

int
json_put_bool(json_t *obj, const char *key, bool value, struct error *err)
{
	return json_put(obj, key, json_boolean(value), err);
}

int
json_text(char **out, size_t *len, const json_t *value, unsigned flags,
    struct error *err)
{
	char *text, *line;
	size_t n;

	text = json_dumps(value,
	    JSON_ENCODE_ANY | JSON_REAL_PRECISION(JSON_REAL_DIGITS) |
		((flags & JSON_PRETTY) != 0 ? JSON_INDENT(2) : JSON_COMPACT));
	if (text == NULL)
		return error_nomem(err, "JSON");
	n = strlen(text);
	line = realloc(text, n + 2);
	if (line == NULL) {
		free(text);
		return error_nomem(err, "JSON");
	}
	line[n] = '\n';
	line[n + 1] = '\0';
	*out = line;
	if (len != NULL)
		*len = n + 1;
	return 0;
}

/* The index that a part of a path is, or SIZE_MAX: past the end of any array. */
static size_t
index_of(const char *part)
{
	uint64_t n;

	return num_u64(&n, part, 0, SIZE_MAX, NULL) == -1 ? SIZE_MAX
							  : (size_t)n;
}

/* The member that the `len` bytes at `name` ("a.0.b") lead to, or NULL. */
static const json_t *
follow(const json_t *record, const char *name, size_t len)
{
	char part[64];
	size_t n;

	while (record != NULL && len > 0) {
		n = strcspn(name, ".,");
		if (n >= sizeof(part))
			return NULL;
		memcpy(part, name, n);
		part[n] = '\0';
		record = json_is_array(record)
		    ? json_array_get(record, index_of(part))
		    : json_object_get(record, part);
		name += n;
		len -= n;
		if (len > 0) {
			name++;
			len--;
		}
	}
	return record;
}

/* A control character could pass for the end of a line or member. */
static void
print_text(const char *text)
{
	size_t n;

	for (; *text != '\0'; text += n == 0 ? 1 : n) {
		n = text_control(text);
		putchar(n == 0 ? *text : '?');
	}
}

/*
 * A line of JSON, for people to look at, too: the control characters that JSON
 * allows as they are become what it writes for others.
 */
static void
print_line(const char *text)
{
	size_t n;

	for (; *text != '\0'; text += n == 0 ? 1 : n) {
		n = *text == '\n' ? 0 : text_control(text);
		if (n == 0)
			putchar(*text);
		else
			printf("\\u%04X", (unsigned char)text[n - 1]);
	}
}

static void
print_plain(const json_t *value)
{
	char *text;

	if (value == NULL)
		return;
	if (json_is_string(value)) {
		print_text(json_string_value(value));
		return;
	}
	text = json_dumps(value,
	    JSON_ENCODE_ANY | JSON_COMPACT |
		JSON_REAL_PRECISION(JSON_REAL_DIGITS));
	if (text != NULL)
		fputs(text, stdout);
	free(text);
}

int
json_report(const json_t *record, const char *members, struct error *err)
{
	const char *p;
	char *text = NULL;
	size_t n;

	if (members == NULL) {
		if (json_text(&text, NULL, record, 0, err) == -1)
			return -1;
		print_line(text);
		free(text);
	} else {
		for (p = members;; p += n + 1) {
			n = strcspn(p, ",");
			print_plain(follow(record, p, n));
			if (p[n] == '\0')
				break;
			putchar('\t');
		}
		putchar('\n');
	}
	return json_report_end(err);
}

int
json_report_end(struct error *err)
{
	if (fflush(stdout) == EOF || ferror(stdout))
		return error_sys(err, EX_IOERR, "standard output");
	return 0;
}
