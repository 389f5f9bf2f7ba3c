/* SPDX-License-Identifier: ISC */
#include "state/lineage.h"

#include <stdbool.h>
#include <string.h>

#include "base/fd.h"
#include "state/vm.h"

/* The VM's record; false: it is gone, or cannot be read. */
static bool
read_vm(struct vm *vm, const struct root *root, const char *id)
{
	int fd;
	bool is;

	if (fd_open_dir(&fd, root_kind_fd(root, ROOT_VM), id, false, NULL) ==
	    -1)
		return false;
	is = vm_read(vm, fd, NULL) == 0;
	fd_drop(&fd);
	return is;
}

/* What the VM was saved to before `id`, the last one first. */
static int
add_saves(struct strv *ids, const struct vm *vm, const char *id,
    struct error *err)
{
	const struct strv *v = &vm->snapshot_ids;
	size_t i = v->n, k;

	for (k = 0; k < v->n; k++)
		if (strcmp(v->v[k], id) == 0)
			i = k;
	for (; i > 0; i--)
		if (!strv_has(ids, v->v[i - 1]) &&
		    strv_add(ids, err, "%s", v->v[i - 1]) == -1)
			return -1;
	return 0;
}

/* The VM that a snapshot was saved from, by its sidecar; false: unknown. */
static bool
read_origin(struct vm *vm, const struct root *root, const struct snap *snap)
{
	char vm_id[ID_LEN + 1];

	return snap_origin(vm_id, snap, NULL) == 0 && id_is_valid(vm_id) &&
	    read_vm(vm, root, vm_id);
}

/* The ancestors by one VM; next[] is what that was cloned from, or "". */
static int
add_of_vm(struct strv *ids, char next[ID_LEN + 1], const struct root *root,
    const struct snap *snap, struct error *err)
{
	struct vm vm;
	int rc;

	next[0] = '\0';
	if (!read_origin(&vm, root, snap))
		return 0;
	rc = add_saves(ids, &vm, snap_id(snap), err);
	if (rc == 0 && vm.cloned_from[0] != '\0' &&
	    !strv_has(ids, vm.cloned_from)) {
		memcpy(next, vm.cloned_from, sizeof(vm.cloned_from));
		rc = strv_add(ids, err, "%s", next);
	}
	vm_fini(&vm);
	return rc;
}

int
lineage_of(struct strv *ids, const struct root *root, const struct snap *snap,
    struct error *err)
{
	char next[ID_LEN + 1];
	struct snap *from = NULL;
	int rc;

	if (strv_add(ids, err, "%s", snap_id(snap)) == -1)
		return -1;
	rc = add_of_vm(ids, next, root, snap, err);
	while (rc == 0 && next[0] != '\0' && ids->n < LINEAGE_MAX &&
	    snap_open(&from, root, next, NULL) == 0) {
		rc = add_of_vm(ids, next, root, from, err);
		snap_close(from);
	}
	return rc;
}
