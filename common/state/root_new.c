/* SPDX-License-Identifier: ISC */
/* Names, claimed by a symbolic link, and hidden directories that get one. */
#include "state/root.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/lock.h"
#include "snapshot/envelope.h"
#include "state/root_impl.h"

#define NAME_LOCK_MS 10000 /* for the lock on a directory of names */
#define HIDDEN_LOCK_MS 2000 /* somebody looks whether it is locked */

static const char *const kind_dir[ROOT_KINDS] = { "vm", "snap" };

/* Whether somebody is building the object `id`: its lock is held. */
static bool
is_being_built(const struct root *root, enum root_kind kind, const char *id)
{
	char dir[ID_LEN + 8];
	bool held;
	int fd;

	snprintf(dir, sizeof(dir), ".new-%s", id);
	if (fd_open_dir(&fd, root->kind_fd[kind], dir, false, NULL) == -1)
		return false;
	held = lock_fd(fd, LOCK_SHARED, 0, dir, NULL) == -1;
	fd_drop(&fd);
	return held;
}

bool
root_is_alive(const struct root *root, enum root_kind kind, const char *id)
{
	/*
	 * It may be published between the first two questions, so the first
	 * one is asked again.
	 */
	return root_has(root, kind, id) || is_being_built(root, kind, id) ||
	    root_has(root, kind, id);
}

/* Locks the directory of names against others that remove one. */
static int
lock_names(int *fd, const struct root *root, enum root_kind kind,
    struct error *err)
{
	return lock_dir(fd, root->name_fd[kind], ".", LOCK_EXCLUSIVE,
	    clock_ms() + NAME_LOCK_MS, err);
}

/* Removes the name when it leads to `id`. */
static int
release_one(const struct root *root, enum root_kind kind, const char *name,
    const char *id, struct error *err)
{
	char target[ID_LEN + 1];
	int found;

	found = root_name_target(target, root, kind, name, err);
	if (found == 1 && strcmp(target, id) == 0 &&
	    unlinkat(root->name_fd[kind], name, 0) == -1 && errno != ENOENT)
		return error_sys(err, error_code_of(errno), "name %s", name);
	return found == -1 ? -1 : 0;
}

int
root_name_release(const struct root *root, enum root_kind kind,
    const char *name, const char *id, struct error *err)
{
	int fd, rc;

	if (lock_names(&fd, root, kind, err) == -1)
		return error_wrap(err, "names");
	rc = release_one(root, kind, name, id, err);
	fd_drop(&fd);
	return rc;
}

int
root_names_release(const struct root *root, enum root_kind kind, const char *id,
    struct error *err)
{
	struct strv names = { 0 };
	size_t i;
	int lockfd, rc;

	if (lock_names(&lockfd, root, kind, err) == -1)
		return error_wrap(err, "names");
	rc = dir_list(&names, root->name_fd[kind], "names", err);
	for (i = 0; rc == 0 && i < names.n; i++)
		rc = release_one(root, kind, names.v[i], id, err);
	strv_fini(&names);
	fd_drop(&lockfd);
	return rc;
}

int
root_name_clear(const struct root *root, enum root_kind kind, const char *name,
    bool dry_run, struct error *err)
{
	char id[ID_LEN + 1];
	int fd, found, rc = 0;

	found = root_name_target(id, root, kind, name, err);
	if (found == -1)
		return -1;
	/* A link to no id of ours is not ours to remove. */
	if (found == 0 || root_is_alive(root, kind, id))
		return 0;
	if (dry_run)
		return 1;
	if (lock_names(&fd, root, kind, err) == -1)
		return error_wrap(err, "names");
	found = root_name_target(id, root, kind, name, err);
	if (found == -1) {
		rc = -1;
	} else if (found == 1 && !root_is_alive(root, kind, id)) {
		rc = 1;
		if (unlinkat(root->name_fd[kind], name, 0) == -1 &&
		    errno != ENOENT)
			rc = error_sys(err, error_code_of(errno), "name %s",
			    name);
	}
	fd_drop(&fd);
	return rc;
}

static int
say_taken(const char *name, struct error *err)
{
	return error_set(err, EX_CANTCREAT, "%s: the name is taken", name);
}

int
root_name_check(const struct root *root, enum root_kind kind, const char *name,
    struct error *err)
{
	char id[ID_LEN + 1];
	int found;

	if (faccessat(root->name_fd[kind], name, F_OK, AT_SYMLINK_NOFOLLOW) ==
	    -1)
		return 0;
	found = root_name_target(id, root, kind, name, err);
	if (found == -1)
		return -1;
	return found == 1 && !root_is_alive(root, kind, id)
	    ? 0
	    : say_taken(name, err);
}

