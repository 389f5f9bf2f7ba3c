/* SPDX-License-Identifier: ISC */
#include "vmm/fc/fc_space.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "base/program.h"

#define DRIVE_ID_MAX 65 /* bytes, with the NUL */

/* Where the program and its libraries, devices and processes are. */
static const char *const needed[] = { "/dev", "/proc", "/sys", "/usr", "/lib",
	"/lib64", "/bin", "/sbin", "/etc" };

#define NEEDED (sizeof(needed) / sizeof(needed[0]))

static const char *
origin_of(const struct storage *disk)
{
	return disk->origin != NULL && strcmp(disk->origin, disk->path) != 0
	    ? disk->origin
	    : NULL;
}

bool
fc_space_is_needed(const struct vm *vm)
{
	size_t i;

	for (i = 0; i < vm->machine.disks.n; i++)
		if (origin_of(&vm->machine.disks.v[i]) != NULL)
			return true;
	return false;
}

/* Whether each component is a name: no "." and no "..", nothing empty. */
static bool
is_clean(const char *path)
{
	char name[NAME_MAX + 1];
	size_t len;

	do {
		path++;
		len = strcspn(path, "/");
		if (len == 0 || len > NAME_MAX)
			return false;
		memcpy(name, path, len);
		name[len] = '\0';
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			return false;
		path += len;
	} while (*path == '/');
	return true;
}

bool
fc_space_can_replace(const char *origin)
{
	if (origin[0] == '/')
		return is_clean(origin);
	return path_is_name(origin) && origin[0] != '.' &&
	    !vmm_is_reserved(origin);
}

/* Whether the disk has the plain name, as its file or in the state. */
static bool
has_name(const struct storage *disk, const char *name)
{
	return strcmp(path_base(disk->path), name) == 0 ||
	    (disk->origin != NULL && strcmp(disk->origin, name) == 0);
}

int
fc_space_check(const struct storage_list *disks, struct error *err)
{
	const char *origin;
	size_t i, k;

	for (i = 0; i < disks->n; i++) {
		origin = origin_of(&disks->v[i]);
		if (origin == NULL)
			continue;
		if (!fc_space_can_replace(origin))
			return error_set(err, EX_DATAERR,
			    "disk %zu: origin \"%s\" is no path that a disk "
			    "can be put at",
			    i, origin);
		for (k = 0; k < disks->n && origin[0] != '/'; k++)
			if (k != i && has_name(&disks->v[k], origin))
				return error_set(err, EX_DATAERR,
				    "disk %zu: origin \"%s\" is disk %zu's", i,
				    origin, k);
	}
	return 0;
}

/* Whether what is at the disk's plain name is a link of ours to it. */
static bool
is_link(const struct storage *disk, int dirfd)
{
	char to[NAME_MAX + 2];
	ssize_t n = readlinkat(dirfd, disk->origin, to, sizeof(to));

	return n == (ssize_t)strlen(disk->path) &&
	    memcmp(to, disk->path, (size_t)n) == 0;
}

/* The program's absolute path: its directory must stay in sight. */
static char *
find_program(void)
{
	char *path = program_find(fc_program()), *absolute;

	if (path == NULL)
		return NULL;
	absolute = realpath(path, NULL);
	free(path);
	return absolute;
}

static int
prepare_disk(const struct storage *disk, int dirfd, struct error *err)
{
	const char *origin = origin_of(disk);

	if (origin == NULL)
		return 0;
	if (origin[0] == '/')
		return geteuid() == 0 ? 0
				      : error_set(err, EX_NOPERM,
					    "the state calls its disk %s: to "
					    "put another there needs root",
					    origin);
	if (symlinkat(disk->path, dirfd, origin) == 0)
		return 0;
	if (errno != EEXIST)
		return error_sys(err, error_code_of(errno), "%s", origin);
	/* A start that was killed has left it. */
	return is_link(disk, dirfd)
	    ? 0
	    : error_set(err, EX_DATAERR,
		  "the state calls its disk %s: that is another file here",
		  origin);
}

int
fc_space_prepare(struct fc_space *space, const struct vm *vm, int dirfd,
    struct error *err)
{
	size_t i;

	if (fc_space_check(&vm->machine.disks, err) == -1)
		return -1;
	for (i = 0; i < vm->machine.disks.n; i++)
		if (prepare_disk(&vm->machine.disks.v[i], dirfd, err) == -1)
			return -1;
	space->vm = vm;
	space->program = find_program();
	return 0;
}

void
fc_space_fini(struct fc_space *space)
{
	free(space->program);
	space->program = NULL;
}

/*
 * What follows runs in the child.
 */

/* Whether `path` is `dir` or lies beneath it. */
static bool
is_beneath(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 &&
	    (path[len] == '/' || path[len] == '\0');
}

static bool
must_stay(const struct fc_space *space, const char *dir)
{
	size_t i;

	if (dir[0] == '\0' ||
	    (space->program != NULL && is_beneath(space->program, dir)))
		return true;
	for (i = 0; i < NEEDED; i++)
		if (is_beneath(dir, needed[i]) || is_beneath(needed[i], dir))
			return true;
	return false;
}

/* Directories that are empty filesystems of this process by now. */
struct covers {
	dev_t v[STORAGE_MAX];
	size_t n;
};

static bool
is_covered(const struct covers *covers, dev_t dev)
{
	size_t i;

	for (i = 0; i < covers->n; i++)
		if (covers->v[i] == dev)
			return true;
	return false;
}

/*
 * Puts an empty filesystem over the nearest directory above the file that
 * exists, so that whatever has to be made there is made in no other process's
 * sight.  One that must stay in sight is left: then the file has to exist.
 */
