/* SPDX-License-Identifier: ISC */
#include "layers.h"

#include <inttypes.h>

#include "base/diag.h"
#include "snapshot/layer.h"

void
layers_warn(const struct envelope *e, const struct layer_files *along,
    bool is_cocoon)
{
	const struct layer_list *list = &e->machine.layers;
	char name[LAYER_FILE_MAX];
	size_t i;

	if (along->note[0] != '\0')
		diag("warning: %s", along->note);
	for (i = 0; i < list->n; i++) {
		layer_file_name(name, &list->v[i]);
		if (envelope_find_file(e, name) == NULL)
			diag("warning: layer %s (%" PRIu64 " bytes) is not in "
			     "the archive%s",
			    list->v[i].name, list->v[i].size_bytes,
			    is_cocoon ? "" : ": --with-layers takes it along");
	}
}
