/* SPDX-License-Identifier: ISC */
#include "base/program.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The next directory of *path that is absolute: its length, or 0 at the end. */
static size_t
next_dir(const char **dir, const char **path)
{
	size_t len;

	while (*path != NULL) {
		*dir = *path;
		len = strcspn(*path, ":");
		*path = (*path)[len] == ':' ? *path + len + 1 : NULL;
		if (**dir == '/')
			return len;
	}
	return 0;
}

/* Puts DIR/NAME into out[PATH_MAX]; false: it is too long. */
static bool
join(char *out, const char *dir, size_t len, const char *name)
{
	return len < PATH_MAX &&
	    snprintf(out, PATH_MAX, "%.*s/%s", (int)len, dir, name) < PATH_MAX;
}

char *
program_find(const char *name)
{
	const char *path = getenv("PATH"), *dir;
	char file[PATH_MAX];
	size_t len;

	if (strchr(name, '/') != NULL)
		return access(name, X_OK) == 0 ? strdup(name) : NULL;
	while ((len = next_dir(&dir, &path)) != 0)
		if (join(file, dir, len, name) && access(file, X_OK) == 0)
			return strdup(file);
	return NULL;
}

void
program_become(char *const argv[])
{
	const char *path = getenv("PATH"), *dir;
	char file[PATH_MAX];
	int sys = ENOENT;
	size_t len;

	if (path == NULL)
		path = "/bin:/usr/bin"; /* as execvp(3) */
	if (strchr(argv[0], '/') != NULL) {
		execv(argv[0], argv);
		return;
	}
	while ((len = next_dir(&dir, &path)) != 0) {
		if (!join(file, dir, len, argv[0]))
			continue;
		execv(file, argv);
		if (errno != ENOENT && errno != ENOTDIR)
			sys = errno;
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			return;
	}
	errno = sys;
}
