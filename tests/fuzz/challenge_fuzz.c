/* SPDX-License-Identifier: ISC */
/* A WWW-Authenticate header, and what is asked for because of it. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct token_scope scope = { "n", true };
	struct token_request request = { 0 };
	struct challenge c = { 0 };
	struct login login = { 0 };
	struct error err = { 0 };
	char *text = malloc(size + 1);

	assert(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (challenge_add(&c, text, &err) == -1) {
		assert(err.code == EX_UNAVAILABLE);
		assert(!c.has_basic && !c.has_bearer);
	} else if (c.has_bearer) {
		assert(c.realm[0] != '\0');
		if (token_request_make(&request, &c, &login, &scope, 1, false,
			&err) == 0) {
			assert(strncmp(request.url, "https://", 8) == 0);
			assert(strpbrk(request.url, "\r\n \"#\\") == NULL);
			assert(memchr(request.url + 8, '@',
				   strcspn(request.url + 8, "/?")) == NULL);
		} else {
			assert(err.code == EX_UNAVAILABLE);
		}
		token_request_fini(&request);
	}
	free(text);
	return 0;
}
