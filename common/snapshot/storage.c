/* SPDX-License-Identifier: ISC */
#include "snapshot/storage.h"

#include <stdlib.h>
#include <string.h>

/* By enum storage_role. */
static const char *const role_names[STORAGE_ROLES] = { "layer", "cow", "data",
	"cidata" };

void
storage_fini(struct storage *disk)
{
	free(disk->path);
	free(disk->mount_point);
	free(disk->origin);
	strv_fini(&disk->backing);
	memset(disk, 0, sizeof(*disk));
}

void
storage_list_drop_last(struct storage_list *list)
{
	storage_fini(&list->v[--list->n]);
}

void
storage_list_fini(struct storage_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		storage_fini(&list->v[i]);
	free(list->v);
	list->v = NULL;
	list->n = 0;
}

/* Copies `from` into *to, which holds nothing; on failure it holds nothing. */
static int
disk_copy(struct storage *to, const struct storage *from, struct error *err)
{
	size_t i;

	*to = *from;
	to->backing = (struct strv){ 0 };
	to->mount_point = to->origin = NULL;
	to->path = strdup(from->path);
	if (to->path == NULL)
		goto nomem;
	if (from->origin != NULL) {
		to->origin = strdup(from->origin);
		if (to->origin == NULL)
			goto nomem;
	}
	if (from->mount_point != NULL) {
		to->mount_point = strdup(from->mount_point);
		if (to->mount_point == NULL)
			goto nomem;
	}
	for (i = 0; i < from->backing.n; i++)
		if (strv_add(&to->backing, NULL, "%s", from->backing.v[i]) ==
		    -1)
			goto nomem;
	return 0;
nomem:
	storage_fini(to);
	return error_nomem(err, "disk");
}

int
storage_list_add(struct storage_list *list, const struct storage *disk,
    struct error *err)
{
	struct storage *v;

	if (list->n >= STORAGE_MAX)
		return error_set(err, EX_DATAERR, "more than %d disks",
		    STORAGE_MAX);
	v = realloc(list->v, (list->n + 1) * sizeof(*v));
	if (v == NULL)
		return error_nomem(err, "disk");
	list->v = v;
	if (disk_copy(&v[list->n], disk, err) == -1)
		return -1;
	list->n++;
	return 0;
}

int
storage_list_copy(struct storage_list *to, const struct storage_list *from,
    struct error *err)
{
	size_t i;

	for (i = 0; i < from->n; i++)
		if (storage_list_add(to, &from->v[i], err) == -1)
			return -1;
	return 0;
}

struct storage *
storage_find(const struct storage_list *list, enum storage_role role)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->v[i].role == role)
			return &list->v[i];
	return NULL;
}

struct storage *
storage_find_serial(const struct storage_list *list, const char *serial)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->v[i].role == STORAGE_DATA &&
		    strcmp(list->v[i].serial, serial) == 0)
			return &list->v[i];
	return NULL;
}

const char *
storage_role_name(enum storage_role role)
{
	return role_names[role];
}
