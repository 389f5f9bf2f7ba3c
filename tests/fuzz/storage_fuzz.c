/* SPDX-License-Identifier: ISC */
/* What is taken is written, and what is written is taken again, the same. */
#include "snapshot/storage.h"

#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct storage_list list, again;
	struct error err;
	json_t *json, *out, *out_again;

	if (json_parse(&json, (const char *)data, len, &err) == -1)
		return 0;
	if (storage_list_decode(&list, json, &err) == 0) {
		if (storage_list_encode(&out, &list, NULL, &err) == -1 ||
		    storage_list_decode(&again, out, &err) == -1 ||
		    storage_list_encode(&out_again, &again, NULL, &err) == -1 ||
		    !json_equal(out, out_again))
			abort();
		json_decref(out);
		json_decref(out_again);
		storage_list_fini(&again);
		storage_list_fini(&list);
	}
	json_decref(json);
	return 0;
}
