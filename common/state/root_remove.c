/* SPDX-License-Identifier: ISC */
/* What a root has taken away, with its names. */
#include "state/root.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "snapshot/envelope.h"
#include "state/root_impl.h"

int
root_remove_in_place(const struct root *root, enum root_kind kind,
    const char *id, struct error *err)
{
	const char *record = root_record(kind);
	int fd = root->kind_fd[kind], dirfd, rc = 0;

	if (fd_open_dir(&dirfd, fd, id, false, err) == -1)
		return -1;
	if (unlinkat(dirfd, record, 0) == -1 && errno != ENOENT)
		rc = error_sys(err, error_code_of(errno), "%s/%s", id, record);
	fd_drop(&dirfd);
	hook_step("root-recordless");
	return rc == -1 ? -1 : fd_remove_tree(fd, id, err);
}

/* Its name or, where no record tells it, all that lead there, and its access. */
static int
forget(const struct root *root, enum root_kind kind, const char *id,
    const char *name, struct error *err)
{
	if (name == NULL) {
		if (root_names_release(root, kind, id, err) == -1)
			return -1;
	} else if (name[0] != '\0' && envelope_is_name(name) &&
	    root_name_release(root, kind, name, id, err) == -1)
		return -1;
	if (kind == ROOT_SNAP && unlinkat(root->access_fd, id, 0) == -1 &&
	    errno != ENOENT)
		return error_sys(err, error_code_of(errno), "access/%s", id);
	return 0;
}

int
root_remove(const struct root *root, enum root_kind kind, const char *id,
    const char *name, struct error *err)
{
	char gone[ID_LEN + 8];
	int fd = root->kind_fd[kind];

	/* It would take the place that becomes free. */
	if (root_has_put(root, kind, id))
		return error_set(err, EX_TEMPFAIL,
		    "%s: its replacement was not finished: state-gc first", id);
	snprintf(gone, sizeof(gone), ".gone-%s", id);
	if (renameat(fd, id, fd, gone) == -1) {
		if (errno != EXDEV)
			return error_sys(err, error_code_of(errno), "%s", id);
		return forget(root, kind, id, name, err) == -1
		    ? -1
		    : root_remove_in_place(root, kind, id, err);
	}
	hook_step("root-gone");
	return forget(root, kind, id, name, err) == -1
	    ? -1
	    : fd_remove_tree(fd, gone, err);
}
