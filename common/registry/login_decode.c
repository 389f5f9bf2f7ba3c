/* SPDX-License-Identifier: ISC */
/* Logins from the JSON of a file, and of a program's answer. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/jdoc.h"
#include "base/json.h"
#include "base/secret.h"
#include "registry/login.h"

#define HELPER "docker-credential-"
#define IDENTITY_USER "<token>" /* of a program that has an identity token */

void
login_fini(struct login *login)
{
	secret_free(login->user);
	secret_free(login->secret);
	free(login->from);
	free(login->passed);
	memset(login, 0, sizeof(*login));
}

int
login_basic(char **out, const struct login *login, struct error *err)
{
	char *pair = path_format("%s:%s", login->user, login->secret), *text;
	size_t len;

	if (pair == NULL)
		return error_nomem(err, NULL);
	len = strlen(pair);
	text = malloc(sizeof("Basic ") - 1 + BASE64_ROOM(len));
	if (text != NULL) {
		memcpy(text, "Basic ", sizeof("Basic ") - 1);
		base64_put(text + sizeof("Basic ") - 1, (unsigned char *)pair,
		    len);
	}
	secret_free(pair);
	if (text == NULL)
		return error_nomem(err, NULL);
	*out = text;
	return 0;
}

/*
 * The string `key` for secret_free(); NULL where it is absent or empty.  As
 * jdoc_get_strdup() otherwise, which leaves what is refused in memory.
 */
static int
get_secret(char **out, const struct jdoc *d, uint32_t obj, const char *key,
    size_t max, struct error *err)
{
	uint32_t node = jdoc_member(d, obj, key);
	size_t len = 0;
	char *text;
	int rc = 0;

	*out = NULL;
	if (node == 0)
		return 0;
	if (jdoc_type(d, node) != JDOC_STRING)
		return error_set(err, EX_DATAERR, "\"%s\" is not a string",
		    key);
	text = jdoc_string(d, node, &len);
	if (text == NULL)
		return error_nomem(err, NULL);
	if (len > max)
		rc = error_set(err, EX_DATAERR,
		    "\"%s\" is longer than %zu bytes", key, max);
	else if (strlen(text) != len)
		rc = error_set(err, EX_DATAERR, "\"%s\" holds a NUL", key);
	if (rc == 0 && len > 0) {
		*out = text;
		return 0;
	}
	explicit_bzero(text, len);
	free(text);
	return rc;
}

/* RFC 7617, section 2: no colon, no control characters. */
static bool
is_user(const char *text)
{
	size_t len = strlen(text), i;

	for (i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f ||
		    text[i] == ':')
			return false;
	return len > 0 && len <= LOGIN_USER_MAX;
}

/* Takes both, whatever comes of it; an empty password is none.  `what` is where they are from. */
static int
take_password(struct login *out, char *user, char *secret, const char *what,
    struct error *err)
{
	if (user != NULL && secret != NULL && secret[0] != '\0' &&
	    is_user(user)) {
		out->kind = LOGIN_PASSWORD;
		out->user = user;
		out->secret = secret;
		return 0;
	}
	secret_free(user);
	secret_free(secret);
	return error_set(err, EX_DATAERR, "%s is no name and password", what);
}

/* The base64 of USER:PASSWORD. */
static int
split_pair(struct login *out, const char *base64, struct error *err)
{
	size_t n = strlen(base64), room = BASE64_RAW(n);
	char *raw = malloc(room + 1), *user = NULL, *secret = NULL, *colon;
	ssize_t len;

	if (raw == NULL)
		return error_nomem(err, NULL);
	len = base64_get((unsigned char *)raw, base64, n);
	/* Some fill it up with NULs. */
	while (len > 0 && raw[len - 1] == '\0')
		len--;
	raw[len == -1 ? 0 : len] = '\0';
	colon = len != -1 && strlen(raw) == (size_t)len ? strchr(raw, ':')
							: NULL;
	if (colon != NULL) {
		*colon = '\0';
		user = strdup(raw);
		secret = strdup(colon + 1);
	}
	explicit_bzero(raw, room);
	free(raw);
	return take_password(out, user, secret, "\"auth\"", err);
}

/* What one member of auths has; nothing is success. */
static int
read_entry(struct login *out, const struct jdoc *d, uint32_t entry,
    struct error *err)
{
	char *identity = NULL, *base64 = NULL, *user = NULL, *secret = NULL;
	int rc;

	if (jdoc_type(d, entry) != JDOC_OBJECT)
		return error_set(err, EX_DATAERR, "not an object");
	if (get_secret(&identity, d, entry, "identitytoken", LOGIN_SECRET_MAX,
		err) == -1)
		return -1;
	if (identity != NULL) {
		out->kind = LOGIN_IDENTITY;
		out->secret = identity;
		return 0;
	}
	if (get_secret(&base64, d, entry, "auth",
		BASE64_ROOM(LOGIN_USER_MAX + 1 + LOGIN_SECRET_MAX), err) == -1)
		return -1;
	if (base64 != NULL) {
		rc = split_pair(out, base64, err);
		secret_free(base64);
		return rc;
	}
	if (get_secret(&user, d, entry, "username", LOGIN_USER_MAX, err) == -1)
		return -1;
	if (get_secret(&secret, d, entry, "password", LOGIN_SECRET_MAX, err) ==
	    -1) {
		secret_free(user);
		return -1;
	}
	return user == NULL && secret == NULL
	    ? 0
	    : take_password(out, user, secret, "\"username\"", err);
}

