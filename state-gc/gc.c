/* SPDX-License-Identifier: ISC */
#include "gc.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/sig.h"

void
gc_fail(struct gc *gc, const struct error *why)
{
	diag_failure(&gc->status, why);
}

int
gc_check(struct error *err)
{
	if (sig_check(err) == -1)
		return -1;
	if (ferror(stdout))
		return error_set(err, EX_IOERR, "%s", "");
	return 0;
}

static int
put_path(json_t *obj, const struct gc *gc, const char *path, struct error *err)
{
	char *absolute;
	int rc;

	if (path == NULL)
		return 0;
	absolute = path_format("%s/%s", root_path(gc->root), path);
	if (absolute == NULL)
		return error_nomem(err, "record");
	rc = json_put_str(obj, "path", absolute, err);
	free(absolute);
	return rc;
}

int
gc_report(const struct gc *gc, const struct gc_item *item, struct error *err)
{
	json_t *obj = json_object();
	int rc = -1;

	if (obj == NULL)
		return error_nomem(err, "record");
	if (json_put_text(obj, "kind", item->kind, err) == -1 ||
	    json_put_text(obj, "id", item->id, err) == -1 ||
	    json_put_text(obj, "name", item->name, err) == -1 ||
	    put_path(obj, gc, item->path, err) == -1 ||
	    json_put_text(obj, "reason", item->reason, err) == -1 ||
	    json_put_u64(obj, "bytes", item->bytes, err) == -1)
		goto out;
	rc = json_report(obj, gc->members, err);
out:
	json_decref(obj);
	return rc;
}

int
gc_names(struct strv *names, const struct gc *gc, const char *dir,
    struct error *err)
{
	struct error why = { 0 };
	int fd, rc;

	if (fd_open_dir(&fd, root_fd(gc->root), dir, false, &why) == -1) {
		if (gc->dry_run && why.code == EX_NOINPUT)
			return 0;
		if (err != NULL)
			*err = why;
		return -1;
	}
	rc = dir_list(names, fd, dir, err);
	fd_drop(&fd);
	return rc;
}

uint64_t
gc_tree_bytes(int dirfd, const char *name)
{
	struct strv names = { 0 };
	struct stat st;
	uint64_t sum;
	size_t i;
	int fd;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return st.st_nlink > 1 ? 0 : (uint64_t)st.st_blocks * 512;
	sum = (uint64_t)st.st_blocks * 512;
	if (fd_open_dir(&fd, dirfd, name, false, NULL) == -1)
		return sum;
	if (dir_list(&names, fd, name, NULL) == 0)
		for (i = 0; i < names.n; i++)
			sum += gc_tree_bytes(fd, names.v[i]);
	strv_fini(&names);
	fd_drop(&fd);
	return sum;
}
