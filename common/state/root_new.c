/* SPDX-License-Identifier: ISC */
/* Hidden directories in which something is built, and how it appears. */
#include "state/root.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/lock.h"
#include "snapshot/envelope.h"
#include "state/root_impl.h"

#define HIDDEN_LOCK_MS 2000 /* somebody looks whether it is locked */

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

static int
begin(struct root_new *out, const struct root *root, enum root_kind kind,
    const char *name, bool over, struct error *err)
{
	struct root_new n;

	if (name[0] != '\0' && !envelope_is_name(name))
		return error_set(err, EX_USAGE, "\"%s\" is not a name: %s",
		    name, ENVELOPE_NAME_RULE);
	if (root_check_owner(root, err) == -1)
		return -1;
	memset(&n, 0, sizeof(n));
	n.root = root;
	n.kind = kind;
	if (root_hidden_make(n.id, &n.dirfd, root->kind_fd[kind], err) == -1)
		return error_wrap(err, "%s/%s", root->path,
		    root_kind_dir(kind));
	snprintf(n.dir, sizeof(n.dir), ".new-%s", n.id);
	hook_step("root-hidden");
	/* The lock is held before the link is made: a claim is never dead. */
	if (name[0] != '\0' && !over &&
	    root_name_claim(root, kind, name, n.id, err) == -1) {
		root_new_end(&n);
		return -1;
	}
	n.over = over && name[0] != '\0';
	snprintf(n.name, sizeof(n.name), "%s", name);
	hook_step("root-claimed");
	*out = n;
	return 0;
}

int
root_new_begin(struct root_new *out, const struct root *root,
    enum root_kind kind, const char *name, struct error *err)
{
	return begin(out, root, kind, name, false, err);
}

int
root_new_begin_over(struct root_new *out, const struct root *root,
    enum root_kind kind, const char *name, struct error *err)
{
	return begin(out, root, kind, name, true, err);
}

int
root_new_adopt(struct root_new *out, const struct root *root,
    enum root_kind kind, int fromfd, const char *id, const char *name,
    struct error *err)
{
	struct root_new n = { .root = root, .kind = kind };

	if (name[0] != '\0' && !envelope_is_name(name))
		return error_set(err, EX_USAGE, "\"%s\" is not a name: %s",
		    name, ENVELOPE_NAME_RULE);
	/* Nothing is moved for a name that is taken. */
	if (root_check_owner(root, err) == -1 ||
	    (name[0] != '\0' && root_name_check(root, kind, name, err) == -1) ||
	    lock_dir(&n.dirfd, fromfd, id, LOCK_EXCLUSIVE, 0, err) == -1)
		return -1;
	snprintf(n.id, sizeof(n.id), "%s", id);
	snprintf(n.dir, sizeof(n.dir), ".new-%s", id);
	snprintf(n.name, sizeof(n.name), "%s", name);
	if (renameat2(fromfd, id, root->kind_fd[kind], n.dir,
		RENAME_NOREPLACE) == -1) {
		error_sys(err, error_code_of(errno), "%s", id);
		fd_drop(&n.dirfd);
		return -1;
	}
	hook_step("root-adopted");
	if (name[0] != '\0' &&
	    root_name_claim(root, kind, name, id, err) == -1) {
		renameat2(root->kind_fd[kind], n.dir, fromfd, id,
		    RENAME_NOREPLACE);
		fd_drop(&n.dirfd);
		return -1;
	}
	*out = n;
	return 0;
}

int
root_new_set_aside(struct root_new *n, int tofd, struct error *err)
{
	if (renameat2(n->root->kind_fd[n->kind], n->dir, tofd, n->id,
		RENAME_NOREPLACE) == -1)
		return error_sys(err, error_code_of(errno), "%s", n->id);
	n->stays = true;
	if (n->name[0] != '\0')
		root_name_release(n->root, n->kind, n->name, n->id, NULL);
	n->name[0] = '\0';
	return 0;
}

int
root_new_keep(struct root_new *n, const char *key, int64_t deadline_ms,
    struct error *err)
{
	char dir[ROOT_HIDDEN_NAME];
	int parent = n->root->kind_fd[n->kind], fd = -1;
	struct error why = { 0 };

