/* SPDX-License-Identifier: ISC */
#include "state/vm_at.h"

#include <stdlib.h>

#include "base/fd.h"

int
vm_at_open(struct vm_at *out, const struct root *root, const char *ref,
    bool locked, int64_t deadline_ms, struct error *err)
{
	struct vm_at at = { .root = root, .dirfd = -1 };
	char id[ID_LEN + 1];

	vm_init(&at.vm);
	if (root_resolve(id, root, ROOT_VM, ref, err) == -1)
		return -1;
	if (locked) {
		if (root_lock(&at.dirfd, root, ROOT_VM, id, true, deadline_ms,
			err) == -1)
			return -1;
	} else if (fd_open_dir(&at.dirfd, root_kind_fd(root, ROOT_VM), id,
		       false, err) == -1)
		return -1;
	at.dir = root_dir_of(root, ROOT_VM, id);
	if (at.dir == NULL) {
		error_set(err, EX_OSERR, "out of memory");
		goto fail;
	}
	if (vm_read(&at.vm, at.dirfd, err) == -1)
		goto fail;
	*out = at;
	return 0;
fail:
	vm_at_close(&at);
	return -1;
}

void
vm_at_close(struct vm_at *at)
{
	vm_fini(&at->vm);
	free(at->dir);
	at->dir = NULL;
	fd_drop(&at->dirfd);
}

int
vm_at_write(struct vm_at *at, bool sync, const struct timespec *now,
    struct error *err)
{
	return vm_write(&at->vm, at->dirfd, sync, now, err);
}
