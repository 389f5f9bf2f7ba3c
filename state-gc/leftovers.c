/* SPDX-License-Identifier: ISC */
/* What tools that were killed have left behind. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/lock.h"
#include "snapshot/envelope.h"
#include "snapshot/signature.h"
#include "snapshot/working_set.h"
#include "state/artifacts.h"
#include "state/standby.h"
#include "state/vm.h"
#include "vmm/cgroup.h"

#include "gc.h"

#define KILL_MS 10000 /* for a killed process to be gone */
#define PATH_BYTES 400
#define PUT ".put-"

static bool
is_kept(const char *name)
{
	return strncmp(name, ROOT_KEPT, sizeof(ROOT_KEPT) - 1) == 0;
}

/* Whether somebody may still want to go on with it. */
static bool
is_young(const struct gc *gc, int dirfd)
{
	struct stat st;

	return fstat(dirfd, &st) == -1 ||
	    st.st_mtim.tv_sec > gc->now.tv_sec - ROOT_KEPT_S;
}

/*
 * ".new-" is being built, ".kept-" was and may be again, ".put-" takes the place
 * of another, ".gone-" is being removed; NULL: none of them.
 */
static const char *
reason_of(const char *name)
{
	if (strncmp(name, ".new-", 5) == 0 || is_kept(name))
		return "unfinished";
	if (strncmp(name, PUT, sizeof(PUT) - 1) == 0)
		return "half-replaced";
	return strncmp(name, ".gone-", 6) == 0 ? "half-removed" : NULL;
}

/* Ends the VMM that the record in the hidden directory names. */
static int
end_process(struct gc *gc, int dirfd, const char *path, const char *reason,
    struct error *err)
{
	struct gc_item item = { .kind = "process", .reason = reason };
	struct vm vm;
	int pidfd, rc = -1;

	if (vm_read(&vm, dirfd, NULL) == -1)
		return 0;
	if (vm.elsewhere) {
		vm_fini(&vm);
		return 1;
	}
	if (!vm_is_alive(&vm) || proc_open(&pidfd, &vm.proc, NULL) == -1) {
		if (!gc->dry_run)
			cgroup_remove(&vm);
		vm_fini(&vm);
		return 0;
	}
	item.id = vm.id;
	item.path = path;
	if (gc->dry_run ||
	    (proc_signal(pidfd, SIGKILL, err) == 0 &&
		proc_wait(pidfd, clock_ms() + KILL_MS, err) == 0))
		rc = gc_report(gc, &item, err);
	fd_drop(&pidfd);
	if (!gc->dry_run)
		cgroup_remove(&vm);
	vm_fini(&vm);
	return rc;
}

/*
 * One hidden directory, or one of a pool's, which has VMs: left alone while
 * somebody holds its lock.
 */
static int
sweep_hidden(struct gc *gc, int parentfd, const char *parent, const char *name,
    bool is_pool, struct error *err)
{
	struct gc_item item = { .kind = "directory" };
	struct error why = { 0 };
	char path[PATH_BYTES];
	int dirfd, put, kept = 0, rc = -1;

	if (lock_dir(&dirfd, parentfd, name, LOCK_EXCLUSIVE, 0, &why) == -1) {
		if (why.code == EX_TEMPFAIL || why.code == EX_NOINPUT)
			return 0;
		if (err != NULL)
			*err = why;
		return -1;
	}
	if (is_kept(name) && is_young(gc, dirfd)) {
		fd_drop(&dirfd);
		return 0;
	}
	snprintf(path, sizeof(path), "%s/%s", parent, name);
	item.path = path;
	item.reason = is_pool ? "unkept" : reason_of(name);
	if (strncmp(name, PUT, sizeof(PUT) - 1) == 0) {
		put = root_put_finish(gc->root,
		    strcmp(parent, "vm") == 0 ? ROOT_VM : ROOT_SNAP,
		    name + sizeof(PUT) - 1, gc->dry_run, err);
		if (put != 1) {
			rc = put == 0 ? gc_report(gc, &item, err) : put;
			goto out;
		}
		item.reason = "unfinished";
	}
	item.bytes = gc_tree_bytes(parentfd, name);
	if (is_pool || strcmp(parent, "vm") == 0)
		kept = end_process(gc, dirfd, path, item.reason, err);
	if (kept != 0) {
		rc = kept;
		goto out;
	}
	if (!gc->dry_run && fd_remove_tree(parentfd, name, err) == -1)
		goto out;
	rc = gc_report(gc, &item, err);
out:
	fd_drop(&dirfd);
	return rc == -1 ? -1 : 0;
}

