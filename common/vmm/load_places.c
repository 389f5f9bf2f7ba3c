/* SPDX-License-Identifier: ISC */
/* What is there of a VM's files before any of them holds something. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "disk/copy.h"
#include "vmm/load.h"

static int
make_empty(int dirfd, const char *name, struct error *err)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);

	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	fd_drop(&fd);
	return 0;
}

/* One that others share; a copy is for load_populate(), and takes longer. */
static int
link_memory(int dirfd, struct load *load, struct error *err)
{
	struct error why = { 0 };

	if (!load_may_map(load, load_memory_name(load)))
		return 0;
	if (load_put(load, dirfd, VM_TEMPLATE, load_memory_name(load),
		COPY_MAY_LINK | COPY_NO_COPY, &why) == 0) {
		load->has_template = true;
		return 0;
	}
	return why.code == EX_UNAVAILABLE
	    ? 0
	    : error_set(err, why.code, "%s", why.msg);
}

int
load_make_places(struct vm *vm, int dirfd, struct load *load, struct error *err)
{
	const struct storage *disk;
	size_t i;

	for (i = 0; i < vm->machine.disks.n; i++) {
		disk = &vm->machine.disks.v[i];
		if (!disk->ro && disk->role != STORAGE_LAYER &&
		    make_empty(dirfd, disk->path, err) == -1)
			return -1;
	}
	if ((load->copy_memory ? make_empty(dirfd, VM_MEMORY, err)
			       : link_memory(dirfd, load, err)) == -1 ||
	    load_put_layers(vm, dirfd, load, err) == -1)
		return -1;
	load->has_places = true;
	return 0;
}
