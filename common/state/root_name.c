/* SPDX-License-Identifier: ISC */
/* Names: symbolic links, claimed by being made. */
#include "state/root.h"

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
#include "state/root_impl.h"

#define NAME_LOCK_MS 10000 /* for the lock on a directory of names */
#define TARGET_BYTES 64 /* "../../snap/", an id */

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

/* Whether nothing needs the link.  One beside is its maker's, under the lock. */
static bool
is_dead(const struct root *root, enum root_kind kind, const char *name,
    const char *id)
{
	return name[0] == '.' || !root_is_alive(root, kind, id);
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
	if (found == 0 || !is_dead(root, kind, name, id))
		return 0;
	if (dry_run)
		return 1;
	if (lock_names(&fd, root, kind, err) == -1)
		return error_wrap(err, "names");
	found = root_name_target(id, root, kind, name, err);
	if (found == -1) {
		rc = -1;
	} else if (found == 1 && is_dead(root, kind, name, id)) {
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
say_taken(enum root_kind kind, const char *name, struct error *err)
{
	return error_set(err, EX_CANTCREAT, "%s: the name is taken%s", name,
	    kind == ROOT_SNAP ? ": --replace moves it" : "");
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
	    : say_taken(kind, name, err);
}

static void
make_target(char target[TARGET_BYTES], enum root_kind kind, const char *id)
{
	snprintf(target, TARGET_BYTES, "../../%s/%s", root_kind_dir(kind), id);
}

int
root_name_claim(const struct root *root, enum root_kind kind, const char *name,
    const char *id, struct error *err)
{
	char target[TARGET_BYTES], leads_to[ID_LEN + 1];
	int cleared;

	make_target(target, kind, id);
	while (symlinkat(target, root->name_fd[kind], name) == -1) {
		if (errno != EEXIST)
			return error_sys(err, error_code_of(errno), "name %s",
			    name);
		/* One that was killed had claimed it. */
		if (root_name_target(leads_to, root, kind, name, NULL) == 1 &&
		    strcmp(leads_to, id) == 0)
			return 0;
		cleared = root_name_clear(root, kind, name, false, err);
		if (cleared == -1)
			return -1;
		if (cleared == 0)
			return say_taken(kind, name, err);
	}
	return 0;
}

/*
 * Under the lock of the names: a link beside takes the place of the one that is
 * there, so that the name leads somewhere at any moment.
 */
static int
take_over(char old_id[ID_LEN + 1], const struct root *root, enum root_kind kind,
    const char *name, const char *id, struct error *err)
{
	char target[TARGET_BYTES], beside[ID_LEN + 8];
	int fd = root->name_fd[kind], found;

	found = root_name_target(old_id, root, kind, name, err);
	if (found == -1)
		return -1;
	if (found == 0 && faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return say_taken(kind, name, err);
	if (found == 0 || strcmp(old_id, id) == 0 ||
	    !root_is_alive(root, kind, old_id))
		old_id[0] = '\0';
	make_target(target, kind, id);
	snprintf(beside, sizeof(beside), ".new-%s", id);
	unlinkat(fd, beside, 0); /* of one that was killed here */
	if (symlinkat(target, fd, beside) == -1)
		return error_sys(err, error_code_of(errno), "name %s", name);
	hook_step("root-name-beside");
	if (renameat(fd, beside, fd, name) == -1) {
		error_sys(err, error_code_of(errno), "name %s", name);
		unlinkat(fd, beside, 0);
		return -1;
	}
	return 0;
}

int
root_name_set(char old_id[ID_LEN + 1], const struct root *root,
    enum root_kind kind, const char *name, const char *id, bool over,
    struct error *err)
{
	int fd, rc;

	old_id[0] = '\0';
	if (!over)
		return root_name_claim(root, kind, name, id, err);
	if (lock_names(&fd, root, kind, err) == -1)
		return error_wrap(err, "names");
	rc = take_over(old_id, root, kind, name, id, err);
	fd_drop(&fd);
	return rc;
}
