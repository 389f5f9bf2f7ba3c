/* SPDX-License-Identifier: ISC */
/* The body of a VMM's answer: as words of one line, and as JSON. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "vmm/host/rest_words.h"

#define OUT_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	json_t *value = NULL, *wide = NULL;
	char out[OUT_MAX];
	size_t i, len;

	memset(out, 'z', sizeof(out));
	rest_words(out, sizeof(out), text, size);
	len = strnlen(out, sizeof(out));
	assert(len < sizeof(out));
	for (i = 0; i < len; i++)
		assert((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
	assert(len == 0 || (out[0] != ' ' && out[len - 1] != ' '));
	/* What parses at all is the same to both. */
	if (json_parse(&value, text, size, NULL) == 0) {
		assert(json_parse_wide(&wide, text, size, NULL) == 0);
		assert(json_equal(value, wide));
		json_decref(wide);
	} else if (json_parse_wide(&wide, text, size, NULL) == 0)
		json_decref(wide);
	json_decref(value);
	return 0;
}
