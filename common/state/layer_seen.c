/* SPDX-License-Identifier: ISC */
#include "state/layer_seen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME_CAP 80
#define TEXT_CAP 128
#define NUMBERS 5

/* SIZE.SECONDS.NANOSECONDS.DEVICE.INODE, all in decimal. */
struct seen {
	uintmax_t size, sec, nsec, dev, ino;
};

static struct seen
of_stat(const struct stat *st)
{
	return (struct seen){ .size = (uintmax_t)st->st_size,
		.sec = (uintmax_t)st->st_mtim.tv_sec,
		.nsec = (uintmax_t)st->st_mtim.tv_nsec,
		.dev = (uintmax_t)st->st_dev,
		.ino = (uintmax_t)st->st_ino };
}

static void
link_name(char out[NAME_CAP], const char *name)
{
	snprintf(out, NAME_CAP, ".seen-%s", name);
}

void
layer_seen_set(int layerfd, const char *name, const struct stat *st)
{
	struct seen seen = of_stat(st);
	char path[NAME_CAP], text[TEXT_CAP];

	link_name(path, name);
	snprintf(text, sizeof(text),
	    "%" PRIuMAX ".%" PRIuMAX ".%" PRIuMAX ".%" PRIuMAX ".%" PRIuMAX,
	    seen.size, seen.sec, seen.nsec, seen.dev, seen.ino);
	if (symlinkat(text, layerfd, path) == 0 || errno != EEXIST)
		return;
	/* Whoever comes between has read the same file. */
	unlinkat(layerfd, path, 0);
	(void)!symlinkat(text, layerfd, path);
}

static bool
parse(struct seen *out, const char *text)
{
	uintmax_t *const to[NUMBERS] = { &out->size, &out->sec, &out->nsec,
		&out->dev, &out->ino };
	char *end;
	size_t i;

	for (i = 0; i < NUMBERS; i++) {
		if (*text < '0' || *text > '9')
			return false;
		errno = 0;
		*to[i] = strtoumax(text, &end, 10);
		if (errno != 0 || *end != (i + 1 < NUMBERS ? '.' : '\0'))
			return false;
		text = end + 1;
	}
	return true;
}

bool
layer_seen_is(int layerfd, const char *name, const struct stat *st)
{
	struct seen now = of_stat(st), then;
	char path[NAME_CAP], text[TEXT_CAP];
	ssize_t n;

	link_name(path, name);
	n = readlinkat(layerfd, path, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	if (!parse(&then, text) || then.size != now.size || then.sec != now.sec)
		return false;
	if (then.dev == now.dev)
		return then.ino == now.ino && then.nsec == now.nsec;
	return then.nsec == now.nsec || then.nsec == 0 || now.nsec == 0;
}

void
layer_seen_drop(int layerfd, const char *name)
{
	char path[NAME_CAP];

	link_name(path, name);
	unlinkat(layerfd, path, 0);
}
