/* SPDX-License-Identifier: ISC */
/*
 * Specs, one a line: what is taken obeys every rule of storage configs, and
 * has a size within the limits.
 */
#include "seed/datadisk.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *specs[STORAGE_MAX + 1];
	struct datadisk_list list;
	struct error err;
	char *text, *rest, *line;
	size_t n = 0, i;

	text = rest = malloc(len + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	while (n <= STORAGE_MAX && (line = strsep(&rest, "\n")) != NULL)
		specs[n++] = line;
	if (datadisk_parse(&list, specs, n, NULL, &err) == 0) {
		if (list.disks.n != n ||
		    storage_list_check(&list.disks, &err) == -1)
			abort();
		for (i = 0; i < n; i++)
			if (list.size_bytes[i] < DATADISK_SIZE_MIN ||
			    list.size_bytes[i] > DATADISK_SIZE_MAX ||
			    list.size_bytes[i] % DATADISK_SECTOR != 0)
				abort();
		datadisk_list_fini(&list);
	} else if (err.code != EX_USAGE && err.code != EX_OSERR)
		abort();
	free(text);
	return 0;
}
