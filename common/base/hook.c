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

/* What is said of that name in what is left of INSTAR_HOOK; NULL: nothing. */
static const char *
next_action(const char **left, const char *name)
{
	size_t len = strlen(name);
	const char *p = *left, *end;

	for (; p != NULL && *p != '\0'; p = end) {
		end = strchr(p, ',');
		if (end != NULL)
			end++;
		*left = end;
		if (strncmp(p, name, len) == 0 && p[len] == '=')
			return p + len + 1;
	}
	return NULL;
}

void
hook_step(const char *name)
{
	const char *left = getenv("INSTAR_HOOK"), *action;

	while ((action = next_action(&left, name)) != NULL)
		act(action);
}

int
hook_ms(const char *name, int ms)
{
	const char *left = getenv("INSTAR_HOOK"), *action;

	while ((action = next_action(&left, name)) != NULL)
		if (strncmp(action, "ms:", 3) == 0)
			return (int)strtol(action + 3, NULL, 10);
	return ms;
}

#else

extern int hook_unused; /* ISO C wants something in every file */

#endif