/* All hidden directories beneath `parent`. */
static int
sweep_parent(struct gc *gc, const char *parent, struct error *err)
{
	struct error why = { 0 };
	struct strv names = { 0 };
	size_t i;
	int fd = -1, rc = -1;

	if (gc_names(&names, gc, parent, err) == -1 ||
	    (names.n > 0 &&
		fd_open_dir(&fd, root_fd(gc->root), parent, false, err) == -1))
		goto out;
	for (i = 0; i < names.n; i++) {
		if (gc_check(err) == -1)
			goto out;
		if (reason_of(names.v[i]) != NULL &&
		    sweep_hidden(gc, fd, parent, names.v[i], false, &why) == -1)
			gc_fail(gc, &why);
	}
	rc = 0;
out:
	fd_drop(&fd);
	strv_fini(&names);
	return rc;
}

/* What waits in the pool of a snapshot, where nobody keeps it up. */
static int
sweep_pool(struct gc *gc, const char *snap_id, struct error *err)
{
	struct error why = { 0 };
	struct strv ids = { 0 };
	char path[PATH_BYTES];
	size_t i;
	int fd, rc;

	snprintf(path, sizeof(path), STANDBY_DIR "/%s", snap_id);
	if (lock_dir(&fd, root_fd(gc->root), path, LOCK_EXCLUSIVE, 0, &why) ==
	    -1) {
		if (why.code == EX_TEMPFAIL || why.code == EX_NOINPUT)
			return 0;
		*err = why;
		return -1;
	}
	rc = standby_list(&ids, fd, err);
	for (i = 0; rc == 0 && i < ids.n; i++) {
		rc = gc_check(err);
		if (rc == 0 &&
		    sweep_hidden(gc, fd, path, ids.v[i], true, &why) == -1)
			gc_fail(gc, &why);
	}
	if (rc == 0 && !gc->dry_run)
		standby_drop(gc->root, snap_id);
	strv_fini(&ids);
	fd_drop(&fd);
	return rc;
}

static int
sweep_pools(struct gc *gc, struct error *err)
{
	struct error why = { 0 };
	struct strv ids = { 0 };
	size_t i;
	int rc;

	if (!fd_exists(root_fd(gc->root), STANDBY_DIR))
		return 0;
	rc = gc_names(&ids, gc, STANDBY_DIR, err);
	for (i = 0; rc == 0 && i < ids.n; i++) {
		rc = gc_check(err);
		if (rc == 0 && id_is_valid(ids.v[i]) &&
		    sweep_pool(gc, ids.v[i], &why) == -1)
			gc_fail(gc, &why);
	}
	strv_fini(&ids);
	return rc;
}

/* The name that the envelope in `fd` has; false: it cannot be read. */
static bool
name_of_snap(char name[ENVELOPE_NAME_MAX + 1], int fd)
{
	struct envelope e;
	bool is;

	envelope_init(&e);
	is = envelope_read(&e, fd, NULL) == 0;
	if (is)
		snprintf(name, ENVELOPE_NAME_MAX + 1, "%s", e.config.name);
	envelope_fini(&e);
	return is;
}

