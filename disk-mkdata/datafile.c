/* SPDX-License-Identifier: ISC */
#include "datafile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "disk/fs.h"

#include "tree.h"

int
datafile_report(const struct storage_list *disks, const char *dir,
    const char *members, struct error *err)
{
	json_t *array = NULL;
	char *resolved;
	int rc = -1;

	resolved = realpath(dir, NULL);
	if (resolved == NULL) {
		error_sys(err, error_code_of(errno), "%s", dir);
		goto out;
	}
	if (storage_list_encode(&array, disks, resolved, err) == -1 ||
	    json_report(json_array_get(array, 0), members, err) == -1 ||
	    json_report_end(err) == -1)
		goto out;
	rc = 0;
out:
	json_decref(array);
	free(resolved);
	return rc;
}

/*
 * How many inodes, 0: as many as is usual.  EX_USAGE: fewer were asked for than
 * the tree needs.
 */
static int
choose_inodes(uint64_t *out, const struct datadisk_list *list, uint64_t files,
    const char *from, struct error *err)
{
	*out = list->inodes[0];
	if (*out == 0)
		*out = tree_inodes(files, list->size_bytes[0]);
	else if (*out < files)
		return error_set(err, EX_USAGE,
		    "inodes: %" PRIu64 " for the %" PRIu64 " files of %s", *out,
		    files, from);
	return 0;
}

int
datafile_make(const struct outfile *file, const struct datadisk_list *list,
    const char *from, struct error *err)
{
	struct tree tree = { 0 };
	uint64_t inodes;
	int rc = -1;

	if (ftruncate(file->fd, (off_t)list->size_bytes[0]) == -1)
		return error_sys(err, error_code_of(errno), "%s", file->path);
	if (strcmp(list->disks.v[0].fstype, "none") == 0)
		return 0;
	if (from == NULL)
		return fs_fill_ext4(file->fd, NULL, list->inodes[0], file->path,
		    err);
	if (tree_read(&tree, from, err) == -1)
		return -1;
	if (choose_inodes(&inodes, list, tree.files, from, err) == 0 &&
	    fs_fill_ext4(file->fd, from, inodes, file->path, err) == 0)
		rc = tree.late == NULL
		    ? 0
		    : fs_edit_ext4(file->fd, fileno(tree.late), file->path,
			  err);
	tree_fini(&tree);
	return rc;
}
