/* SPDX-License-Identifier: ISC */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"

static int
check_key(const char *path, struct error *err)
{
	char *public;
	int sys;

	/* ssh makes another name of it, as of ~ and %d. */
	if (path[0] == '~' || strpbrk(path, "%$") != NULL ||
	    faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0)
		return 0;
	sys = errno;
	public = path_format("%s.pub", path);
	if (public == NULL)
		return error_nomem(err, path);
	if (faccessat(AT_FDCWD, public, R_OK, AT_EACCESS) == 0)
		sys = 0;
	free(public);
	errno = sys;
	return sys == 0 ? 0
			: error_sys(err, sys == EACCES ? EX_NOPERM : EX_NOINPUT,
			      "-i %s", path);
}

int
command_check_keys(const struct opts *opts, struct error *err)
{
	size_t i;

	for (i = 0; i < opts->keys.n; i++)
		if (check_key(opts->keys.v[i], err) == -1)
			return -1;
	return 0;
}

/*
 * A value as ssh_config(5) reads it: between quotes, where \ stands before a
 * quote and itself.  In one that is a path %% is a per cent sign, and nothing
 * stands for the beginning of a variable.
 */
static int
quote(char **out, const char *value, bool is_path, struct error *err)
{
	char *text, *to;
	const char *p;

	if (strpbrk(value, "\r\n") != NULL ||
	    (is_path && strstr(value, "${") != NULL))
		return error_set(err, EX_CONFIG,
		    "%s: ssh takes nothing with a line's end, and no path with "
		    "${ in it",
		    value);
	text = to = malloc(2 * strlen(value) + 3);
	if (text == NULL)
		return error_nomem(err, NULL);
	*to++ = '"';
	for (p = value; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			*to++ = '\\';
		else if (*p == '%' && is_path)
			*to++ = '%';
		*to++ = *p;
	}
	*to++ = '"';
	*to = '\0';
	*out = text;
	return 0;
}

static int
add_quoted(struct strv *to, const char *key, const char *value, bool is_path,
    struct error *err)
{
	char *text;
	int rc;

	if (quote(&text, value, is_path, err) == -1)
		return -1;
	rc = strv_add(to, err, "%s=%s", key, text);
	free(text);
	return rc;
}

/* The option `key` with a path that holds wherever ssh runs. */
static int
add_path(struct strv *to, const char *key, const char *path, struct error *err)
{
	char *absolute = path_absolute(path);
	int rc;

	if (absolute == NULL)
		return error_nomem(err, path);
	rc = add_quoted(to, key, absolute, true, err);
	free(absolute);
	return rc;
}

/*
 * A clone whose next boot gives it another instance id gets other host keys
 * then, and has until then those that all clones of its snapshot have: there is
 * nothing in them to keep.  On a network where others may answer they are kept
 * all the same.
 */
static bool
keeps_keys(const struct command *c)
{
	return !c->route->is_forward ||
	    strcmp(c->at->vm.identity.instance_id, "next-boot") != 0;
}

static int
add_known_hosts(struct strv *to, const struct command *c, struct error *err)
{
	char *path;
	int rc;

	if (!keeps_keys(c))
		return strv_add(to, err, "UserKnownHostsFile=/dev/null");
	path = path_format("%s/" VM_KNOWN_HOSTS, c->at->dir);
	if (path == NULL)
		return error_nomem(err, NULL);
	rc = add_path(to, "UserKnownHostsFile", path, err);
	free(path);
	return rc;
}

/*
 * Our options, "Key=value", behind those of the user's, of which ssh takes the
 * first of a name.
 */
static int
own_options(struct strv *to, const struct command *c, struct error *err)
{
	if (strv_add(to, err, "Port=%u", c->route->port) == -1 ||
	    strv_add(to, err, "HostKeyAlias=instar-%s", c->at->vm.id) == -1 ||
	    add_known_hosts(to, c, err) == -1 ||
	    strv_add(to, err, "StrictHostKeyChecking=accept-new") == -1 ||
	    strv_add(to, err, "LogLevel=%s",
		c->opts->common.quiet ? "QUIET" : "ERROR") == -1)
		return -1;
	return c->connect_s == 0
	    ? 0
	    : strv_add(to, err, "ConnectTimeout=%" PRIu64, c->connect_s);
}

