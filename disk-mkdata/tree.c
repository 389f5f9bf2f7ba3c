/* SPDX-License-Identifier: ISC */
#include "tree.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/sig.h"

#define OWN_INODES 16 /* root, lost+found and what ext4 keeps for itself */

/* Those in the directory `fd`. */
static int
count(uint64_t *sum, int fd, const char *what, unsigned depth,
    struct error *err)
{
	struct strv names = { 0 };
	struct stat st;
	size_t i;
	int sub = -1, rc = -1;

	if (sig_check(err) == -1)
		return -1;
	if (depth > TREE_DEPTH_MAX)
		return error_set(err, EX_DATAERR, "%s: more than %d deep", what,
		    TREE_DEPTH_MAX);
	if (dir_list(&names, fd, what, err) == -1)
		goto out;
	*sum += names.n;
	for (i = 0; i < names.n; i++) {
		if (fstatat(fd, names.v[i], &st, AT_SYMLINK_NOFOLLOW) == -1) {
			error_sys(err, error_code_of(errno), "%s", names.v[i]);
			goto out;
		}
		if (!S_ISDIR(st.st_mode))
			continue;
		if (fd_open_dir(&sub, fd, names.v[i], false, err) == -1)
			goto out;
		if (count(sum, sub, names.v[i], depth + 1, err) == -1)
			goto out;
		fd_drop(&sub);
	}
	rc = 0;
out:
	fd_drop(&sub);
	strv_fini(&names);
	return rc;
}

int
tree_count(uint64_t *out, const char *dir, struct error *err)
{
	uint64_t sum = 1;
	int fd = -1, rc;

	if (fd_open_dir(&fd, AT_FDCWD, dir, true, err) == -1)
		return -1;
	rc = count(&sum, fd, dir, 0, err);
	fd_drop(&fd);
	if (rc == 0)
		*out = sum;
	return rc;
}

/*
 * mke2fs.conf(5) as e2fsprogs has it: below 512 MiB an inode for each 4096
 * bytes, then for 16384, and from 4 TiB on for 32768.
 */
uint64_t
tree_inodes(uint64_t files, uint64_t size_bytes)
{
	uint64_t need = files + files / 8 + OWN_INODES, ratio = 16384;

	if (size_bytes < 512 * NUM_MIB)
		ratio = 4096;
	else if (size_bytes >= 4 * NUM_TIB)
		ratio = 32768;
	return need <= size_bytes / ratio ? 0 : need;
}
