/* SPDX-License-Identifier: ISC */
#include "data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"

#include "given.h"

#define CONFIGS_MAX (STORAGE_MAX * 65536) /* bytes; paths may be long */

/* What a list of any VM may have, but not one that is given for a new VM. */
static int
check_given(const struct storage_list *list, struct error *err)
{
	const char *mount, *other;
	size_t i, k;

	for (i = 0; i < list->n; i++) {
		if (list->v[i].role != STORAGE_DATA)
			return error_set(err, EX_DATAERR,
			    "disk %zu: role %s, only data disks are given", i,
			    storage_role_name(list->v[i].role));
		if (list->v[i].backing.n > 0)
			return error_set(err, EX_DATAERR,
			    "disk %zu: has a backing file", i);
		mount = list->v[i].mount_point;
		for (k = 0; k < i && mount != NULL; k++) {
			other = list->v[k].mount_point;
			if (other != NULL &&
			    storage_is_same_mount(mount, other))
				return error_set(err, EX_DATAERR,
				    "disk %zu: mount_point \"%s\" is that of "
				    "disk %zu, too",
				    i, mount, k);
		}
	}
	return 0;
}

int
data_read_configs(struct storage_list *out, const char *path, struct error *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	const char *what = is_stdin ? "standard input" : path;
	struct storage_list list = { 0 };
	char *text = NULL;
	size_t len;
	int fd, rc = -1;

	fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
		      : open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1) {
		error_sys(err, error_code_of(errno), "%s", what);
		goto out;
	}
	if (fd_read_all(&text, &len, fd, CONFIGS_MAX, what, err) == -1 ||
	    storage_list_decode_lines(&list, text, len, what, err) == -1)
		goto out;
	if (check_given(&list, err) == -1) {
		error_wrap(err, "%s", what);
		goto out;
	}
	*out = list;
	rc = 0;
out:
	if (rc == -1) {
		error_wrap(err, "--storage-config");
		storage_list_fini(&list);
	}
	free(text);
	fd_drop(&fd);
	return rc;
}

/* A disk that lies ready, under the name that its serial gives it. */
static int
take_disk(struct plan *plan, int dirfd, const struct storage *ready,
    struct error *err)
{
	struct storage disk = *ready;
	struct given given;
	int rc;

	if (given_open(&given, ready->path, err) == -1)
		return -1;
	disk.path = path_format("data-%s.raw", ready->serial);
	rc = disk.path == NULL
	    ? error_nomem(err, NULL)
	    : given_put(&given, dirfd, disk.path, plan->quiet, err);
	given_close(&given);
	if (rc == 0)
		rc = storage_list_add(&plan->vm.machine.disks, &disk, err);
	free(disk.path);
	return rc;
}

int
data_build(struct plan *plan, int dirfd, struct error *err)
{
	const struct storage_list *ready = &plan->ready;
	const struct storage_list *declared = &plan->data.disks;
	size_t i;

	for (i = 0; i < ready->n; i++)
		if (take_disk(plan, dirfd, &ready->v[i], err) == -1)
			return -1;
	for (i = 0; i < declared->n; i++)
		if (datadisk_make(&plan->data, i, dirfd, err) == -1 ||
		    storage_list_add(&plan->vm.machine.disks, &declared->v[i],
			err) == -1)
			return -1;
	return 0;
}