/* The words of INSTAR_SSH_OPTS, between blanks. */
static int
add_environment(struct strv *argv, struct error *err)
{
	const char *p = getenv("INSTAR_SSH_OPTS");
	size_t n;

	while (p != NULL && *(p += strspn(p, " \t\n")) != '\0') {
		n = strcspn(p, " \t\n");
		if (strv_add(argv, err, "%.*s", (int)n, p) == -1)
			return -1;
		p += n;
	}
	return 0;
}

static int
add_options(struct strv *argv, const char *letter, const struct strv *values,
    struct error *err)
{
	size_t i;

	for (i = 0; i < values->n; i++)
		if (strv_add(argv, err, "%s", letter) == -1 ||
		    strv_add(argv, err, "%s", values->v[i]) == -1)
			return -1;
	return 0;
}

int
command_words(struct strv *argv, const struct command *c, struct error *err)
{
	struct strv own = { 0 };
	char *const *word;
	size_t i;
	int rc = -1;

	if (own_options(&own, c, err) == -1 || strv_add(argv, err, "ssh") == -1)
		goto out;
	for (i = 0; i < c->opts->flags.n; i++)
		if (strv_add(argv, err, "%s", c->opts->flags.v[i]) == -1)
			goto out;
	if (add_options(argv, "-i", &c->opts->keys, err) == -1 ||
	    add_options(argv, "-o", &c->opts->options, err) == -1 ||
	    add_environment(argv, err) == -1 ||
	    (c->user != NULL &&
		(strv_add(argv, err, "-l") == -1 ||
		    strv_add(argv, err, "%s", c->user) == -1)) ||
	    add_options(argv, "-o", &own, err) == -1 ||
	    strv_add(argv, err, "--") == -1 ||
	    strv_add(argv, err, "%s", c->route->addr) == -1)
		goto out;
	for (word = c->opts->command; *word != NULL; word++)
		if (strv_add(argv, err, "%s", *word) == -1)
			goto out;
	rc = 0;
out:
	strv_fini(&own);
	return rc;
}

/* A word as a shell reads it; between quotes where it must be. */
static void
print_word(const char *word)
{
	const char *p;

	if (word[0] != '\0' &&
	    word[strspn(word,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789@%+=:,./_-")] == '\0') {
		printf("%s", word);
		return;
	}
	putchar('\'');
	for (p = word; *p != '\0'; p++)
		if (*p == '\'')
			printf("'\\''");
		else
			putchar(*p);
	putchar('\'');
}

static int
print_words(const struct command *c, struct error *err)
{
	struct strv argv = { 0 };
	size_t i;
	int rc = command_words(&argv, c, err);

	for (i = 0; rc == 0 && i < argv.n; i++) {
		print_word(argv.v[i]);
		putchar(i + 1 < argv.n ? ' ' : '\n');
	}
	strv_fini(&argv);
	return rc;
}

/* "Key=value" and "Key value" are the same there. */
static void
print_options(const struct strv *options)
{
	const char *text;
	size_t i, n;

	for (i = 0; i < options->n; i++) {
		text = options->v[i];
		n = strcspn(text, "= ");
		printf("    %.*s %s\n", (int)n, text,
		    text[n] == '\0' ? "" : text + n + 1);
	}
}

static int
print_config(const struct command *c, struct error *err)
{
	const struct vm *vm = &c->at->vm;
	struct strv own = { 0 };
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < c->opts->keys.n; i++)
		rc = add_path(&own, "IdentityFile", c->opts->keys.v[i], err);
	if (rc == 0 && c->user != NULL)
		rc = add_quoted(&own, "User", c->user, false, err);
	if (rc == 0)
		rc = own_options(&own, c, err);
	if (rc == 0) {
		printf("Host %s%s%s\n    HostName %s\n", vm->name,
		    vm->name[0] == '\0' ? "" : " ", vm->id, c->route->addr);
		print_options(&c->opts->options);
		print_options(&own);
	}
	strv_fini(&own);
	return rc;
}

int
command_print(const struct command *c, struct error *err)
{
	int rc = c->opts->output == OUTPUT_CONFIG ? print_config(c, err)
						  : print_words(c, err);

	return rc == -1 ? -1 : json_report_end(err);
}
