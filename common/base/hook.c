/* SPDX-License-Identifier: ISC */
#include "base/hook.h"

#ifdef TEST_HOOKS

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static void
try_to_open(const char *action)
{
	char file[PATH_MAX];

	snprintf(file, sizeof(file), "%.*s", (int)strcspn(action, ","), action);
	if (open(file, O_RDONLY | O_CLOEXEC) != -1)
		_exit(98);
	_exit(errno == EACCES ? 97 : 96);
}

static void
act(const char *action)
{
	if (strncmp(action, "kill", 4) == 0)
		raise(SIGKILL);
	else if (strncmp(action, "stop", 4) == 0)
		raise(SIGSTOP);
	else if (strncmp(action, "exit", 4) == 0)
		_exit(99);
	else if (strncmp(action, "open:", 5) == 0)
		try_to_open(action + 5);
	else if (strncmp(action, "sleep:", 6) == 0)
		clock_nap((int)strtol(action + 6, NULL, 10));
}

void
hook_step(const char *name)
{
	const char *p = getenv("INSTAR_HOOK");
	size_t len = strlen(name);

	while (p != NULL && *p != '\0') {
		if (strncmp(p, name, len) == 0 && p[len] == '=')
			act(p + len + 1);
		p = strchr(p, ',');
		if (p != NULL)
			p++;
	}
}

#else

extern int hook_unused; /* ISO C wants something in every file */

#endif
