/* SPDX-License-Identifier: ISC */
#include "snapshot/layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
layer_fini(struct layer *layer)
{
	free(layer->name);
	free(layer->path);
}

void
layer_list_fini(struct layer_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		layer_fini(&list->v[i]);
	free(list->v);
	list->v = NULL;
	list->n = 0;
}

int
layer_list_add(struct layer_list *list, const struct layer *layer,
    struct error *err)
{
	struct layer *v, *to;

	v = realloc(list->v, (list->n + 1) * sizeof(*v));
	if (v == NULL)
		return error_nomem(err, "layer");
	list->v = v;
	to = &v[list->n];
	*to = *layer;
	to->name = strdup(layer->name);
	to->path = layer->path == NULL ? NULL : strdup(layer->path);
	if (to->name == NULL || (layer->path != NULL && to->path == NULL)) {
		layer_fini(to);
		return error_nomem(err, "layer");
	}
	list->n++;
	return 0;
}

int
layer_list_copy(struct layer_list *to, const struct layer_list *from,
    struct error *err)
{
	size_t i;

	for (i = 0; i < from->n; i++)
		if (layer_list_add(to, &from->v[i], err) == -1)
			return -1;
	return 0;
}

const struct layer *
layer_find(const struct layer_list *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (strcmp(list->v[i].name, name) == 0)
			return &list->v[i];
	return NULL;
}

void
layer_file_name(char out[LAYER_FILE_MAX], const struct layer *layer)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(text, &layer->digest);
	snprintf(out, LAYER_FILE_MAX, "layer-%s", strchr(text, ':') + 1);
}

const struct layer *
layer_of_file(const struct layer_list *list, const char *file_name)
{
	char name[LAYER_FILE_MAX];
	size_t i;

	for (i = 0; i < list->n; i++) {
		layer_file_name(name, &list->v[i]);
		if (strcmp(name, file_name) == 0)
			return &list->v[i];
	}
	return NULL;
}
