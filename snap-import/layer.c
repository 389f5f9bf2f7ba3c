/* SPDX-License-Identifier: ISC */
#include "layer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"

int
layer_find(const char **file, int dirfd, bool trust_paths, const char *path)
{
	const char *base = path_base(path);

	*file = NULL;
	if (fd_exists(dirfd, base)) {
		*file = base;
		return dirfd;
	}
	if (trust_paths && path[0] == '/')
		*file = path;
	return AT_FDCWD;
}

int
layer_open(int *fd, uint64_t *size_bytes, int dirfd, const char *file,
    struct error *err)
{
	return dirfd == AT_FDCWD
	    ? fd_open_path(fd, size_bytes, file, O_RDONLY, err)
	    : fd_open_file(fd, size_bytes, dirfd, file, O_RDONLY, err);
}

int
layer_take(struct import *m, int dirfd, const char *file, const char *name,
    struct error *err)
{
	struct envelope *e = &m->envelope;
	struct envelope_layer *v, *layer;

	v = realloc(e->layers, (e->layers_n + 1) * sizeof(*v));
	if (v == NULL)
		return error_set(err, EX_OSERR, "out of memory");
	e->layers = v;
	layer = &v[e->layers_n];
	memset(layer, 0, sizeof(*layer));
	if (root_layer_add(&layer->digest, &layer->size_bytes, m->root, dirfd,
		file, err) == -1)
		return -1;
	layer->name = strdup(name);
	layer->path = file[0] == '/' ? strdup(file) : NULL;
	e->layers_n++;
	return layer->name == NULL ? error_set(err, EX_OSERR, "out of memory")
				   : 0;
}
