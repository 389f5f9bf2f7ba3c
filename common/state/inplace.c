/* SPDX-License-Identifier: ISC */
#include "state/inplace.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/path.h"
#include "disk/copy.h"
#include "snapshot/envelope.h"

#define OUR_SOURCE "instar" /* snap-mount's option fsname */

int
inplace_dir(char **out, int dirfd, struct error *err)
{
	char link[64], path[INPLACE_PATH_MAX + 1];
	struct stat want, got;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	n = readlink(link, path, sizeof(path));
	if (n == -1)
		return error_sys(err, error_code_of(errno), "%s", link);
	if ((size_t)n == sizeof(path))
		return error_set(err, EX_CANTCREAT,
		    "the snapshot's directory: a path of more than %d bytes",
		    INPLACE_PATH_MAX);
	path[n] = '\0';
	/* One that was removed, or moved out of sight, is not at its path. */
	if (fstat(dirfd, &want) == -1 || stat(path, &got) == -1 ||
	    want.st_dev != got.st_dev || want.st_ino != got.st_ino)
		return error_set(err, EX_CANTCREAT,
		    "%s: no links can lead there", path);
	*out = strdup(path);
	return *out == NULL ? error_nomem(err, NULL) : 0;
}

/* Who serves it, by the options of FUSE: "rw,user_id=1000,group_id=1000". */
static bool
is_served_by(const char *options, uid_t uid)
{
	static const char key[] = "user_id=";
	const char *at = options;
	char *end;
	unsigned long id;

	while (strncmp(at, key, strlen(key)) != 0) {
		at = strchr(at, ',');
		if (at == NULL)
			return false;
		at++;
	}
	at += strlen(key);
	if (*at < '0' || *at > '9')
		return false;
	errno = 0;
	id = strtoul(at, &end, 10);
	return errno == 0 && (*end == ',' || *end == '\0') &&
	    (id == uid || id == 0);
}

bool
inplace_is_our_line(const char *line, dev_t dev, uid_t uid)
{
	const char *rest = strstr(line, " - ");
	char fstype[64], source[64], options[512];
	unsigned major, minor;

	return sscanf(line, "%*u %*u %u:%u", &major, &minor) == 2 &&
	    makedev(major, minor) == dev && rest != NULL &&
	    sscanf(rest, " - %63s %63s %511s", fstype, source, options) == 3 &&
	    strncmp(fstype, "fuse", 4) == 0 &&
	    strcmp(source, OUR_SOURCE) == 0 && is_served_by(options, uid);
}

bool
inplace_is_ours(int dirfd)
{
	bool is = false;
	struct statfs fs;
	struct stat st;
	char *line = NULL;
	size_t cap = 0;
	FILE *mounts;

	if (fstatfs(dirfd, &fs) == -1 || fs.f_type != FUSE_SUPER_MAGIC ||
	    fstat(dirfd, &st) == -1)
		return false;
	mounts = fopen("/proc/self/mountinfo", "re");
	if (mounts == NULL)
		return false;
	while (!is && getline(&line, &cap, mounts) != -1)
		is = inplace_is_our_line(line, st.st_dev, geteuid());
	free(line);
	fclose(mounts);
	return is;
}

int
inplace_link(int dirfd, const char *name, const char *dir, const char *from,
    struct error *err)
{
	char *target = path_format("%s/%s", dir, from);
	int rc = 0;

	if (target == NULL)
		return error_nomem(err, name);
	if (symlinkat(target, dirfd, name) == -1)
		rc = error_sys(err,
		    errno == EEXIST ? EX_CANTCREAT : error_code_of(errno), "%s",
		    name);
	free(target);
	return rc;
}

/* Where the link leads: false: it is none, or leads anywhere but into `dir`. */
static bool
find_target(char path[PATH_MAX], const char *dir, int dirfd, const char *name)
{
	size_t len;
	ssize_t n;

	if (dir == NULL)
		return false;
	n = readlinkat(dirfd, name, path, PATH_MAX - 1);
	if (n == -1)
		return false;
	path[n] = '\0';
	len = strlen(dir);
	return strncmp(path, dir, len) == 0 && path[len] == '/' &&
	    path_is_name(path + len + 1);
}

