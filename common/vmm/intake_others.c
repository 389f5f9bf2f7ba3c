/* SPDX-License-Identifier: ISC */
/* A snapshot that others made: what it says, and disks that it shares. */
#include "vmm/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "disk/chain.h"
#include "disk/content.h"

bool
intake_is_others(int dirfd)
{
	struct envelope e;
	bool is;

	envelope_init(&e);
	if (envelope_read(&e, dirfd, NULL) == -1)
		return false;
	is = !e.host.present;
	envelope_fini(&e);
	return is;
}

int
intake_read_others(struct intake *in, int dirfd, const char *hypervisor,
    struct error *err)
{
	struct envelope *e = &in->envelope;
	size_t i;

	envelope_init(e);
	if (fd_exists(dirfd, ENVELOPE_NAME)) {
		if (envelope_read(e, dirfd, err) == -1)
			return -1;
		for (i = 0; i < e->files_n; i++)
			free(e->files[i].name);
		e->files_n = 0;
	}
	snprintf(e->machine.hypervisor, sizeof(e->machine.hypervisor), "%s",
	    hypervisor);
	e->has_files = true;
	return 0;
}

int
intake_read_configs(struct storage_list *out, const char *path,
    struct error *err)
{
	char *text, *real = realpath(path, NULL);
	size_t len;
	int rc;

	if (real == NULL)
		return error_sys(err, error_code_of(errno), "%s", path);
	rc = fd_slurp(&text, &len, AT_FDCWD, real, INTAKE_CONFIGS_MAX, err);
	free(real);
	if (rc == -1)
		return -1;
	rc = storage_list_decode_lines(out, text, len, path, err);
	free(text);
	return rc;
}

int
intake_find_layer(const char **file, int dirfd, bool trust_paths,
    const char *path)
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
intake_open_layer(int *fd, uint64_t *size_bytes, int dirfd, const char *file,
    struct error *err)
{
	return dirfd == AT_FDCWD
	    ? fd_open_path(fd, size_bytes, file, O_RDONLY, err)
	    : fd_open_file(fd, size_bytes, dirfd, file, O_RDONLY, err);
}

/* Nobody has written to a layer: what it begins with is what it is. */
static int
check_layer(int dirfd, const char *file, const char *name, struct error *err)
{
	uint64_t size;
	int fd, rc;

	if (!chain_format(name)->is_flat)
		return 0;
	if (intake_open_layer(&fd, &size, dirfd, file, err) == -1)
		return -1;
	rc = content_check_raw(fd, size, file, err);
	fd_drop(&fd);
	return rc;
}

int
intake_take_layer(struct intake *in, int dirfd, const char *file,
    const char *name, struct error *err)
{
	struct layer layer = { 0 };
	int rc = -1;

	if (check_layer(dirfd, file, name, err) == -1 ||
	    intake_add_layer(in, &layer.digest, &layer.size_bytes, dirfd, file,
		err) == -1)
		return -1;
	layer.name = strdup(name);
	layer.path = file[0] == '/' ? strdup(file) : NULL;
	if (layer.name == NULL || (file[0] == '/' && layer.path == NULL))
		error_nomem(err, NULL);
	else
		rc = layer_list_add(&in->envelope.machine.layers, &layer, err);
	free(layer.name);
	free(layer.path);
	return rc;
}

void
intake_note_layers(struct intake *in, const struct storage_list *disks)
{
	if (in->envelope.machine.layers.n == 0 &&
	    storage_find(disks, STORAGE_LAYER) != NULL)
		snprintf(in->warning, sizeof(in->warning),
		    "its layers were not followed: a clone needs "
		    "--trust-paths here");
}
