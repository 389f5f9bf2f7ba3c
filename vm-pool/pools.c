/* SPDX-License-Identifier: ISC */
#include "pools.h"

#include "base/diag.h"
#include "base/fd.h"
#include "base/json.h"
#include "state/refs.h"
#include "state/snap.h"
#include "state/standby.h"
#include "state/vm.h"

const struct members pools_members = {
	.names = "snapshot name kept ready waiting.#.id waiting.#.pid "
		 "waiting.#.started_at"
};

struct pools {
	const struct pools_how *how;
	const struct root *root;
};

/* One that is taken, or dies, meanwhile does not wait. */
static int
add_waiting(json_t *list, int dirfd, const char *id, struct error *err)
{
	json_t *one = NULL;
	struct vm vm;
	int fd, rc;

	if (fd_open_dir(&fd, dirfd, id, false, NULL) == -1)
		return 0;
	rc = vm_read(&vm, fd, NULL);
	fd_drop(&fd);
	if (rc == -1)
		return 0;
	if (vm_is_alive(&vm)) {
		one = json_object();
		if (json_put_str(one, "id", id, err) == -1 ||
		    (!vm.elsewhere &&
			json_put_u64(one, "pid", (uint64_t)vm.proc.pid, err) ==
			    -1) ||
		    json_put_str(one, "started_at", vm.started_at, err) == -1)
			rc = -1;
		if (rc == 0 && json_array_append(list, one) == -1)
			rc = error_nomem(err, STANDBY_DIR);
	}
	json_decref(one);
	vm_fini(&vm);
	return rc;
}

static int
put_waiting(json_t *record, const struct root *root, const char *snap_id,
    struct error *err)
{
	json_t *list = json_array();
	struct error why = { 0 };
	struct strv ids = { 0 };
	int dirfd = -1, rc = 0;
	size_t i;

	if (standby_open(&dirfd, root, snap_id, false, &why) == 0)
		rc = standby_list(&ids, dirfd, err);
	else if (why.code != EX_NOINPUT)
		rc = error_set(err, why.code, "%s", why.msg);
	for (i = 0; rc == 0 && i < ids.n; i++)
		rc = add_waiting(list, dirfd, ids.v[i], err);
	fd_drop(&dirfd);
	strv_fini(&ids);
	if (rc == 0)
		rc = json_put_u64(record, "ready", json_array_size(list), err);
	if (rc == -1) {
		json_decref(list);
		return -1;
	}
	return json_put(record, "waiting", list, err);
}

/* A snapshot that is being removed has a name no more. */
static int
put_name(json_t *record, const struct root *root, const char *snap_id,
    struct error *err)
{
	struct snap *snap;
	int rc = 0;

	if (snap_open(&snap, root, snap_id, NULL) == -1)
		return 0;
	if (snap_name(snap)[0] != '\0')
		rc = json_put_str(record, "name", snap_name(snap), err);
	snap_close(snap);
	return rc;
}

static int
list_one(const struct pools *p, const char *snap_id, struct error *err)
{
	json_t *record = json_object();
	bool kept;
	int rc = -1;

	if (json_put_str(record, "snapshot", snap_id, err) == 0 &&
	    put_name(record, p->root, snap_id, err) == 0 &&
	    standby_is_kept(&kept, p->root, snap_id, err) == 0 &&
	    json_put_bool(record, "kept", kept, err) == 0 &&
	    put_waiting(record, p->root, snap_id, err) == 0)
		rc = json_report(record, p->how->members, err);
	json_decref(record);
	return rc;
}

static int
list_ref(void *arg, const char *ref, struct error *err)
{
	const struct pools *p = arg;
	char id[ID_LEN + 1];

	if (root_resolve(id, p->root, ROOT_SNAP, ref, err) == -1)
		return -1;
	return list_one(p, id, err);
}

/* Of one whose snapshot was removed, too: state-gc ends what waits there. */
static int
list_all(const struct pools *p)
{
	struct error err = { 0 };
	struct strv ids = { 0 };
	int code = EX_OK;
	size_t i;

	if (standby_pools(&ids, p->root, &err) == -1)
		diag_failure(&code, &err);
	for (i = 0; i < ids.n; i++) {
		err = (struct error){ 0 };
		if (list_one(p, ids.v[i], &err) == -1)
			diag_failure(&code, &err);
	}
	strv_fini(&ids);
	return code;
}

int
pools_list(const struct pools_how *how)
{
	struct error err = { 0 };
	struct root *root = NULL;
	struct pools p = { .how = how };
	int rc, code;

	rc = root_open_to_list(&root, how->root, &err);
	if (rc == -1)
		return diag_error(&err);
	if (rc == 1 && how->refs_n == 0)
		return EX_OK;
	if (rc == 1 && root_open_existing(&root, how->root, &err) == -1)
		return diag_error(&err);
	p.root = root;
	code = how->refs_n == 0
	    ? list_all(&p)
	    : refs_each(how->refs, how->refs_n, false, list_ref, &p);
	root_close(root);
	return code;
}
