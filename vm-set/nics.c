/* SPDX-License-Identifier: ISC */
#include "nics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One that was there keeps its address unless another one is given. */
static int
add_nic(struct nic_list *list, const struct nic_list *old, const char *spec,
    struct error *err)
{
	char *text = NULL;
	int rc;

	if (list->n >= old->n || strstr(spec, "mac=") != NULL)
		return nic_list_parse(list, spec, err);
	if (asprintf(&text, "%s,mac=%s", spec, old->v[list->n].mac) == -1)
		return error_nomem(err, "NIC");
	rc = nic_list_parse(list, text, err);
	free(text);
	return rc;
}

/* Those that are given are all that it has. */
int
nics_change(struct machine *m, const struct wishes *w, struct error *err)
{
	struct nic_list list = { 0 };
	size_t i;

	if (w->nics.n == 0 && !w->no_nics)
		return 0;
	for (i = 0; i < w->nics.n; i++)
		if (add_nic(&list, &m->nics, w->nics.v[i], err) == -1) {
			nic_list_fini(&list);
			return -1;
		}
	nic_list_fini(&m->nics);
	m->nics = list;
	return 0;
}
