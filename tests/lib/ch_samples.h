/* SPDX-License-Identifier: ISC */
/* A recorded snapshot of Cloud Hypervisor, for tests of its formats. */
#ifndef CH_SAMPLES_H
#define CH_SAMPLES_H

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_MAX (1u << 20)

/* The text of data/good/ch/NAME, for the caller to free. */
static inline char *
sample_read(const atf_tc_t *tc, const char *name)
{
	char path[4096], *text = malloc(SAMPLE_MAX);
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/../data/good/ch/%s",
	    atf_tc_get_config_var(tc, "srcdir"), name);
	f = fopen(path, "re");
	ATF_REQUIRE_MSG(f != NULL && text != NULL, "%s", path);
	n = fread(text, 1, SAMPLE_MAX - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

/* `text` with the first `from` in it become `to`, for the caller to free. */
static inline char *
sample_change(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	size_t head, size = strlen(text) + strlen(to) + 1;
	char *out = malloc(size);

	ATF_REQUIRE_MSG(at != NULL, "%s: not in the sample", from);
	ATF_REQUIRE(out != NULL);
	head = (size_t)(at - text);
	snprintf(out, size, "%.*s%s%s", (int)head, text, to, at + strlen(from));
	return out;
}

#endif