	snprintf(dir, sizeof(dir), ROOT_KEPT "%.64s", key);
	do {
		if (mkdirat(parent, dir, 0700) == -1 && errno != EEXIST)
			return error_sys(err, error_code_of(errno), "%s", dir);
		/* ENOENT: meanwhile it was collected, or is in place. */
	} while (lock_dir(&fd, parent, dir, LOCK_EXCLUSIVE, deadline_ms,
		     &why) == -1 &&
	    why.sys == ENOENT);
	if (fd == -1) {
		if (err != NULL)
			*err = why;
		return -1;
	}
	(void)futimens(fd, NULL); /* its age */
	n->claimfd = n->dirfd;
	memcpy(n->claim, n->dir, sizeof(n->claim));
	n->dirfd = fd;
	memcpy(n->dir, dir, sizeof(n->dir));
	n->is_kept = true;
	hook_step("root-kept");
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

static int
take_name(struct root_new *n, bool sync, struct error *err)
{
	char ignored[ID_LEN + 1];
	int fd = n->root->name_fd[n->kind];

	if (root_name_set(n->old_id, n->root, n->kind, n->name, n->id, true,
		err) == -1)
		return -1;
	hook_step("root-name-taken");
	if (!sync || fd_sync_dir(fd, n->name, err) == 0)
		return 0;
	if (n->old_id[0] != '\0')
		root_name_set(ignored, n->root, n->kind, n->name, n->old_id,
		    true, NULL);
	return -1;
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
	/* It is whole: what has the name may go. */
	if (n->over && take_name(n, sync, err) == -1) {
		renameat2(fd, n->id, fd, n->dir, RENAME_NOREPLACE);
		return -1;
	}
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

static int
put_in_place(const struct root *root, enum root_kind kind, const char *put,
    const char *id, struct error *err)
{
	int fd = root->kind_fd[kind];

	if (root_has(root, kind, id) &&
	    root_remove_in_place(root, kind, id, err) == -1)
		return -1;
	hook_step("root-replacing");
	if (renameat2(fd, put, fd, id, RENAME_NOREPLACE) == -1)
		return error_sys(err, error_code_of(errno), "%s", id);
	return fd_sync_dir(fd, id, err);
}

int
root_put_finish(const struct root *root, enum root_kind kind, const char *id,
    bool dry_run, struct error *err)
{
	struct error why = { 0 };
	char put[ROOT_PUT_NAME];
	int fd = -1, rc;

	/* The one that it replaces may be in use again. */
	if (root_lock(&fd, root, kind, id, true, 0, &why) == -1 &&
	    why.code != EX_NOINPUT) {
		if (why.code == EX_TEMPFAIL)
			return 2;
		if (err != NULL)
			*err = why;
		return -1;
	}
	if (fd != -1 &&
	    faccessat(fd, root_record(kind), F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		fd_drop(&fd);
		return 1;
	}
	root_put_name(put, id);
	rc = dry_run ? 0 : put_in_place(root, kind, put, id, err);
	fd_drop(&fd);
	return rc;
}

int
root_new_replace(struct root_new *n, const char *id, struct error *err)
{
	int fd = n->root->kind_fd[n->kind];
	char put[ROOT_PUT_NAME];

	root_put_name(put, id);
	if (renameat2(fd, n->dir, fd, put, RENAME_NOREPLACE) == -1)
		return errno == EEXIST
		    ? error_set(err, EX_TEMPFAIL,
			  "its replacement was not finished: state-gc does it")
		    : error_sys(err, error_code_of(errno), "%s", put);
	snprintf(n->dir, sizeof(n->dir), "%s", put);
	n->stays = true;
	hook_step("root-put");
	if (put_in_place(n->root, n->kind, put, id, err) == -1)
		return error_wrap(err, "state-gc puts the new one in place");
	snprintf(n->dir, sizeof(n->dir), "%s", id);
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
	if (n->claim[0] != '\0') {
		unlinkat(n->root->kind_fd[n->kind], n->claim, AT_REMOVEDIR);
		fd_drop(&n->claimfd);
	}
	if (n->dir[0] == '.' && !n->stays) {
		if (!n->is_kept)
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