bool
inplace_is_link(const char *dir, int dirfd, const char *name)
{
	char path[PATH_MAX];

	return find_target(path, dir, dirfd, name);
}

int
inplace_open(int *fd, uint64_t *size, const char *dir, int dirfd,
    const char *name, struct error *err)
{
	char path[PATH_MAX];

	return find_target(path, dir, dirfd, name)
	    ? fd_open_file(fd, size, AT_FDCWD, path, O_RDONLY, err)
	    : fd_open_file(fd, size, dirfd, name, O_RDONLY, err);
}

int
inplace_copy(int to_dirfd, const char *to_name, const char *dir, int dirfd,
    const char *name, unsigned may, struct error *err)
{
	char path[PATH_MAX];

	return find_target(path, dir, dirfd, name)
	    ? copy_file(NULL, to_dirfd, to_name, AT_FDCWD, path,
		  may & ~COPY_MAY_LINK, err)
	    : copy_file(NULL, to_dirfd, to_name, dirfd, name, may, err);
}

/* Whether a link of the VM's leads to a file; *any: it has one. */
static int
check_link(bool *any, const struct vm *vm, int dirfd, const char *name,
    struct error *err)
{
	char path[PATH_MAX];
	struct stat st;

	if (!find_target(path, vm->depends_on, dirfd, name))
		return 0;
	*any = true;
	if (stat(path, &st) == -1 && stat(vm->depends_on, &st) == -1) {
		error_sys(err, errno == EACCES ? EX_NOPERM : EX_NOINPUT,
		    "%s, where files of the VM lie", vm->depends_on);
		fd_hint_stale(err, vm->depends_on);
		return -1;
	}
	if (stat(path, &st) == -1)
		return error_sys(err, errno == EACCES ? EX_NOPERM : EX_NOINPUT,
		    "%s, where a file of the VM lies", path);
	return 0;
}

/* Others' snapshots may have no id. */
static int
check_snapshot(const struct vm *vm, struct error *err)
{
	struct envelope e;
	int dirfd, rc = 0;

	if (vm->cloned_from[0] == '\0')
		return 0;
	if (fd_open_dir(&dirfd, AT_FDCWD, vm->depends_on, true, err) == -1)
		return -1;
	envelope_init(&e);
	if (envelope_read(&e, dirfd, err) == -1)
		rc = error_wrap(err, "%s", vm->depends_on);
	else if (strcmp(e.config.id, vm->cloned_from) != 0)
		rc = error_set(err, EX_DATAERR,
		    "%s: has snapshot %s, the VM was cloned from %s",
		    vm->depends_on, e.config.id, vm->cloned_from);
	envelope_fini(&e);
	fd_drop(&dirfd);
	return rc;
}

int
inplace_check(const struct vm *vm, int dirfd, struct error *err)
{
	struct strv names = { 0 };
	bool any = false;
	size_t i;
	int rc;

	if (vm->depends_on == NULL)
		return 0;
	rc = dir_list(&names, dirfd, "the VM's directory", err);
	for (i = 0; rc == 0 && i < names.n; i++)
		rc = check_link(&any, vm, dirfd, names.v[i], err);
	strv_fini(&names);
	return rc == 0 && any ? check_snapshot(vm, err) : rc;
}

static int
take_layer(const struct root *root, int dirfd, const struct layer *layer,
    const char *path, struct error *err)
{
	struct digest digest;
	uint64_t size;

	if (root_layer_add(&digest, &size, root, AT_FDCWD, path, err) == -1)
		return -1;
	if (!digest_equal(&digest, &layer->digest))
		return error_set(err, EX_DATAERR,
		    "%s: differs from the digest of layer %s", path,
		    layer->name);
	return root_layer_relink(root, &digest, dirfd, layer->name, err);
}

int
inplace_take_layers(const struct vm *vm, const struct root *root, int dirfd,
    struct error *err)
{
	const struct layer *layer;
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < vm->machine.layers.n; i++) {
		layer = &vm->machine.layers.v[i];
		if (find_target(path, vm->depends_on, dirfd, layer->name) &&
		    take_layer(root, dirfd, layer, path, err) == -1)
			return -1;
	}
	return 0;
}
