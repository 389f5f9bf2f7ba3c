/* SPDX-License-Identifier: ISC */
/* Where a VM's layers come from. */
#include "vmm/load.h"

#include <fcntl.h>

#include "base/fd.h"
#include "state/inplace.h"
#include "state/layerfile.h"

/* From the snapshot's directory, else where it lay when it was saved. */
static int
take_layer(const struct load *load, const struct layer *layer,
    struct error *err)
{
	char name[LAYER_FILE_MAX];
	struct digest digest;
	uint64_t size;
	int rc = -1;

	layer_file_name(name, layer);
	if (fd_exists(load->from_dirfd, name))
		rc = root_layer_add(&digest, &size, load->root,
		    load->from_dirfd, name, err);
	else if (layer->path != NULL)
		rc = root_layer_add(&digest, &size, load->root, AT_FDCWD,
		    layer->path, err);
	if (rc == -1 || !digest_equal(&digest, &layer->digest))
		return layerfile_absent(layer, load->root, EX_CONFIG, err);
	return 0;
}

static int
put_layer(const struct load *load, int dirfd, const struct layer *layer,
    struct error *err)
{
	char file[LAYER_FILE_MAX];
	uint64_t size;
	int fd;

	layer_file_name(file, layer);
	if (root_layer_open(&fd, &size, load->root, &layer->digest, NULL) == 0)
		fd_drop(&fd);
	else if (load->in_place != NULL && fd_exists(load->from_dirfd, file))
		return inplace_link(dirfd, layer->name, load->in_place, file,
		    err);
	else if (take_layer(load, layer, err) == -1)
		return -1;
	return root_layer_link(load->root, &layer->digest, dirfd, layer->name,
	    err);
}

int
load_put_layers(const struct vm *vm, int dirfd, const struct load *load,
    struct error *err)
{
	size_t i;

	for (i = 0; i < vm->machine.layers.n; i++)
		if (put_layer(load, dirfd, &vm->machine.layers.v[i], err) == -1)
			return -1;
	return 0;
}
