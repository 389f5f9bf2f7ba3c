/* SPDX-License-Identifier: ISC */
#include "base/id.h"

#include <sys/random.h>

#include <string.h>

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

int
id_new(char *out, struct error *err)
{
	unsigned char raw[ID_LEN];
	size_t i;

	/* A byte a character: five bits of each are used. */
	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		return error_sys(err, EX_OSERR, "random numbers");
	for (i = 0; i < ID_LEN; i++)
		out[i] = alphabet[raw[i] & 31];
	out[ID_LEN] = '\0';
	return 0;
}

bool
id_is_valid(const char *text)
{
	return strlen(text) == ID_LEN && strspn(text, alphabet) == ID_LEN;
}
