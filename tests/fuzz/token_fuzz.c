/* SPDX-License-Identifier: ISC */
/* What a server of tokens answers. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "registry/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct token token = { 0 };
	struct error err = { 0 };
	const char *p;

	if (token_decode(&token, (const char *)data, size, &err) == -1) {
		assert(err.code == EX_UNAVAILABLE);
		assert(token.bearer == NULL);
		return 0;
	}
	assert(strncmp(token.bearer, "Bearer ", 7) == 0);
	assert(token.good_ms >= TOKEN_SECONDS_MIN * 1000);
	for (p = token.bearer + 7; *p != '\0'; p++)
		assert(*p > ' ' && *p < 0x7f);
	assert(p > token.bearer + 7);
	token_fini(&token);
	return 0;
}
