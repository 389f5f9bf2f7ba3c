/* SPDX-License-Identifier: ISC */
#include "base/program.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"

char *
program_find(const char *name)
{
	const char *dir = getenv("PATH");
	char *path;
	size_t len;

	if (strchr(name, '/') != NULL)
		return access(name, X_OK) == 0 ? strdup(name) : NULL;
	while (dir != NULL) {
		len = strcspn(dir, ":");
		/* An empty one is the working directory. */
		path = path_format("%.*s/%s", len == 0 ? 1 : (int)len,
		    len == 0 ? "." : dir, name);
		if (path == NULL || access(path, X_OK) == 0)
			return path;
		free(path);
		dir = dir[len] == ':' ? dir + len + 1 : NULL;
	}
	return NULL;
}
