/* SPDX-License-Identifier: ISC */
#include "archive/tar_head.h"

#include <stdlib.h>
#include <string.h>

#include "archive/tar_sparse.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

/* The first byte tells what the rest is: a header, or PAX records. */
int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct sparse_map map = { 0 };
	struct tar_head head;
	struct tar_pax pax;
	struct error err;

	if (len == 0)
		return 0;
	if (data[0] % 2 == 0) {
		if (len > TAR_BLOCK &&
		    tar_head_decode(&head, data + 1, &err) == 0 &&
		    (head.size > TAR_SIZE_MAX || head.path[0] == '\0'))
			abort();
		return 0;
	}
	if (tar_pax_decode(&pax, (const char *)data + 1, len - 1, &err) == -1)
		return 0;
	if ((pax.has_path && pax.path[0] == '\0') ||
	    pax.real_size > TAR_SIZE_MAX)
		abort();
	if (pax.sparse != TAR_SPARSE_NONE && pax.sparse != TAR_SPARSE_GNU_10 &&
	    sparse_map_from_pax(&map, &pax, &err) == 0 &&
	    map.end > pax.real_size)
		abort();
	sparse_map_fini(&map);
	return 0;
}