static int
claim_name(const struct root *root, enum root_kind kind, const char *name,
    const char *id, struct error *err)
{
	char target[64];
	int cleared;

	snprintf(target, sizeof(target), "../../%s/%s", kind_dir[kind], id);
	while (symlinkat(target, root->name_fd[kind], name) == -1) {
		if (errno != EEXIST)
			return error_sys(err, error_code_of(errno), "name %s",
			    name);
		cleared = root_name_clear(root, kind, name, false, err);
		if (cleared == -1)
			return -1;
		if (cleared == 0)
			return say_taken(name, err);
	}
	return 0;
}

int
root_hidden_make(char id[ID_LEN + 1], int *fd, int dirfd, struct error *err)
{
	char dir[ID_LEN + 8];
	struct error why = { 0 };

	for (;;) {
		if (id_new(id, err) == -1)
			return -1;
		snprintf(dir, sizeof(dir), ".new-%s", id);
		if (mkdirat(dirfd, dir, 0700) == -1)
			return error_sys(err, error_code_of(errno), "%s", dir);
		if (lock_dir(fd, dirfd, dir, LOCK_EXCLUSIVE,
			clock_ms() + HIDDEN_LOCK_MS, &why) == 0)
			return 0;
		/* Collected before it was locked: another one. */
		if (why.code != EX_NOINPUT)
			break;
	}
	unlinkat(dirfd, dir, AT_REMOVEDIR);
	if (err != NULL)
		*err = why;
	return -1;
}

int
root_new_begin(struct root_new *out, const struct root *root,
    enum root_kind kind, const char *name, struct error *err)
{
	struct root_new n;

	if (name[0] != '\0' && !envelope_is_name(name))
		return error_set(err, EX_USAGE, "\"%s\" is not a name: %s",
		    name, ENVELOPE_NAME_RULE);
	memset(&n, 0, sizeof(n));
	n.root = root;
	n.kind = kind;
	if (root_hidden_make(n.id, &n.dirfd, root->kind_fd[kind], err) == -1)
		return error_wrap(err, "%s/%s", root->path, kind_dir[kind]);
	snprintf(n.dir, sizeof(n.dir), ".new-%s", n.id);
	hook_step("root-hidden");
	/* The lock is held before the link is made: a claim is never dead. */
	if (name[0] != '\0' && claim_name(root, kind, name, n.id, err) == -1) {
		root_new_end(&n);
		return -1;
	}
	snprintf(n.name, sizeof(n.name), "%s", name);
	hook_step("root-claimed");
	*out = n;
	return 0;
}

static int
sync_before(const struct root_new *n, struct error *err)
{
	if (fd_sync_dir(n->dirfd, n->dir, err) == -1)
		return -1;
	if (n->name[0] == '\0')
		return 0;
	return fd_sync_dir(n->root->name_fd[n->kind], n->name, err);
}

int
root_new_publish(struct root_new *n, bool sync, struct error *err)
{
	int fd = n->root->kind_fd[n->kind];

	if (n->kind == ROOT_SNAP &&
	    root_access_touch(n->root, n->id, err) == -1)
		return -1;
	if (sync && sync_before(n, err) == -1)
		return -1;
	hook_step("root-publish");
	if (renameat2(fd, n->dir, fd, n->id, RENAME_NOREPLACE) == -1)
		return error_sys(err, error_code_of(errno), "%s", n->id);
	if (sync && fd_sync_dir(fd, n->id, err) == -1) {
		renameat2(fd, n->id, fd, n->dir, RENAME_NOREPLACE);
		return -1;
	}
	hook_step("root-published");
	memcpy(n->dir, n->id, sizeof(n->id));
	return 0;
}

int
root_new_exchange(const struct root_new *n, const char *id, struct error *err)
{
	int fd = n->root->kind_fd[n->kind];

	if (renameat2(fd, n->dir, fd, id, RENAME_EXCHANGE) == -1)
		return error_sys(err, error_code_of(errno), "%s", id);
	return 0;
}

void
root_new_leave(struct root_new *n)
{
	if (n->root == NULL)
		return;
	fd_drop(&n->dirfd);
	n->root = NULL;
}

void
root_new_end(struct root_new *n)
{
	if (n->root == NULL)
		return;
	if (n->dir[0] == '.') {
		fd_remove_tree(n->root->kind_fd[n->kind], n->dir, NULL);
		if (n->name[0] != '\0')
			root_name_release(n->root, n->kind, n->name, n->id,
			    NULL);
		if (n->kind == ROOT_SNAP)
			unlinkat(n->root->access_fd, n->id, 0);
	}
	fd_drop(&n->dirfd);
	n->root = NULL;
}
