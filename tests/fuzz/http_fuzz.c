/* SPDX-License-Identifier: ISC */
/* The head of an HTTP answer: what it says lies within what has come. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/host/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head head, again;
	char *text = malloc(size + 1);
	int rc;

	assert(text != NULL);
	memcpy(text, data, size);
	rc = http_head_parse(&head, text, size, NULL);
	if (rc == 1) {
		assert(head.head_bytes <= size);
		assert(head.status >= 100 && head.status <= 999);
		assert(head.has_length || head.is_last);
		/* The head alone says the same; less of it is not enough. */
		assert(
		    http_head_parse(&again, text, head.head_bytes, NULL) == 1);
		assert(again.body_bytes == head.body_bytes);
		assert(http_head_parse(&again, text, head.head_bytes - 1,
			   NULL) == 0);
	}
	free(text);
	return 0;
}
