/* SPDX-License-Identifier: ISC */
/* What lies beside a snapshot as signatures. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "snapshot/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_list(const char *text, size_t len)
{
	struct signature_list list = { .n = 0 }, again = { .n = 0 };
	struct error err = { 0 };
	size_t i, sum = 0;

	if (signature_list_decode(&list, text, len, &err) == -1) {
		assert(err.code == EX_DATAERR);
		assert(list.n == 0);
		return;
	}
	assert(list.n > 0 && list.n <= SIGNATURES_MAX);
	for (i = 0; i < list.n; i++) {
		assert(list.v[i].len == strlen(list.v[i].text));
		assert(memcmp(list.v[i].text, text + sum, list.v[i].len) == 0);
		assert(strncmp(list.v[i].key, "SHA256:", 7) == 0);
		assert(list.v[i].type[0] != '\0');
		sum += list.v[i].len;
	}
	assert(sum == len);
	assert(signature_list_join(&again, &list, &err) == 0);
	assert(list.n == 0 && again.n > 0);
	while (again.n > 0)
		assert(signature_list_drop(&again, again.v[0].key) > 0);
	signature_list_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *blob;
	char *text, *p;
	size_t n;

	check_list((const char *)data, size);
	/* The armour is given, so that what it holds is reached, too. */
	if (size < 1 || size > 8192)
		return 0;
	blob = malloc(size + 6);
	text = malloc(BASE64_ROOM(size + 6) + 256 + size);
	assert(blob != NULL && text != NULL);
	memcpy(blob, "SSHSIG", 6);
	memcpy(blob + 6, data, size);
	p = malloc(BASE64_ROOM(size + 6));
	assert(p != NULL);
	base64_put(p, blob, size + 6);
	n = (size_t)sprintf(text, "-----BEGIN SSH SIGNATURE-----\n");
	for (size_t at = 0; p[at] != '\0'; at += strnlen(p + at, 70))
		n += (size_t)sprintf(text + n, "%.70s\n", p + at);
	n += (size_t)sprintf(text + n, "-----END SSH SIGNATURE-----\n");
	check_list(text, n);
	free(p);
	free(text);
	free(blob);
	return 0;
}
