/* SPDX-License-Identifier: ISC */
#include "registry/ref.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define LAYOUT "oci-layout:"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define LETTERS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

bool
ref_is_tag(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= REF_TAG_MAX && text[0] != '.' &&
	    text[0] != '-' && strspn(text, LETTERS DIGITS "_.-") == len;
}

const char *
ref_tag(const struct ref *ref)
{
	return ref->tag[0] != '\0' ? ref->tag : REF_TAG_DEFAULT;
}

/* One separator between two runs of letters and digits: . _ __ or hyphens. */
static size_t
separator(const char *p)
{
	if (p[0] == '.')
		return 1;
	if (p[0] == '_')
		return p[1] == '_' ? 2 : 1;
	return strspn(p, "-");
}

/* [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)* */
static bool
is_name(const char *p)
{
	size_t n;

	if (strlen(p) > REF_NAME_MAX)
		return false;
	for (;;) {
		n = strspn(p, LOWER DIGITS);
		if (n == 0)
			return false;
		p += n;
		if (*p == '\0')
			return true;
		n = *p == '/' ? 1 : separator(p);
		if (n == 0)
			return false;
		p += n;
	}
}

/* A name or address of a host, an IPv6 one in brackets, and perhaps a port. */
static bool
is_host(const char *p)
{
	uint64_t port;
	size_t n;

	if (strlen(p) > REF_NAME_MAX)
		return false;
	if (*p == '[') {
		n = strspn(p + 1, DIGITS "abcdefABCDEF:.");
		if (n == 0 || p[n + 1] != ']')
			return false;
		n += 2;
	} else {
		n = strspn(p, LETTERS DIGITS ".-");
		if (n == 0 || *p == '-' || *p == '.')
			return false;
	}
	if (p[n] == '\0')
		return true;
	return p[n] == ':' && num_u64(&port, p + n + 1, 1, 65535, NULL) == 0;
}

/* Cuts off what stands behind '@'. */
static int
take_digest(struct ref *ref, char *text, struct error *err)
{
	char *at = strrchr(text, '@');

	if (at == NULL || strncmp(at, "@sha256:", 8) != 0)
		return 0;
	if (digest_parse(&ref->digest, at + 1, NULL) == -1)
		return error_set(err, EX_USAGE,
		    "\"%s\" is no digest: sha256: and 64 hex digits, lower case",
		    at + 1);
	ref->has_digest = true;
	*at = '\0';
	return 0;
}

/* Cuts off what stands behind the last colon where it can be a tag. */
static bool
take_tag(struct ref *ref, char *text)
{
	char *colon = strrchr(text, ':');

	if (colon == NULL || !ref_is_tag(colon + 1))
		return false;
	memcpy(ref->tag, colon + 1, strlen(colon + 1) + 1);
	*colon = '\0';
	return true;
}

static int
parse_layout(struct ref *ref, const char *text, char *copy, struct error *err)
{
	ref->kind = REF_LAYOUT;
	take_tag(ref, copy);
	if (copy[0] == '\0')
		return error_set(err, EX_USAGE, "%s: names no directory", text);
	ref->place = strdup(copy);
	return ref->place == NULL ? error_nomem(err, text) : 0;
}

static int
parse_host(struct ref *ref, const char *text, char *copy, struct error *err)
{
	char *slash = strchr(copy, '/'), *colon;

	ref->kind = REF_HOST;
	if (slash == NULL)
		return error_set(err, EX_USAGE,
		    "%s: not HOST[:PORT]/NAME[:TAG], nor oci-layout:DIR[:TAG]",
		    text);
	*slash = '\0';
	colon = strchr(slash + 1, ':');
	if (colon != NULL && !take_tag(ref, slash + 1))
		return error_set(err, EX_USAGE, "%s: \"%s\" is no tag", text,
		    colon + 1);
	if (!is_host(copy))
		return error_set(err, EX_USAGE, "%s: \"%s\" is no host", text,
		    copy);
	if (!is_name(slash + 1))
		return error_set(err, EX_USAGE,
		    "%s: \"%s\" is no repository's name", text, slash + 1);
	ref->place = strdup(copy);
	ref->name = strdup(slash + 1);
	return ref->place == NULL || ref->name == NULL ? error_nomem(err, text)
						       : 0;
}

int
ref_parse(struct ref *out, const char *text, struct error *err)
{
	bool is_layout = strncmp(text, LAYOUT, sizeof(LAYOUT) - 1) == 0;
	const char *rest = is_layout ? text + sizeof(LAYOUT) - 1 : text;
	struct ref ref = { 0 };
	char *copy;
	int rc = -1;

	if (strlen(rest) > REF_DIR_MAX)
		return error_set(err, EX_USAGE, "%.80s...: too long", text);
	copy = strdup(rest);
	if (copy == NULL)
		return error_nomem(err, text);
	if (take_digest(&ref, copy, err) == -1)
		error_wrap(err, "%s", text);
	else
		rc = (is_layout ? parse_layout : parse_host)(&ref, text, copy,
		    err);
	free(copy);
	if (rc == -1)
		ref_fini(&ref);
	else
		*out = ref;
	return rc;
}

void
ref_fini(struct ref *ref)
{
	free(ref->place);
	free(ref->name);
	ref->place = NULL;
	ref->name = NULL;
}
