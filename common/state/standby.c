/* SPDX-License-Identifier: ISC */
#include "state/standby.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/lock.h"
#include "state/vm.h"

#define TRIES_MAX 10 /* to be quicker than those that remove it */
#define KEEP_LOCK_MS 2000 /* state-gc looks whether it is kept */
#define PATH_BYTES (sizeof(STANDBY_DIR) + ID_LEN + 2)

static void
path_of(char path[PATH_BYTES], const char *snap_id)
{
	snprintf(path, PATH_BYTES, STANDBY_DIR "/%s", snap_id);
}

static int
make_dir(const struct root *root, const char *path, struct error *err)
{
	if (mkdirat(root_fd(root), path, 0700) == -1 && errno != EEXIST)
		return error_sys(err, error_code_of(errno), "%s", path);
	return 0;
}

int
standby_open(int *dirfd, const struct root *root, const char *snap_id,
    bool make, struct error *err)
{
	char path[PATH_BYTES];

	struct error why = { 0 };
	int rc, tries = 0;

	path_of(path, snap_id);
	if (make && root_check_owner(root, err) == -1)
		return -1;
	do {
		rc = 0;
		if (make)
			rc = make_dir(root, STANDBY_DIR, &why);
		if (rc == 0 && make)
			rc = make_dir(root, path, &why);
		if (rc == 0)
			rc = fd_open_dir(dirfd, root_fd(root), path, false,
			    &why);
		/* One that ends removes what is empty. */
	} while (
	    rc == -1 && make && why.code == EX_NOINPUT && ++tries < TRIES_MAX);
	if (rc == -1 && err != NULL)
		*err = why;
	return rc;
}

int
standby_keep(int *dirfd, const struct root *root, const char *snap_id,
    struct error *err)
{
	char path[PATH_BYTES];
	struct error why = { 0 };
	int fd;

	path_of(path, snap_id);
	do {
		if (standby_open(&fd, root, snap_id, true, err) == -1)
			return -1;
		fd_drop(&fd);
		/* EX_NOINPUT: it was collected meanwhile. */
	} while (lock_dir(&fd, root_fd(root), path, LOCK_EXCLUSIVE,
		     clock_ms() + KEEP_LOCK_MS, &why) == -1 &&
	    why.code == EX_NOINPUT);
	if (fd == -1) {
		if (err != NULL)
			*err = why;
		return -1;
	}
	*dirfd = fd;
	return 0;
}

int
standby_is_kept(bool *out, const struct root *root, const char *snap_id,
    struct error *err)
{
	char path[PATH_BYTES];
	struct error why = { 0 };
	int fd = -1;

	path_of(path, snap_id);
	/* Shared: several that ask are no keeper to one another. */
	if (lock_dir(&fd, root_fd(root), path, LOCK_SHARED, 0, &why) == -1 &&
	    why.code != EX_TEMPFAIL && why.code != EX_NOINPUT)
		return error_set(err, why.code, "%s", why.msg);
	fd_drop(&fd);
	*out = why.code == EX_TEMPFAIL;
	return 0;
}

int
standby_list(struct strv *ids, int dirfd, struct error *err)
{
	struct strv names = { 0 };
	size_t i;
	int rc;

	rc = dir_list(&names, dirfd, STANDBY_DIR, err);
	for (i = 0; rc == 0 && i < names.n; i++)
		if (id_is_valid(names.v[i]))
			rc = strv_add(ids, err, "%s", names.v[i]);
	strv_fini(&names);
	return rc;
}

int
standby_pools(struct strv *ids, const struct root *root, struct error *err)
{
	struct error why = { 0 };
	int fd, rc;

	if (fd_open_dir(&fd, root_fd(root), STANDBY_DIR, false, &why) == -1)
		return why.code == EX_NOINPUT
		    ? 0
		    : error_set(err, why.code, "%s", why.msg);
	rc = standby_list(ids, fd, err);
	fd_drop(&fd);
	return rc;
}

int
standby_put(struct root_new *n, const char *snap_id, struct error *err)
{
	struct error why = { 0 };
	int fd, rc, tries = 0;

	do {
		if (standby_open(&fd, n->root, snap_id, true, err) == -1)
			return -1;
		rc = root_new_set_aside(n, fd, &why);
		fd_drop(&fd);
		/* It was collected meanwhile. */
	} while (rc == -1 && why.code == EX_NOINPUT && ++tries < TRIES_MAX);
	if (rc == -1 && err != NULL)
		*err = why;
	return rc;
}

/* Its VMM is in another PID namespace, where it waits for others. */
static bool
is_elsewhere(int dirfd, const char *id)
{
	struct vm vm;
	bool is;
	int fd;

	if (fd_open_dir(&fd, dirfd, id, false, NULL) == -1)
		return false;
	is = vm_read(&vm, fd, NULL) == 0;
	fd_drop(&fd);
	if (!is)
		return false;
	is = vm.elsewhere;
	vm_fini(&vm);
	return is;
}

int
standby_take(struct root_new *out, const struct root *root, const char *snap_id,
    const char *name, struct error *err)
{
	struct error why = { 0 };
	struct strv ids = { 0 };
	size_t i;
	int fd, rc = 1;

	if (standby_open(&fd, root, snap_id, false, &why) == -1) {
		if (why.code == EX_NOINPUT)
			return 1;
		if (err != NULL)
			*err = why;
		return -1;
	}
	if (standby_list(&ids, fd, err) == -1)
		rc = -1;
	for (i = 0; rc == 1 && i < ids.n; i++) {
		if (is_elsewhere(fd, ids.v[i]))
			continue;
		if (root_new_adopt(out, root, ROOT_VM, fd, ids.v[i], name,
			&why) == 0)
			rc = 0;
		else if (why.code != EX_TEMPFAIL && why.code != EX_NOINPUT) {
			rc = -1;
			if (err != NULL)
				*err = why;
		}
	}
	strv_fini(&ids);
	fd_drop(&fd);
	return rc;
}

void
standby_drop(const struct root *root, const char *snap_id)
{
	char path[PATH_BYTES];

	path_of(path, snap_id);
	unlinkat(root_fd(root), path, AT_REMOVEDIR);
	unlinkat(root_fd(root), STANDBY_DIR, AT_REMOVEDIR);
}
