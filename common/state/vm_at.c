/* SPDX-License-Identifier: ISC */
#include "state/vm_at.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

/* The VM's directory, with its lock where that is wanted. */
static int
open_dir(int *fd, const struct root *root, const char *id, bool locked,
    int64_t deadline_ms, const char *ref, struct error *err)
{
	struct error why = { 0 };

	if ((locked ? root_lock(fd, root, ROOT_VM, id, true, deadline_ms, &why)
		    : fd_open_dir(fd, root_kind_fd(root, ROOT_VM), id, false,
			  &why)) == 0)
		return 0;
	if (why.code == EX_NOINPUT)
		return error_set(err, EX_NOINPUT, "%s: no such VM in %s", ref,
		    root_path(root));
	if (why.code == EX_TEMPFAIL)
		return error_set(err, EX_TEMPFAIL,
		    "%s: busy: another program changes it", ref);
	if (err != NULL)
		*err = why;
	return -1;
}

/* A VM's directory appears with its record: without one it is damaged. */
static int
read_record(struct vm_at *at, const char *id, struct error *err)
{
	if (vm_read(&at->vm, at->dirfd, err) == -1) {
		if (err != NULL && err->code == EX_NOINPUT)
			err->code = EX_DATAERR;
		return -1;
	}
	if (strcmp(at->vm.id, id) != 0)
		return error_set(err, EX_DATAERR, "%s: of another VM, %s",
		    VM_RECORD_NAME, at->vm.id);
	return 0;
}

int
vm_at_open(struct vm_at *out, const struct root *root, const char *ref,
    bool locked, int64_t deadline_ms, struct error *err)
{
	struct vm_at at = { .root = root, .dirfd = -1 };
	char id[ID_LEN + 1];

	vm_init(&at.vm);
	if (root_resolve(id, root, ROOT_VM, ref, err) == -1)
		return -1;
	if (open_dir(&at.dirfd, root, id, locked, deadline_ms, ref, err) == -1)
		return -1;
	at.dir = root_dir_of(root, ROOT_VM, id);
	if (at.dir == NULL)
		error_nomem(err, ref);
	else if (read_record(&at, id, err) == -1)
		error_wrap(err, "%s", ref);
	else if (locked && at.vm.elsewhere)
		error_set(err, EX_NOPERM,
		    "%s: runs in another PID namespace: only there it can be "
		    "changed",
		    ref);
	else {
		*out = at;
		return 0;
	}
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
vm_at_refresh(struct vm_at *at, struct error *err)
{
	struct error why = { 0 };
	struct vm_at fresh;

	if (vm_at_open(&fresh, at->root, at->vm.id, false, 0, &why) == -1) {
		if (why.code == EX_NOINPUT)
			return error_set(err, EX_NOINPUT, "removed meanwhile");
		if (err != NULL)
			*err = why;
		return -1;
	}
	vm_at_close(at);
	*at = fresh;
	return 0;
}

int
vm_at_write(struct vm_at *at, bool sync, const struct timespec *now,
    struct error *err)
{
	return vm_write(&at->vm, at->dirfd, sync, now, err);
}
