/* SPDX-License-Identifier: ISC */
#include "state/root.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/path.h"
#include "snapshot/envelope.h"
#include "state/root_impl.h"
#include "state/vm.h"

#define FOLLOW_TRIES 8 /* of a name that moves each time */
#define PREFIX_MIN 3 /* characters of an id; shorter ones fit too much */

/* For messages. */
static const char *
kind_noun(enum root_kind kind)
{
	return kind == ROOT_VM ? "VM" : "snapshot";
}

void
root_show_progress(struct root *root)
{
	root->shows = true;
}

const char *
root_path(const struct root *root)
{
	return root->path;
}

int
root_fd(const struct root *root)
{
	return root->fd;
}

int
root_kind_fd(const struct root *root, enum root_kind kind)
{
	return root->kind_fd[kind];
}

char *
root_dir_of(const struct root *root, enum root_kind kind, const char *id)
{
	return path_format("%s/%s/%s",
	    strcmp(root->path, "/") == 0 ? "" : root->path,
	    kind == ROOT_VM ? "vm" : "snap", id);
}

bool
root_has(const struct root *root, enum root_kind kind, const char *id)
{
	struct stat st;

	return fstatat(root->kind_fd[kind], id, &st, AT_SYMLINK_NOFOLLOW) ==
	    0 &&
	    S_ISDIR(st.st_mode);
}

const char *
root_kind_dir(enum root_kind kind)
{
	return kind == ROOT_VM ? "vm" : "snap";
}

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

void
root_put_name(char put[ROOT_PUT_NAME], const char *id)
{
	snprintf(put, ROOT_PUT_NAME, ".put-%s", id);
}

bool
root_has_put(const struct root *root, enum root_kind kind, const char *id)
{
	char put[ROOT_PUT_NAME];

	root_put_name(put, id);
	return faccessat(root->kind_fd[kind], put, F_OK, AT_SYMLINK_NOFOLLOW) ==
	    0;
}

const char *
root_record(enum root_kind kind)
{
	return kind == ROOT_SNAP ? ENVELOPE_NAME : VM_RECORD_NAME;
}

bool
root_is_alive(const struct root *root, enum root_kind kind, const char *id)
{
	/*
	 * It may be published between the first two questions, so the first
	 * one is asked again.
	 */
	return root_has(root, kind, id) || is_being_built(root, kind, id) ||
	    root_has_put(root, kind, id) || root_has(root, kind, id);
}

int
root_name_target(char id[ID_LEN + 1], const struct root *root,
    enum root_kind kind, const char *name, struct error *err)
{
	char target[64];
	const char *base;
	ssize_t len;

	len = readlinkat(root->name_fd[kind], name, target, sizeof(target) - 1);
	if (len == -1) {
		if (errno == ENOENT || errno == EINVAL ||
		    root->name_fd[kind] == -1)
			return 0;
		return error_sys(err, EX_IOERR, "name %s", name);
	}
	target[len] = '\0';
	base = path_base(target);
	if (!id_is_valid(base))
		return 0;
	memcpy(id, base, ID_LEN + 1);
	return 1;
}

/* Whether `ref` could be an id, a name or the beginning of one. */
static bool
is_possible(const char *ref)
{
	return envelope_is_name(ref);
}

int
root_list(struct strv *ids, const struct root *root, enum root_kind kind,
    struct error *err)
{
	struct strv names = { 0 };
	size_t i;
	int rc;

	if (root->kind_fd[kind] == -1)
		return 0;
	rc = dir_list(&names, root->kind_fd[kind], root->path, err);
	for (i = 0; rc == 0 && i < names.n; i++)
		if (id_is_valid(names.v[i]))
			rc = strv_add(ids, err, "%s", names.v[i]);
	strv_fini(&names);
	return rc;
}

