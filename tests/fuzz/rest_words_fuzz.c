/* SPDX-License-Identifier: ISC */
/* The body of a VMM's answer: as words of one line, and as JSON. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jdoc.h"
#include "base/json.h"
#include "vmm/host/rest_words.h"

#define OUT_MAX 64

/* Nothing was put: the text is as it came, but for blanks around it. */
static void
check_same(const struct jdoc *d, const char *text, size_t size)
{
	char *again;
	size_t len;

	assert(jdoc_text(&again, &len, d, NULL) == 0);
	assert(memmem(text, size, again, len) != NULL);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct jdoc *d = NULL;
	json_t *value = NULL;
	struct error err = { 0 };
	char out[OUT_MAX];
	size_t i, len;

	memset(out, 'z', sizeof(out));
	rest_words(out, sizeof(out), text, size);
	len = strnlen(out, sizeof(out));
	assert(len < sizeof(out));
	for (i = 0; i < len; i++)
		assert((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
	assert(len == 0 || (out[0] != ' ' && out[len - 1] != ' '));
	if (jdoc_parse(&d, text, size, &err) == 0)
		check_same(d, text, size);
	else if (json_parse(&value, text, size, NULL) == 0)
		/* What jansson takes is JSON: only too much of it is refused. */
		assert(strstr(err.msg, "too many") != NULL);
	json_decref(value);
	jdoc_free(d);
	return 0;
}