static int
cover(struct covers *covers, const struct fc_space *space, const char *origin)
{
	char dir[PATH_MAX];
	struct stat st;
	char *slash;

	snprintf(dir, sizeof(dir), "%s", origin);
	do {
		slash = strrchr(dir, '/');
		*slash = '\0';
	} while (dir[0] != '\0' && stat(dir, &st) == -1);
	if (dir[0] == '\0' || !S_ISDIR(st.st_mode) ||
	    is_covered(covers, st.st_dev) || must_stay(space, dir))
		return 0;
	if (mount("instar", dir, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") ==
		-1 ||
	    stat(dir, &st) == -1)
		return -1;
	covers->v[covers->n++] = st.st_dev;
	return 0;
}

/* Makes nothing in a filesystem of the host's. */
static int
make_dir(const struct covers *covers, const char *path)
{
	char above[PATH_MAX];
	struct stat st;

	if (stat(path, &st) == 0)
		return 0;
	snprintf(above, sizeof(above), "%s", path);
	*strrchr(above, '/') = '\0';
	if (stat(above[0] == '\0' ? "/" : above, &st) == -1)
		return -1;
	if (!is_covered(covers, st.st_dev)) {
		errno = ENOENT;
		return -1;
	}
	return mkdir(path, 0700);
}

/* The directories above the file, and an empty file to mount on. */
static int
make_place(const struct covers *covers, const char *origin)
{
	char path[PATH_MAX];
	struct stat st;
	char *slash;
	int fd;

	if (stat(origin, &st) == 0)
		return 0;
	snprintf(path, sizeof(path), "%s", origin);
	for (slash = path; (slash = strchr(slash + 1, '/')) != NULL;
	     *slash = '/') {
		*slash = '\0';
		if (make_dir(covers, path) == -1)
			return -1;
	}
	*strrchr(path, '/') = '\0';
	if (stat(path, &st) == -1 || !is_covered(covers, st.st_dev)) {
		errno = ENOENT;
		return -1;
	}
	fd = open(origin, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

int
fc_space_enter(void *arg)
{
	const struct fc_space *space = arg;
	const struct storage_list *disks = &space->vm->machine.disks;
	struct covers covers = { .n = 0 };
	int fds[STORAGE_MAX];
	char from[64];
	size_t i;

	if (unshare(CLONE_FS | CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return -1;
	/* Before anything is covered: a layer may be a link to elsewhere. */
	for (i = 0; i < disks->n; i++) {
		fds[i] = open(disks->v[i].path, O_PATH | O_CLOEXEC);
		if (fds[i] == -1)
			return -1;
	}
	for (i = 0; i < disks->n; i++)
		if (origin_of(&disks->v[i]) != NULL &&
		    disks->v[i].origin[0] == '/' &&
		    cover(&covers, space, disks->v[i].origin) == -1)
			return -1;
	for (i = 0; i < disks->n; i++) {
		if (origin_of(&disks->v[i]) == NULL ||
		    disks->v[i].origin[0] != '/')
			continue;
		snprintf(from, sizeof(from), "/proc/self/fd/%d", fds[i]);
		if (make_place(&covers, disks->v[i].origin) == -1 ||
		    mount(from, disks->v[i].origin, NULL, MS_BIND, NULL) == -1)
			return -1;
	}
	return 0;
}

/*
 * And this again in the tool.
 */

/* "" where no drive has that path, or it has no id that fits. */
static void
drive_id(char out[DRIVE_ID_MAX], const struct jdoc *config, uint32_t drives,
    const char *path)
{
	char here[STORAGE_PATH_MAX + 1];
	uint32_t i;

	out[0] = '\0';
	for (i = jdoc_first(config, drives); i != 0; i = jdoc_next(config, i))
		if (jdoc_get_str(config, i, "path_on_host", here, sizeof(here),
			JSON_REQUIRED, NULL) == 0 &&
		    strcmp(here, path) == 0) {
			(void)jdoc_get_str(config, i, "drive_id", out,
			    DRIVE_ID_MAX, JSON_OPTIONAL, NULL);
			return;
		}
}

static int
patch_drive(struct vmm *vmm, const struct jdoc *config, uint32_t drives,
    const struct storage *disk, int64_t deadline_ms, struct error *err)
{
	char id[DRIVE_ID_MAX], path[128];

	drive_id(id, config, drives, disk->origin);
	/* Firecracker's own ids are letters, digits and underscores. */
	if (id[0] == '\0' || strchr(id, '/') != NULL)
		return error_set(err, EX_DATAERR,
		    FC_STATE ": drive %s has no id", disk->origin);
	snprintf(path, sizeof(path), "/drives/%s", id);
	if (fc_call(vmm, "PATCH", path,
		json_pack("{s:s, s:s}", "drive_id", id, "path_on_host",
		    disk->path),
		NULL, deadline_ms, err) == -1)
		return -1;
	if (disk->origin[0] != '/' && is_link(disk, vmm->dirfd))
		unlinkat(vmm->dirfd, disk->origin, 0);
	return 0;
}

int
fc_space_leave(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	const struct storage_list *disks = &vmm->vm->machine.disks;
	struct jdoc *config;
	uint32_t drives;
	size_t i;
	int rc;

	if (!fc_space_is_needed(vmm->vm))
		return 0;
	if (fc_call(vmm, "GET", "/vm/config", NULL, &config, deadline_ms,
		err) == -1)
		return -1;
	rc = jdoc_get_array(config, JDOC_ROOT, "drives", &drives, STORAGE_MAX,
	    JSON_REQUIRED, err);
	for (i = 0; rc == 0 && i < disks->n; i++)
		if (origin_of(&disks->v[i]) != NULL)
			rc = patch_drive(vmm, config, drives, &disks->v[i],
			    deadline_ms, err);
	jdoc_free(config);
	return rc;
}