/* The only id that begins with `prefix`: 1, 0 when none does, -1. */
static int
find_prefix(char id[ID_LEN + 1], const struct root *root, enum root_kind kind,
    const char *prefix, struct error *err)
{
	size_t len = strlen(prefix), i;
	struct strv ids = { 0 };
	int found = 0;

	if (len < PREFIX_MIN || len >= ID_LEN)
		return 0;
	if (root_list(&ids, root, kind, err) == -1)
		return -1;
	for (i = 0; i < ids.n && found != -1; i++) {
		if (strncmp(ids.v[i], prefix, len) != 0)
			continue;
		found = found == 0 ? 1
				   : error_set(err, EX_NOINPUT,
					 "%s: ambiguous: several %ss begin so",
					 prefix, kind_noun(kind));
		memcpy(id, ids.v[i], ID_LEN + 1);
	}
	strv_fini(&ids);
	return found;
}

/* It is looked for under the wrong root more often than by a wrong name. */
static int
no_such(const struct root *root, enum root_kind kind, const char *ref,
    struct error *err)
{
	return error_set(err, EX_NOINPUT, "%s: no such %s in %s", ref,
	    kind_noun(kind), root->path);
}

/*
 * Where the name leads: as root_name_target().  What it led to a moment ago may
 * be gone because it has moved on since, so it is asked again.
 */
static int
follow_name(char found[ID_LEN + 1], const struct root *root,
    enum root_kind kind, const char *name, struct error *err)
{
	char now[ID_LEN + 1];
	int rc, tries;

	rc = root_name_target(found, root, kind, name, err);
	for (tries = 0;
	     rc == 1 && !root_has(root, kind, found) && tries < FOLLOW_TRIES;
	     tries++) {
		memcpy(now, found, sizeof(now));
		rc = root_name_target(found, root, kind, name, err);
		if (rc == 1 && memcmp(now, found, sizeof(now)) == 0)
			break;
	}
	return rc;
}

int
root_resolve(char id[ID_LEN + 1], const struct root *root, enum root_kind kind,
    const char *ref, struct error *err)
{
	char found[ID_LEN + 1];
	int rc;

	if (!is_possible(ref))
		return error_set(err, EX_USAGE,
		    "\"%s\" is neither an id nor a name", ref);
	if (id_is_valid(ref) && root_has(root, kind, ref)) {
		memcpy(id, ref, ID_LEN + 1);
		return 0;
	}
	rc = follow_name(found, root, kind, ref, err);
	if (rc == 1 && !root_has(root, kind, found)) {
		if (root_has_put(root, kind, found))
			return error_set(err, EX_TEMPFAIL,
			    "%s: half replaced: state-gc does the rest", ref);
		rc = 0;
	}
	if (rc == 0)
		rc = find_prefix(found, root, kind, ref, err);
	if (rc == -1)
		return -1;
	if (rc == 0)
		return no_such(root, kind, ref, err);
	memcpy(id, found, ID_LEN + 1);
	return 0;
}

int
root_lock(int *fd, const struct root *root, enum root_kind kind, const char *id,
    bool exclusive, int64_t deadline_ms, struct error *err)
{
	struct error why = { 0 };

	if (!id_is_valid(id) || root->kind_fd[kind] == -1)
		return no_such(root, kind, id, err);
	if (lock_dir(fd, root->kind_fd[kind], id,
		exclusive ? LOCK_EXCLUSIVE : LOCK_SHARED, deadline_ms,
		&why) == 0)
		return 0;
	if (why.code == EX_NOINPUT)
		return no_such(root, kind, id, err);
	if (err != NULL)
		*err = why;
	return -1;
}

int
root_access_touch(const struct root *root, const char *id, struct error *err)
{
	int fd, rc = 0;

	if (root->access_fd == -1 || root->is_foreign)
		return 0;
	fd = openat(root->access_fd, id,
	    O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1 && error_code_of(errno) == EX_NOPERM)
		return 0;
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "access/%s", id);
	if (futimens(fd, NULL) == -1)
		rc = error_sys(err, EX_IOERR, "access/%s", id);
	fd_drop(&fd);
	return rc;
}

int
root_access_time(struct timespec *out, const struct root *root, const char *id,
    struct error *err)
{
	struct stat st;

	if (root->access_fd == -1)
		return error_set(err, EX_NOINPUT, "access/%s: never", id);
	if (fstatat(root->access_fd, id, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return error_sys(err,
		    errno == ENOENT ? EX_NOINPUT : error_code_of(errno),
		    "access/%s", id);
	*out = st.st_mtim;
	return 0;
}
