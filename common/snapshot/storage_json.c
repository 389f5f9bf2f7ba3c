/* SPDX-License-Identifier: ISC */
/* Storage configs in records, envelopes and sidecars. */
#include "snapshot/storage.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/path.h"

static int
decode_role(enum storage_role *out, const json_t *obj, struct error *err)
{
	char name[32];
	size_t i;

	if (json_get_str(obj, "role", name, sizeof(name), JSON_REQUIRED, err) ==
	    -1)
		return -1;
	for (i = 0; i < STORAGE_ROLES; i++)
		if (strcmp(name, storage_role_name((enum storage_role)i)) ==
		    0) {
			*out = (enum storage_role)i;
			return 0;
		}
	return error_set(err, EX_DATAERR,
	    "role \"%s\" is none of layer, cow, data and cidata", name);
}

static int
decode_backing(struct strv *out, const json_t *obj, struct error *err)
{
	const json_t *array, *name;
	size_t i;

	if (json_get_array(obj, "backing", &array, STORAGE_CHAIN_MAX - 1,
		JSON_OPTIONAL, err) == -1)
		return -1;
	for (i = 0; array != NULL && i < json_array_size(array); i++) {
		name = json_array_get(array, i);
		if (!json_is_string(name) ||
		    json_string_length(name) > PATH_NAME_MAX)
			return error_set(err, EX_DATAERR,
			    "\"backing\" holds what is no file name");
		if (strv_add(out, err, "%s", json_string_value(name)) == -1)
			return -1;
	}
	return 0;
}

static int
decode_disk(struct storage *out, const json_t *obj, struct error *err)
{
	bool direct;

	if (!json_is_object(obj))
		return error_set(err, EX_DATAERR, "not an object");
	if (decode_role(&out->role, obj, err) == -1 ||
	    json_get_strdup(obj, "path", &out->path, STORAGE_PATH_MAX,
		JSON_REQUIRED, err) == -1 ||
	    json_get_bool(obj, "ro", &out->ro, JSON_REQUIRED, err) == -1 ||
	    json_get_str(obj, "serial", out->serial, sizeof(out->serial),
		JSON_OPTIONAL, err) == -1 ||
	    json_get_strdup(obj, "mount_point", &out->mount_point,
		STORAGE_PATH_MAX, JSON_OPTIONAL, err) == -1 ||
	    json_get_str(obj, "fstype", out->fstype, sizeof(out->fstype),
		JSON_OPTIONAL, err) == -1 ||
	    json_get_u64(obj, "size", &out->size_bytes, 0, STORAGE_BYTES_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_strdup(obj, "origin", &out->origin, STORAGE_PATH_MAX,
		JSON_OPTIONAL, err) == -1)
		return -1;
	if (json_object_get(obj, "direct_io") != NULL) {
		if (json_get_bool(obj, "direct_io", &direct, JSON_REQUIRED,
			err) == -1)
			return -1;
		out->direct_io = direct ? STORAGE_DIRECT_ON
					: STORAGE_DIRECT_OFF;
	}
	return decode_backing(&out->backing, obj, err);
}

int
storage_list_decode(struct storage_list *out, const json_t *array,
    struct error *err)
{
	struct storage_list list = { 0 };
	struct storage disk = { 0 };
	size_t i;
	int rc = -1;

	if (!json_is_array(array))
		return error_set(err, EX_DATAERR, "disks are not an array");
	if (json_array_size(array) > STORAGE_MAX)
		return error_set(err, EX_DATAERR, "%zu disks, more than %d",
		    json_array_size(array), STORAGE_MAX);
	for (i = 0; i < json_array_size(array); i++) {
		if (decode_disk(&disk, json_array_get(array, i), err) == -1) {
			error_wrap(err, "disk %zu", i);
			goto out;
		}
		if (storage_list_add(&list, &disk, err) == -1)
			goto out;
		storage_fini(&disk);
	}
	if (storage_list_check(&list, err) == -1)
		goto out;
	*out = list;
	list = (struct storage_list){ 0 };
	rc = 0;
out:
	storage_fini(&disk);
	storage_list_fini(&list);
	return rc;
}

static int
encode_path(json_t *obj, const struct storage *disk, const char *dir,
    struct error *err)
{
	char *path;
	int rc;

	if (dir == NULL)
		return json_put_str(obj, "path", disk->path, err);
	path = path_format("%s/%s", dir, path_base(disk->path));
	if (path == NULL)
		return error_nomem(err, "disk");
	rc = json_put_str(obj, "path", path, err);
	free(path);
	return rc;
}

static int
encode_data(json_t *obj, const struct storage *disk, struct error *err)
{
	if (disk->mount_point != NULL && disk->mount_point[0] != '\0' &&
	    json_put_str(obj, "mount_point", disk->mount_point, err) == -1)
		return -1;
	if (disk->fstype[0] != '\0' &&
	    json_put_str(obj, "fstype", disk->fstype, err) == -1)
		return -1;
	if (disk->direct_io == STORAGE_DIRECT_AUTO)
		return 0;
	return json_put_bool(obj, "direct_io",
	    disk->direct_io == STORAGE_DIRECT_ON, err);
}

static int
encode_disk(json_t *obj, const struct storage *disk, const char *dir,
    struct error *err)
{
	json_t *backing;
	size_t i;

	if (encode_path(obj, disk, dir, err) == -1 ||
	    json_put_bool(obj, "ro", disk->ro, err) == -1 ||
	    json_put_str(obj, "serial", disk->serial, err) == -1 ||
	    json_put_str(obj, "role", storage_role_name(disk->role), err) ==
		-1 ||
	    encode_data(obj, disk, err) == -1 ||
	    (disk->size_bytes != 0 &&
		json_put_u64(obj, "size", disk->size_bytes, err) == -1) ||
	    (dir == NULL && disk->origin != NULL &&
		json_put_str(obj, "origin", disk->origin, err) == -1))
		return -1;
	if (disk->backing.n == 0)
		return 0;
	backing = json_array();
	if (json_put(obj, "backing", backing, err) == -1)
		return -1;
	for (i = 0; i < disk->backing.n; i++)
		if (json_append(backing, "backing",
			json_string(disk->backing.v[i]), err) == -1)
			return -1;
	return 0;
}

int
storage_list_encode(json_t **out, const struct storage_list *list,
    const char *dir, struct error *err)
{
	json_t *array, *obj;
	size_t i;

	array = json_array();
	if (array == NULL)
		return error_nomem(err, "disks");
	for (i = 0; i < list->n; i++) {
		obj = json_object();
		if (json_append(array, "disks", obj, err) == -1) {
			json_decref(array);
			return -1;
		}
		if (encode_disk(obj, &list->v[i], dir, err) == -1) {
			json_decref(array);
			return error_wrap(err, "disk %zu", i);
		}
	}
	*out = array;
	return 0;
}