static bool
name_of_vm(char name[ENVELOPE_NAME_MAX + 1], int fd)
{
	struct vm vm;

	if (vm_read(&vm, fd, NULL) == -1)
		return false;
	snprintf(name, ENVELOPE_NAME_MAX + 1, "%s", vm.name);
	vm_fini(&vm);
	return true;
}

/*
 * A name that leads to what has another: of a snap-set or vm-set that was
 * killed.  1, 0 when it is not so, or somebody changes it just now.  Where the
 * other still leads elsewhere, for the move of it did not come about, this is
 * the only one, and stays.
 */
static int
is_former(const struct gc *gc, enum root_kind kind, const char *name)
{
	char id[ID_LEN + 1], leads_to[ID_LEN + 1], has[ENVELOPE_NAME_MAX + 1];
	int fd, rc;

	if (root_name_target(id, gc->root, kind, name, NULL) != 1 ||
	    root_lock(&fd, gc->root, kind, id, false, 0, NULL) == -1)
		return 0;
	rc = (kind == ROOT_SNAP ? name_of_snap : name_of_vm)(has, fd) &&
	    strcmp(has, name) != 0;
	if (rc == 1 && has[0] != '\0' &&
	    (root_name_target(leads_to, gc->root, kind, has, NULL) != 1 ||
		strcmp(leads_to, id) != 0))
		rc = 0;
	if (rc == 1 && !gc->dry_run &&
	    root_name_release(gc->root, kind, name, id, NULL) == -1)
		rc = 0;
	fd_drop(&fd);
	return rc;
}

/* Names whose object is neither there nor being built, or has another. */
static int
sweep_names(struct gc *gc, enum root_kind kind, const char *dir,
    struct error *err)
{
	struct gc_item item = { .kind = "name" };
	struct error why = { 0 };
	struct strv names = { 0 };
	char path[PATH_BYTES];
	size_t i;
	int dead, rc = -1;

	if (gc_names(&names, gc, dir, err) == -1)
		goto out;
	for (i = 0; i < names.n; i++) {
		if (gc_check(err) == -1)
			goto out;
		dead = root_name_clear(gc->root, kind, names.v[i], gc->dry_run,
		    &why);
		item.reason = "dead";
		if (dead == 0) {
			item.reason = "former";
			dead = is_former(gc, kind, names.v[i]);
		}
		snprintf(path, sizeof(path), "%s/%s", dir, names.v[i]);
		item.name = names.v[i];
		item.path = path;
		if (dead == -1 ||
		    (dead == 1 && gc_report(gc, &item, &why) == -1))
			gc_fail(gc, &why);
	}
	rc = 0;
out:
	strv_fini(&names);
	return rc;
}

/*
 * Access times of snapshots that are not there any more, and notes of where they
 * were pushed.
 */
static int
sweep_notes(struct gc *gc, const char *kind, const char *dir, struct error *err)
{
	struct gc_item item = { .kind = kind, .reason = "dead" };
	struct error why = { 0 };
	struct strv names = { 0 };
	char path[PATH_BYTES];
	size_t i;
	int rc = -1;

	if (gc_names(&names, gc, dir, err) == -1)
		goto out;
	for (i = 0; i < names.n; i++) {
		if (gc_check(err) == -1)
			goto out;
		if (!id_is_valid(names.v[i]) ||
		    root_is_alive(gc->root, ROOT_SNAP, names.v[i]))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, names.v[i]);
		item.id = names.v[i];
		item.path = path;
		if (!gc->dry_run &&
		    unlinkat(root_fd(gc->root), path, 0) == -1 &&
		    errno != ENOENT)
			error_sys(&why, error_code_of(errno), "%s", path);
		else if (gc_report(gc, &item, &why) == 0)
			continue;
		gc_fail(gc, &why);
	}
	rc = 0;
out:
	strv_fini(&names);
	return rc;
}

