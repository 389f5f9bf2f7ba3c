/* SPDX-License-Identifier: ISC */
/* An answer of a registry: headers, an empty line, what a refusal says. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/http_reply.h"
#include "registry/http_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(struct http_reply *r)
{
	struct error err = { 0 };
	const char *p;
	char *to;
	int ms = http_reply_wait_ms(r);

	assert(ms >= 0 && ms <= HTTP_RETRY_MAX_MS);
	assert(!r->has_content_range ||
	    (r->first <= r->last && r->last < r->total));
	assert(http_reply_error(r, &err) == -1 && err.code != 0);
	for (p = err.msg; *p != '\0'; p++)
		assert(*p >= 0x20 && *p <= 0x7e);
	if (r->location != NULL &&
	    http_url_join(&to, "https://r.example/v2/", r->location, &err) ==
		0) {
		assert(strncmp(to, "https://", 8) == 0);
		free(to);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data, *end;
	struct http_reply r = { 0 };

	while (size > 0) {
		end = memchr(line, '\n', size);
		if (end == NULL || end == line)
			break;
		if (http_reply_header(&r, line, (size_t)(end - line + 1)) == -1)
			break;
		size -= (size_t)(end - line) + 1;
		line = end + 1;
	}
	if (size > 0)
		assert(http_reply_text(&r, line, size) == 0);
	check(&r);
	http_reply_fini(&r);
	return 0;
}
