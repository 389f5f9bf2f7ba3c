/* SPDX-License-Identifier: ISC */
#include "state/layerfile.h"

#include <fcntl.h>
#include <inttypes.h>

#include "base/fd.h"
#include "base/json.h"
#include "snapshot/manifest.h"

int
layerfile_absent(const struct layer *layer, const struct root *root, int code,
    struct error *err)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(text, &layer->digest);
	return error_set(err, code,
	    "layer %s (%s, %" PRIu64 " bytes) is not %s%s", layer->name, text,
	    layer->size_bytes, root != NULL ? "in " : "here",
	    root != NULL ? root_path(root) : "");
}

int
layerfile_open(int *fd, const struct root *root, int dirfd,
    const struct layer *layer, struct error *err)
{
	char name[LAYER_FILE_MAX];
	uint64_t size;

	if (root != NULL &&
	    root_layer_open(fd, &size, root, &layer->digest, NULL) == 0) {
		if (size == layer->size_bytes)
			return 0;
		fd_drop(fd);
	}
	layer_file_name(name, layer);
	if (fd_open_file(fd, &size, dirfd, name, O_RDONLY, NULL) == 0) {
		if (size == layer->size_bytes)
			return 0;
		fd_drop(fd);
	}
	return layerfile_absent(layer, root, EX_NOINPUT, err);
}

int
layerfile_find(int *fd, const struct root *root, int dirfd,
    const struct layer *layer, struct error *err)
{
	uint64_t size;

	if (layerfile_open(fd, root, dirfd, layer, NULL) == 0)
		return 0;
	if (layer->path != NULL &&
	    fd_open_file(fd, &size, AT_FDCWD, layer->path, O_RDONLY, NULL) ==
		0) {
		if (manifest_read_layer(layer, *fd, size, NULL) == 0)
			return 0;
		fd_drop(fd);
	}
	return layerfile_absent(layer, root, EX_NOINPUT, err);
}

static bool
is_here(const struct root *root, int dirfd, const struct layer *layer)
{
	int fd;

	if (layerfile_open(&fd, root, dirfd, layer, NULL) == -1)
		return false;
	fd_drop(&fd);
	return true;
}

static json_t *
layer_json(const struct layer *layer, struct error *err)
{
	char text[DIGEST_TEXT_MAX];
	json_t *obj = json_object();

	digest_text(text, &layer->digest);
	if (json_put_str(obj, "name", layer->name, err) == 0 &&
	    json_put_u64(obj, "size", layer->size_bytes, err) == 0 &&
	    json_put_str(obj, "digest", text, err) == 0)
		return obj;
	json_decref(obj);
	return NULL;
}

int
layerfile_put_missing(json_t *record, const struct root *root, int dirfd,
    const struct layer_list *layers, struct error *err)
{
	json_t *array = NULL, *obj;
	size_t i;

	for (i = 0; i < layers->n; i++) {
		if (is_here(root, dirfd, &layers->v[i]))
			continue;
		if (array == NULL) {
			array = json_array();
			if (json_put(record, "layers_missing", array, err) ==
			    -1)
				return -1;
		}
		obj = layer_json(&layers->v[i], err);
		if (obj == NULL ||
		    json_append(array, "layers_missing", obj, err) == -1)
			return -1;
	}
	return 0;
}

int
layerfile_put_all(json_t *record, const struct root *root, int dirfd,
    const struct layer_list *layers, struct error *err)
{
	json_t *array = json_array(), *obj;
	size_t i;

	if (json_put(record, "layers", array, err) == -1)
		return -1;
	for (i = 0; i < layers->n; i++) {
		obj = layer_json(&layers->v[i], err);
		if (obj == NULL)
			return -1;
		if (json_put_bool(obj, "here",
			is_here(root, dirfd, &layers->v[i]), err) == -1 ||
		    json_put_text(obj, "path", layers->v[i].path, err) == -1) {
			json_decref(obj);
			return -1;
		}
		if (json_append(array, "layers", obj, err) == -1)
			return -1;
	}
	return 0;
}
