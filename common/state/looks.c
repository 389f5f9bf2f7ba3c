/* SPDX-License-Identifier: ISC */
#include "state/looks.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBERS 5

struct looks
looks_of(const struct stat *st)
{
	return (struct looks){ .size = (uintmax_t)st->st_size,
		.sec = (uintmax_t)st->st_mtim.tv_sec,
		.nsec = (uintmax_t)st->st_mtim.tv_nsec,
		.dev = (uintmax_t)st->st_dev,
		.ino = (uintmax_t)st->st_ino };
}

void
looks_text(char out[LOOKS_TEXT_MAX], const struct looks *looks)
{
	snprintf(out, LOOKS_TEXT_MAX,
	    "%" PRIuMAX ".%" PRIuMAX ".%" PRIuMAX ".%" PRIuMAX ".%" PRIuMAX,
	    looks->size, looks->sec, looks->nsec, looks->dev, looks->ino);
}

bool
looks_parse(struct looks *out, const char *text)
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
looks_same(const struct looks *then, const struct looks *now)
{
	if (then->size != now->size || then->sec != now->sec)
		return false;
	if (then->dev == now->dev)
		return then->ino == now->ino && then->nsec == now->nsec;
	return then->nsec == now->nsec || then->nsec == 0 || now->nsec == 0;
}
