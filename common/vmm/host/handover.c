/* SPDX-License-Identifier: ISC */
#include "vmm/host/handover.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "state/vm.h"
#include "vmm/vmm.h"

#define DIR VM_HANDOVER

int
handover_make(int dirfd, struct error *err)
{
	struct strv names = { 0 };
	size_t i;
	int fd, rc;

	if (mkdirat(dirfd, DIR, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return error_sys(err, error_code_of(errno), DIR);
	if (fd_open_dir(&fd, dirfd, DIR, false, err) == -1)
		return -1;
	rc = dir_list(&names, fd, DIR, err);
	for (i = 0; rc == 0 && i < names.n; i++)
		vmm_state_drop(fd, names.v[i]);
	strv_fini(&names);
	fd_drop(&fd);
	return rc;
}

/* A VMM that an earlier version started has none, and needs none. */
static bool
is_there(int dirfd)
{
	struct stat st;

	return fstatat(dirfd, DIR, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode);
}

void
handover_path(char *path, int dirfd, const char *name)
{
	if (!is_there(dirfd)) {
		snprintf(path, HANDOVER_PATH_MAX, "%s", name);
		return;
	}
	snprintf(path, HANDOVER_PATH_MAX, DIR "/%s", name);
	vmm_state_drop(dirfd, path);
}

int
handover_give(int dirfd, const char *name, struct error *err)
{
	char path[HANDOVER_PATH_MAX];

	if (!is_there(dirfd))
		return 0;
	handover_path(path, dirfd, name);
	if (renameat(dirfd, name, dirfd, path) == -1 ||
	    symlinkat(path, dirfd, name) == -1)
		return error_sys(err, error_code_of(errno), "%s", path);
	return 0;
}

int
handover_take(int dirfd, const char *name, struct error *err)
{
	char path[HANDOVER_PATH_MAX];

	if (!is_there(dirfd))
		return 0;
	snprintf(path, sizeof(path), DIR "/%s", name);
	return renameat(dirfd, path, dirfd, name) == 0
	    ? 0
	    : error_sys(err, error_code_of(errno), "%s", path);
}