/* Whether `key` is a URL of that host. */
static bool
is_url_of(const char *key, const char *host)
{
	size_t len = strlen(host);

	if (strncmp(key, "https://", 8) == 0)
		key += 8;
	else if (strncmp(key, "http://", 7) == 0)
		key += 7;
	else
		return false;
	return strncmp(key, host, len) == 0 &&
	    (key[len] == '\0' || key[len] == '/');
}

static int
read_auths(struct login *out, const struct jdoc *d, uint32_t auths,
    const char *host, const char *name, struct error *err)
{
	char *key = path_format("%s/%s", host, name);
	uint32_t entry;
	int rc = 0;

	if (key == NULL)
		return error_nomem(err, NULL);
	for (;;) {
		entry = jdoc_member(d, auths, key);
		if (entry != 0)
			rc = read_entry(out, d, entry, err);
		if (rc == -1 || out->kind != LOGIN_NONE ||
		    strcmp(key, host) == 0)
			break;
		*strrchr(key, '/') = '\0';
	}
	if (rc == -1)
		error_wrap(err, "\"%s\"", key);
	free(key);
	for (entry = jdoc_first(d, auths);
	     entry != 0 && rc == 0 && out->kind == LOGIN_NONE;
	     entry = jdoc_next(d, entry)) {
		if (!is_url_of(jdoc_key(d, entry), host))
			continue;
		rc = read_entry(out, d, entry, err);
		if (rc == -1)
			error_wrap(err, "\"%s\"", jdoc_key(d, entry));
	}
	return rc;
}

/* The program `key` of `obj`; *is_said where there is such a member. */
static int
read_helper(char helper[PATH_NAME_MAX + 1], bool *is_said, const struct jdoc *d,
    uint32_t obj, const char *key, struct error *err)
{
	char name[PATH_NAME_MAX + 1];

	*is_said = jdoc_member(d, obj, key) != 0;
	if (jdoc_get_str(d, obj, key, helper, PATH_NAME_MAX + 1, JSON_OPTIONAL,
		err) == -1)
		return -1;
	if (helper[0] == '\0')
		return 0;
	/* Both, for "a/b" is none, and neither is what is too long. */
	if (path_is_name(helper) &&
	    snprintf(name, sizeof(name), HELPER "%s", helper) <
		(int)sizeof(name))
		return 0;
	return error_set(err, EX_DATAERR, "\"%s\": %s: no name of a program",
	    key, helper);
}

static int
find_in(struct login *out, char helper[PATH_NAME_MAX + 1], const struct jdoc *d,
    const char *host, const char *name, struct error *err)
{
	uint32_t helpers, auths;
	bool is_said = false, is_known;

	if (jdoc_get_object(d, JDOC_ROOT, "credHelpers", &helpers,
		JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_object(d, JDOC_ROOT, "auths", &auths, JSON_OPTIONAL,
		err) == -1)
		return -1;
	if (helpers != 0 &&
	    read_helper(helper, &is_said, d, helpers, host, err) == -1)
		return error_wrap(err, "\"credHelpers\"");
	if (helper[0] != '\0')
		return 0;
	if (auths != 0 && read_auths(out, d, auths, host, name, err) == -1)
		return error_wrap(err, "\"auths\"");
	if (out->kind != LOGIN_NONE || is_said)
		return 0;
	return read_helper(helper, &is_known, d, JDOC_ROOT, "credsStore", err);
}

int
login_decode_file(struct login *out, char helper[PATH_NAME_MAX + 1],
    const char *text, size_t len, const char *host, const char *name,
    struct error *err)
{
	struct jdoc *d = NULL;
	int rc;

	helper[0] = '\0';
	if (jdoc_parse(&d, text, len, err) == -1)
		return -1;
	rc = find_in(out, helper, d, host, name, err);
	jdoc_free(d);
	return rc;
}

static int
read_reply(struct login *out, const struct jdoc *d, struct error *err)
{
	char *user = NULL, *secret = NULL;

	if (jdoc_type(d, JDOC_ROOT) != JDOC_OBJECT)
		return error_set(err, EX_DATAERR, "not an object");
	if (get_secret(&user, d, JDOC_ROOT, "Username", LOGIN_USER_MAX, err) ==
	    -1)
		return -1;
	if (get_secret(&secret, d, JDOC_ROOT, "Secret", LOGIN_SECRET_MAX,
		err) == -1) {
		secret_free(user);
		return -1;
	}
	if (user == NULL && secret == NULL)
		return 0;
	if (user != NULL && secret != NULL &&
	    strcmp(user, IDENTITY_USER) == 0) {
		free(user);
		out->kind = LOGIN_IDENTITY;
		out->secret = secret;
		return 0;
	}
	return take_password(out, user, secret, "\"Username\"", err);
}

int
login_decode_reply(struct login *out, const char *text, size_t len,
    struct error *err)
{
	struct jdoc *d = NULL;
	int rc;

	if (jdoc_parse(&d, text, len, err) == -1)
		return -1;
	rc = read_reply(out, d, err);
	jdoc_free(d);
	return rc;
}
