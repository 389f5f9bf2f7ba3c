/* SPDX-License-Identifier: ISC */
#include "state/layer_seen.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "state/looks.h"

#define NAME_CAP 80

static void
link_name(char out[NAME_CAP], const char *name)
{
	snprintf(out, NAME_CAP, ".seen-%s", name);
}

void
layer_seen_set(int layerfd, const char *name, const struct stat *st)
{
	struct looks looks = looks_of(st);
	char path[NAME_CAP], text[LOOKS_TEXT_MAX];

	link_name(path, name);
	looks_text(text, &looks);
	if (symlinkat(text, layerfd, path) == 0 || errno != EEXIST)
		return;
	/* Whoever comes between has read the same file. */
	unlinkat(layerfd, path, 0);
	(void)!symlinkat(text, layerfd, path);
}

bool
layer_seen_is(int layerfd, const char *name, const struct stat *st)
{
	struct looks now = looks_of(st), then;
	char path[NAME_CAP], text[LOOKS_TEXT_MAX];
	ssize_t n;

	link_name(path, name);
	n = readlinkat(layerfd, path, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return looks_parse(&then, text) && looks_same(&then, &now);
}

void
layer_seen_drop(int layerfd, const char *name)
{
	char path[NAME_CAP];

	link_name(path, name);
	unlinkat(layerfd, path, 0);
}
