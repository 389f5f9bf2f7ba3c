/* SPDX-License-Identifier: ISC */
#include "registry/challenge.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SCHEME_MAX 64
#define PARAMETER_MAX 64

/* RFC 9110, section 5.6.2: tchar; RFC 7235's token68 but for its '='. */
#define ALNUM "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define TOKEN ALNUM "!#$%&'*+-.^_`|~"
#define TOKEN68 ALNUM "-._~+/"
#define BLANKS " \t"

enum scheme { SCHEME_NONE, SCHEME_BASIC, SCHEME_BEARER, SCHEME_OTHER };

struct parser {
	const char *start, *p;
	enum scheme scheme; /* whose parameters come */
	bool is_first; /* the first Bearer of all */
	struct challenge c;
};

static int
wrong(const struct parser *s, const char *what, struct error *err)
{
	return error_set(err, EX_UNAVAILABLE,
	    "WWW-Authenticate: %s at byte %zu", what,
	    (size_t)(s->p - s->start));
}

/* The token that stands here. */
static int
take_token(struct parser *s, char *out, size_t cap, struct error *err)
{
	size_t len = strspn(s->p, TOKEN);

	if (len == 0 || len >= cap)
		return wrong(s, len == 0 ? "no name" : "too long a name", err);
	memcpy(out, s->p, len);
	out[len] = '\0';
	s->p += len;
	return 0;
}

/* RFC 9110, section 5.6.4: a quoted-string. */
static int
take_quoted(struct parser *s, char *out, size_t cap, struct error *err)
{
	size_t len = 0;

	for (s->p++; *s->p != '"'; s->p++) {
		if (*s->p == '\\')
			s->p++;
		if (*s->p == '\0')
			return wrong(s, "string without end", err);
		if (((unsigned char)*s->p < 0x20 && *s->p != '\t') ||
		    *s->p == 0x7f)
			return wrong(s, "control character", err);
		if (len + 1 >= cap)
			return wrong(s, "too long a value", err);
		out[len++] = *s->p;
	}
	out[len] = '\0';
	s->p++;
	return 0;
}

/* The value behind a parameter's name and '='. */
static int
take_value(struct parser *s, char *out, size_t cap, struct error *err)
{
	if (*s->p == '"')
		return take_quoted(s, out, cap, err);
	return take_token(s, out, cap, err);
}

static int
take_parameter(struct parser *s, const char *name, struct error *err)
{
	char other[CHALLENGE_HEADER_MAX + 1], *out = other;
	size_t cap = sizeof(other);

	if (s->scheme == SCHEME_BEARER && s->is_first) {
		if (strcasecmp(name, "realm") == 0) {
			out = s->c.realm;
			cap = sizeof(s->c.realm);
		} else if (strcasecmp(name, "service") == 0) {
			out = s->c.service;
			cap = sizeof(s->c.service);
		}
	}
	if (out != other && out[0] != '\0')
		return wrong(s, "a parameter twice", err);
	return take_value(s, out, cap, err);
}

/* Whether what stands here is a token68, and nothing else of the challenge. */
static bool
skip_token68(struct parser *s)
{
	const char *p = s->p;

	p += strspn(p, TOKEN68);
	if (p == s->p)
		return false;
	p += strspn(p, "=");
	p += strspn(p, BLANKS);
	if (*p != ',' && *p != '\0')
		return false;
	s->p = p;
	return true;
}

static int
end_scheme(struct parser *s, struct error *err)
{
	if (s->scheme == SCHEME_BEARER && s->is_first && s->c.realm[0] == '\0')
		return wrong(s, "Bearer without a realm", err);
	return 0;
}

static int
begin_scheme(struct parser *s, const char *name, struct error *err)
{
	if (end_scheme(s, err) == -1)
		return -1;
	s->scheme = SCHEME_OTHER;
	if (strcasecmp(name, "Basic") == 0) {
		s->scheme = SCHEME_BASIC;
		s->c.has_basic = true;
	} else if (strcasecmp(name, "Bearer") == 0) {
		s->scheme = SCHEME_BEARER;
		s->is_first = !s->c.has_bearer;
		s->c.has_bearer = true;
	}
	return 0;
}

/*
 * One element of the list: a parameter of the scheme before it, or a scheme,
 * alone, or with a token68 or its first parameter.
 */
static int
take_element(struct parser *s, struct error *err)
{
	char name[SCHEME_MAX + 1];
	const char *behind;

	if (take_token(s, name, sizeof(name), err) == -1)
		return -1;
	behind = s->p;
	s->p += strspn(s->p, BLANKS);
	if (s->scheme == SCHEME_NONE || *s->p != '=') {
		if (begin_scheme(s, name, err) == -1)
			return -1;
		if (*s->p == ',' || *s->p == '\0')
			return 0;
		if (behind == s->p)
			return wrong(s, "no blank behind a scheme", err);
		if (skip_token68(s))
			return 0;
		if (take_token(s, name, sizeof(name), err) == -1)
			return -1;
		s->p += strspn(s->p, BLANKS);
	}
	if (*s->p != '=')
		return wrong(s, "no '='", err);
	s->p++;
	s->p += strspn(s->p, BLANKS);
	if (take_parameter(s, name, err) == -1)
		return -1;
	s->p += strspn(s->p, BLANKS);
	return *s->p == ',' || *s->p == '\0' ? 0 : wrong(s, "no comma", err);
}

int
challenge_add(struct challenge *c, const char *header, struct error *err)
{
	struct parser s = { .start = header, .p = header, .c = *c };

	if (strlen(header) > CHALLENGE_HEADER_MAX)
		return error_set(err, EX_UNAVAILABLE,
		    "WWW-Authenticate: longer than %d bytes",
		    CHALLENGE_HEADER_MAX);
	for (;;) {
		s.p += strspn(s.p, BLANKS ",");
		if (*s.p == '\0')
			break;
		if (take_element(&s, err) == -1)
			return -1;
	}
	if (end_scheme(&s, err) == -1)
		return -1;
	*c = s.c;
	return 0;
}
