/* SPDX-License-Identifier: ISC */
/* How a root is found, made and opened. */
#include "state/root.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/user.h"
#include "disk/fs.h"
#include "state/root_impl.h"

/* What a root that is not there is to who opens it, and who lacks a part. */
enum access {
	TO_READ, /* nothing is made */
	TO_CHANGE, /* what is missing of one that is there is made */
	TO_MAKE /* the root is made, too */
};

/* The root that the user names, by an option or in the environment, or NULL. */
static const char *
named_path(const char *option)
{
	const char *dir = option != NULL ? option : getenv("INSTAR_ROOT");

	return dir != NULL && (option != NULL || dir[0] != '\0') ? dir : NULL;
}

/* Where the root is when nobody says; the caller frees it. */
static char *
default_path(void)
{
	const char *dir;

	if (geteuid() == 0)
		return strdup("/var/lib/instar");
	dir = getenv("XDG_STATE_HOME");
	if (dir != NULL && dir[0] == '/')
		return path_format("%s/instar", dir);
	dir = getenv("HOME");
	if (dir == NULL || dir[0] != '/')
		return strdup("");
	return path_format("%s/.local/state/instar", dir);
}

/* Makes every directory of `path` that is missing. */
static int
make_path(char *path, struct error *err)
{
	int rc, first = 0;
	char *p;

	for (p = path + 1;; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		if (*p == '\0')
			break;
		*p = '\0';
		rc = mkdir(path, 0700);
		if (rc == -1 && errno != EEXIST && errno != EISDIR &&
		    errno != EROFS && errno != EACCES)
			error_sys(err, error_code_of(errno), "%s", path);
		else {
			first = rc == -1 && errno != EEXIST ? errno : 0;
			rc = 0;
		}
		*p = '/';
		if (rc == -1)
			return -1;
	}
	if (mkdir(path, 0700) == -1 && errno != EEXIST) {
		/* What kept the parent from being made tells more. */
		errno = errno == ENOENT && first != 0 ? first : errno;
		return error_sys(err, error_code_of(errno), "%s", path);
	}
	return 0;
}

/*
 * Opens the directory `name` of the root, unless it is open; a missing one is
 * made, or is -1 unless it `may` be.
 */
static int
open_part(int *fd, int dirfd, const char *name, bool may, struct error *err)
{
	if (*fd != -1)
		return 0;
	*fd = openat(dirfd, name,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd == -1 && errno == ENOENT && !may)
		return 0;
	if (*fd == -1 && errno == ENOENT) {
		if (mkdirat(dirfd, name, 0700) == -1 && errno != EEXIST)
			return error_sys(err, error_code_of(errno), "%s", name);
		return fd_open_dir(fd, dirfd, name, false, err);
	}
	if (*fd == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	return 0;
}

static int
open_five(struct root *r, int *name_fd, bool may, struct error *err)
{
	if (open_part(&r->kind_fd[ROOT_VM], r->fd, "vm", may, err) == -1 ||
	    open_part(&r->kind_fd[ROOT_SNAP], r->fd, "snap", may, err) == -1 ||
	    open_part(&r->layer_fd, r->fd, "layer", may, err) == -1 ||
	    open_part(&r->access_fd, r->fd, "access", may, err) == -1)
		return -1;
	return open_part(name_fd, r->fd, "name", may, err);
}

static int
open_parts(struct root *r, enum access access, struct error *err)
{
	bool may = access != TO_READ;
	int name_fd = -1, rc;

	rc = open_five(r, &name_fd, access == TO_MAKE, err);
	if (rc == 0 && name_fd == -1 && r->kind_fd[ROOT_VM] == -1 &&
	    r->kind_fd[ROOT_SNAP] == -1 && r->layer_fd == -1 &&
	    r->access_fd == -1)
		return error_set(err, EX_NOINPUT,
		    "no state root: it has neither vm nor snap");
	if (rc == 0 && access == TO_CHANGE)
		rc = open_five(r, &name_fd, true, err);
	fd_drop(&name_fd);
	if (rc == -1)
		return -1;
	if (open_part(&r->name_fd[ROOT_VM], r->fd, "name/vm", may, err) == -1)
		return -1;
	return open_part(&r->name_fd[ROOT_SNAP], r->fd, "name/snap", may, err);
}

static int
not_the_owner(const char *path, struct error *err)
{
	return error_set(err, EX_NOPERM,
	    "%s: belongs to another user, as whom this process may not act",
	    path);
}

/*
 * Root acts as the owner of a root that is another's: what it made there, and
 * what it started, would be out of the owner's reach.  0, 1 where it cannot,
 * or -1.
 */
static int
act_as_owner(const struct stat *st, struct error *err)
{
	struct error why = { 0 };

	if (geteuid() != 0 || st->st_uid == 0 ||
	    user_become(st->st_uid, st->st_gid, &why) == 0)
		return 0;
	if (why.code == EX_NOPERM)
		return 1;
	if (err != NULL)
		*err = why;
	return -1;
}

/*
 * Whose the root is; of one that is not there, whose it will be: the owner's of
 * the nearest directory above it, but where everybody may make something there.
 */
static int
find_owner(struct stat *st, const char *path, struct error *err)
{
	char *p = strdup(path), *slash;
	bool above = false;

	if (p == NULL)
		return error_nomem(err, "state root");
	while (stat(p, st) == -1) {
		slash = strrchr(p, '/');
		above = true;
		if (slash == p && p[1] == '\0') {
			free(p);
			return error_sys(err, error_code_of(errno), "/");
		}
		slash[slash == p] = '\0';
	}
	free(p);
	if (above && (st->st_mode & S_IWOTH) != 0)
		st->st_uid = 0;
	return 0;
}

/* Makes the root's directory, and those above it, as their owner to be. */
static int
make_root(const struct root *r, struct error *err)
{
	struct stat st = { .st_uid = 0 };
	int rc = 0;

	if (geteuid() == 0 && find_owner(&st, r->path, err) == -1)
		return -1;
	rc = act_as_owner(&st, err);
	if (rc != 0)
		return rc == 1 ? not_the_owner(r->path, err) : -1;
	return make_path(r->path, err);
}

static int
look_whose(struct root *r, bool to_write, struct error *err)
{
	struct stat st;
	int rc;

	if (geteuid() != 0)
		return 0;
	if (fstat(r->fd, &st) == -1)
		return error_sys(err, EX_IOERR, "%s", r->path);
	if (st.st_uid == 0)
		return 0;
	rc = act_as_owner(&st, err);
	r->is_foreign = rc == 1;
	if (rc == 1 && to_write)
		return not_the_owner(r->path, err);
	return rc == -1 ? error_wrap(err, "%s", r->path) : 0;
}

/* Who does not make it may have been sent to the wrong place. */
static int
open_dir(int *fd, const char *path, enum access access, struct error *err)
{
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd != -1)
		return 0;
	return error_sys(err, error_code_of(errno), "%s%s", path,
	    access != TO_MAKE && error_code_of(errno) == EX_NOINPUT
		? ": no state root"
		: "");
}

