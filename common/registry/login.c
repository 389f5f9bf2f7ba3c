/* SPDX-License-Identifier: ISC */
/* Where logins are looked for, and the programs that keep them. */
#include "registry/login.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/strv.h"

#define HELPER "docker-credential-"
/* What such a program prints, with another status than 0, where it has none. */
#define HELPER_NONE "credentials not found in native keychain"

/* The variable, NULL where it is not set or empty. */
static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

/* `beneath` in the directory that the variable names, else in HOME's `dir`. */
static int
add_place(struct strv *places, const char *name, const char *dir,
    const char *beneath, struct error *err)
{
	const char *set = variable(name), *home = variable("HOME");

	if (set != NULL)
		return strv_add(places, err, "%s/%s", set, beneath);
	if (home != NULL)
		return strv_add(places, err, "%s/%s/%s", home, dir, beneath);
	return 0;
}

/* *is_chosen: it is the one that the user names. */
static int
list_places(struct strv *places, bool *is_chosen, struct error *err)
{
	const char *chosen = variable("REGISTRY_AUTH_FILE");
	const char *run = variable("XDG_RUNTIME_DIR");
	int rc;

	*is_chosen = chosen != NULL;
	if (chosen != NULL)
		return strv_add(places, err, "%s", chosen);
	rc = run != NULL
	    ? strv_add(places, err, "%s/containers/auth.json", run)
	    : strv_add(places, err, "/run/containers/%ld/auth.json",
		  (long)geteuid());
	if (rc == -1 ||
	    add_place(places, "XDG_CONFIG_HOME", ".config",
		"containers/auth.json", err) == -1)
		return -1;
	return add_place(places, "DOCKER_CONFIG", ".docker", "config.json",
	    err);
}

/* Whether it said that it has no login. */
static bool
is_none(const char *said)
{
	size_t len = sizeof(HELPER_NONE) - 1;

	return strncmp(said, HELPER_NONE, len) == 0 &&
	    said[len + strspn(said + len, "\r\n ")] == '\0';
}

static int
ask_helper(struct login *out, const char *helper, const char *host,
    int64_t deadline_ms, struct error *err)
{
	char *program = path_format(HELPER "%s", helper), get[] = "get";
	char *said = calloc(1, LOGIN_REPLY_MAX);
	char *const argv[] = { program, get, NULL };
	const struct proc_run run = { .argv = argv,
		.dirfd = -1,
		.stdin_fd = -1,
		.input = host,
		.out = said,
		.out_cap = LOGIN_REPLY_MAX,
		.deadline_ms = deadline_ms };
	int rc = -1;

	if (program == NULL || said == NULL) {
		error_nomem(err, helper);
	} else if (proc_run(&run, err) == 0) {
		rc = login_decode_reply(out, said, strlen(said), err);
		if (rc == -1)
			error_wrap(err, "%s", program);
	} else if (is_none(said)) {
		rc = 0;
	}
	if (said != NULL)
		explicit_bzero(said, LOGIN_REPLY_MAX);
	free(said);
	free(program);
	return rc;
}

/* The text of the file, for look_in() to wipe; NULL: there is none. */
static int
read_place(char **text, size_t *len, const char *path, struct error *err)
{
	struct error why = { 0 };
	uint64_t size;
	int fd = -1, rc;

	*text = NULL;
	if (fd_open_path(&fd, &size, path, O_RDONLY, &why) == -1) {
		if (why.sys == ENOENT || why.sys == ENOTDIR)
			return 0;
		if (err != NULL)
			*err = why;
		return -1;
	}
	rc = fd_slurp_open(text, len, fd, size, LOGIN_FILE_MAX, path, err);
	fd_drop(&fd);
	return rc;
}

static int
look_in(struct login *out, const char *path, const char *host, const char *name,
    int64_t deadline_ms, struct error *err)
{
	char helper[PATH_NAME_MAX + 1] = "", *text;
	size_t len = 0;
	int rc = 0;

	if (read_place(&text, &len, path, err) == -1)
		return -1;
	if (text == NULL)
		return 0;
	/* An empty one is what is left where a login was begun. */
	if (len > 0)
		rc = login_decode_file(out, helper, text, len, host, name, err);
	explicit_bzero(text, len);
	free(text);
	if (rc == 0 && helper[0] != '\0')
		rc = ask_helper(out, helper, host, deadline_ms, err);
	return rc == -1 ? error_wrap(err, "%s", path) : 0;
}

/*
 * Goes on from a file that may not be read: whoever works for another user has
 * that one's rights, and his own home.
 */
static int
pass(struct login *out, const struct error *why)
{
	free(out->passed);
	out->passed = strdup(why->msg);
	return out->passed == NULL ? -1 : 0;
}

int
login_find(struct login *out, const char *host, const char *name,
    int64_t deadline_ms, struct error *err)
{
	struct strv places = { 0 };
	struct login found = { 0 };
	struct error why = { 0 };
	bool is_chosen;
	size_t i;
	int rc;

	rc = list_places(&places, &is_chosen, err);
	for (i = 0; i < places.n && rc == 0 && found.kind == LOGIN_NONE; i++) {
		rc = look_in(&found, places.v[i], host, name, deadline_ms,
		    &why);
		if (rc == -1 && why.code == EX_NOPERM && !is_chosen)
			rc = pass(&found, &why);
		if (rc == -1 && err != NULL)
			*err = why;
		if (rc == 0 && found.kind != LOGIN_NONE) {
			found.from = strdup(places.v[i]);
			if (found.from == NULL)
				rc = error_nomem(err, places.v[i]);
		}
	}
	strv_fini(&places);
	if (rc == -1) {
		login_fini(&found);
		return -1;
	}
	*out = found;
	return 0;
}