/* Whether it is a file that was written beside another: ".NAME.PID". */
static bool
is_temporary(int dirfd, const char *name)
{
	const char *dot = strrchr(name, '.');
	struct stat st;

	return name[0] == '.' && dot > name + 1 && dot[1] != '\0' &&
	    strspn(dot + 1, "0123456789") == strlen(dot + 1) &&
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode);
}

/*
 * Whether it is one that we have put there: a snapshot's own files may be called
 * as anybody likes.
 */
static bool
is_ours(enum root_kind kind, const char *name)
{
	static const char *const replaced[] = { "." ENVELOPE_NAME ".",
		"." WORKING_SET_NAME ".", "." SIGNATURE_NAME "." };
	size_t i;

	for (i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++)
		if (strncmp(name, replaced[i], strlen(replaced[i])) == 0)
			return true;
	return kind == ROOT_VM;
}

/* Removes temporary files of one that nobody uses now. */
static int
sweep_one(struct gc *gc, enum root_kind kind, const char *parent,
    const char *id, const struct strv *names, struct error *err)
{
	struct gc_item item = { .kind = "file", .reason = "temporary" };
	char path[PATH_BYTES];
	size_t i;
	int fd, rc = -1;

	if (root_lock(&fd, gc->root, kind, id, true, 0, NULL) == -1)
		return 0;
	for (i = 0; i < names->n; i++) {
		if (!is_ours(kind, names->v[i]) ||
		    !is_temporary(fd, names->v[i]))
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", parent, id,
		    names->v[i]);
		item.path = path;
		item.bytes = gc_tree_bytes(fd, names->v[i]);
		if (!gc->dry_run && unlinkat(fd, names->v[i], 0) == -1) {
			error_sys(err, error_code_of(errno), "%s", path);
			goto out;
		}
		if (gc_report(gc, &item, err) == -1)
			goto out;
	}
	rc = 0;
out:
	fd_drop(&fd);
	return rc;
}

/* It is locked, which may disturb others, only when there is a need. */
static int
look_at_one(struct gc *gc, enum root_kind kind, const char *parent,
    const char *id, struct error *err)
{
	struct strv names = { 0 };
	char path[ID_LEN + 16];
	size_t i;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/%s", parent, id);
	if (gc_names(&names, gc, path, NULL) == 0)
		for (i = 0; i < names.n; i++)
			if (names.v[i][0] == '.') {
				rc = sweep_one(gc, kind, parent, id, &names,
				    err);
				break;
			}
	strv_fini(&names);
	return rc;
}

static int
sweep_all(struct gc *gc, enum root_kind kind, const char *parent,
    struct error *err)
{
	struct error why = { 0 };
	struct strv ids = { 0 };
	size_t i;
	int rc = -1;

	if (root_list(&ids, gc->root, kind, err) == -1)
		goto out;
	for (i = 0; i < ids.n; i++) {
		if (gc_check(err) == -1)
			goto out;
		if (look_at_one(gc, kind, parent, ids.v[i], &why) == -1)
			gc_fail(gc, &why);
	}
	rc = 0;
out:
	strv_fini(&ids);
	return rc;
}

int
gc_leftovers(struct gc *gc, struct error *err)
{
	if (sweep_parent(gc, "vm", err) == -1 ||
	    sweep_parent(gc, "snap", err) == -1 ||
	    sweep_parent(gc, "layer", err) == -1 ||
	    sweep_pools(gc, err) == -1 ||
	    sweep_names(gc, ROOT_VM, "name/vm", err) == -1 ||
	    sweep_names(gc, ROOT_SNAP, "name/snap", err) == -1 ||
	    sweep_notes(gc, "access", "access", err) == -1 ||
	    (fd_exists(root_fd(gc->root), ARTIFACTS_DIR) &&
		sweep_notes(gc, "artifact", ARTIFACTS_DIR, err) == -1))
		return -1;
	return sweep_all(gc, ROOT_SNAP, "snap", err) == -1
	    ? -1
	    : sweep_all(gc, ROOT_VM, "vm", err);
}