static int
open_all(struct root *r, enum access access, struct error *err)
{
	bool to_write = access != TO_READ;

	if (access == TO_MAKE && faccessat(AT_FDCWD, r->path, F_OK, 0) == -1 &&
	    make_root(r, err) == -1)
		return -1;
	if (open_dir(&r->fd, r->path, access, err) == -1 ||
	    look_whose(r, to_write, err) == -1)
		return -1;
	if (fs_is_network(r->fd))
		return error_set(err, EX_CONFIG,
		    "%s: on a network filesystem, where directories "
		    "cannot be locked",
		    r->path);
	if (to_write && faccessat(r->fd, ".", W_OK | X_OK, AT_EACCESS) == -1)
		return error_sys(err, EX_NOPERM, "%s", r->path);
	if (open_parts(r, access, err) == -1)
		return error_wrap(err, "%s", r->path);
	return 0;
}

/* The absolute path of the root; the caller frees it. */
static char *
choose_path(const char *path, struct error *err)
{
	char *chosen, *absolute = NULL;
	size_t len;

	path = named_path(path);
	chosen = path != NULL ? strdup(path) : default_path();
	if (chosen == NULL)
		error_nomem(err, "state root");
	else if (chosen[0] == '\0')
		error_set(err, EX_USAGE,
		    path != NULL
			? "--root is empty"
			: "state root: give --root, INSTAR_ROOT or HOME");
	else if ((absolute = path_absolute(chosen)) == NULL)
		error_sys(err, EX_OSERR, "state root");
	len = absolute == NULL ? 0 : strlen(absolute);
	while (len > 1 && absolute[len - 1] == '/')
		absolute[--len] = '\0';
	free(chosen);
	return absolute;
}

static int
open_root(struct root **out, const char *path, enum access access,
    struct error *err)
{
	struct root *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return error_nomem(err, "state root");
	r->fd = r->layer_fd = r->access_fd = -1;
	r->kind_fd[0] = r->kind_fd[1] = r->name_fd[0] = r->name_fd[1] = -1;
	r->path = choose_path(path, err);
	if (r->path == NULL || open_all(r, access, err) == -1) {
		root_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

int
root_become_owner(const char *path, struct error *err)
{
	struct stat st;
	char *chosen;
	int rc = -1;

	if (geteuid() != 0)
		return 0;
	chosen = choose_path(path, err);
	if (chosen == NULL || find_owner(&st, chosen, err) == -1)
		goto out;
	rc = act_as_owner(&st, err);
	if (rc == 1)
		rc = not_the_owner(chosen, err);
	/* The default is another one now. */
	else if (rc == 0 && geteuid() != 0 && named_path(path) == NULL &&
	    setenv("INSTAR_ROOT", chosen, 1) == -1)
		rc = error_sys(err, EX_OSERR, "environment");
out:
	free(chosen);
	return rc;
}

int
root_open(struct root **out, const char *path, struct error *err)
{
	return open_root(out, path, TO_MAKE, err);
}

int
root_open_to_read(struct root **out, const char *path, struct error *err)
{
	return open_root(out, path, TO_READ, err);
}

int
root_open_existing(struct root **out, const char *path, struct error *err)
{
	return open_root(out, path, TO_CHANGE, err);
}

static int
open_or_none(struct root **out, const char *path, enum access access,
    struct error *err)
{
	struct error why = { 0 };

	if (open_root(out, path, access, &why) == 0)
		return 0;
	if (named_path(path) == NULL && why.code == EX_NOINPUT &&
	    why.sys != ENOTDIR)
		return 1;
	if (err != NULL)
		*err = why;
	return -1;
}

int
root_open_to_list(struct root **out, const char *path, struct error *err)
{
	return open_or_none(out, path, TO_READ, err);
}

int
root_open_to_tidy(struct root **out, const char *path, struct error *err)
{
	return open_or_none(out, path, TO_CHANGE, err);
}

void
root_close(struct root *root)
{
	size_t i;

	if (root == NULL)
		return;
	for (i = 0; i < ROOT_KINDS; i++) {
		fd_drop(&root->kind_fd[i]);
		fd_drop(&root->name_fd[i]);
	}
	fd_drop(&root->layer_fd);
	fd_drop(&root->access_fd);
	fd_drop(&root->fd);
	free(root->path);
	free(root);
}

int
root_check_owner(const struct root *root, struct error *err)
{
	return root->is_foreign ? not_the_owner(root->path, err) : 0;
}
