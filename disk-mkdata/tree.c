/* SPDX-License-Identifier: ISC */
#include "tree.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/path.h"
#include "base/sig.h"

#define OWN_INODES 16 /* root, lost+found and what ext4 keeps for itself */
#define LATE_PATH_MAX 3000 /* bytes: debugfs reads lines of 8191 */

/* ext4: 34 bits, from 1901 on (kernel fs/ext4/ext4.h, EXT4_EPOCH_BITS). */
#define TIME_LATE (INT64_C(1) << 31)
#define TIME_END ((INT64_C(1) << 34) - TIME_LATE)

struct walk {
	struct tree tree;
	const char *top;
};

static int
open_late(FILE **out, struct error *err)
{
	int fd = memfd_create("times", MFD_CLOEXEC);

	if (fd == -1 || (*out = fdopen(fd, "w")) == NULL) {
		error_sys(err, EX_OSERR, "times");
		fd_drop(&fd);
		return -1;
	}
	return 0;
}

/* "set_inode_field PATH", the path in quotes, which are doubled within it. */
static void
put_field(FILE *to, const char *path)
{
	const char *p;

	fputs("set_inode_field \"", to);
	for (p = path; *p != '\0'; p++) {
		if (*p == '"')
			putc('"', to);
		putc(*p, to);
	}
	fputs("\" ", to);
}

/*
 * Notes the lower half of the time, which e2fsprogs cuts off at 2038 from 1.47.1
 * on; and then, for debugfs changes it with that one, the upper: two bits above
 * 32, and the fraction.
 */
static int
note_time(struct walk *w, const char *path, const char *field,
    const struct timespec *time, struct error *err)
{
	int64_t seconds = time->tv_sec;
	FILE *to;

	if (seconds < TIME_LATE)
		return 0;
	if (seconds >= TIME_END)
		return error_set(err, EX_DATAERR,
		    "%s%s: its time is beyond what ext4 holds", w->top, path);
	if (strchr(path, '\n') != NULL || strlen(path) > LATE_PATH_MAX)
		return error_set(err, EX_DATAERR,
		    "%s%s: a time after 2038, and no name for debugfs", w->top,
		    path);
	if (w->tree.late == NULL && open_late(&w->tree.late, err) == -1)
		return -1;
	to = w->tree.late;
	put_field(to, path);
	fprintf(to, "%s @%" PRIu32 "\n", field, (uint32_t)seconds);
	put_field(to, path);
	fprintf(to, "%s_extra %" PRIu64 "\n", field,
	    (uint64_t)time->tv_nsec << 2 |
		(uint64_t)(seconds + TIME_LATE) >> 32);
	return 0;
}

/* Takes one thing into account; a directory is opened, else *fd is -1. */
static int
read_entry(int *fd, struct walk *w, int dirfd, const char *name,
    const char *path, struct error *err)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return error_sys(err, error_code_of(errno), "%s%s", w->top,
		    path);
	w->tree.files++;
	if (note_time(w, path, "atime", &st.st_atim, err) == -1 ||
	    note_time(w, path, "mtime", &st.st_mtim, err) == -1 ||
	    note_time(w, path, "ctime", &st.st_ctim, err) == -1)
		return -1;
	*fd = -1;
	if (!S_ISDIR(st.st_mode))
		return 0;
	*fd = openat(dirfd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd == -1
	    ? error_sys(err, error_code_of(errno), "%s%s", w->top, path)
	    : 0;
}

/* What is in the directory `fd`; `path` is its own, from the top on. */
static int
read_dir(struct walk *w, int fd, const char *path, unsigned depth,
    struct error *err)
{
	struct strv names = { 0 };
	char *sub = NULL;
	int subfd = -1, rc = -1;
	size_t i;

	if (sig_check(err) == -1)
		return -1;
	if (depth > TREE_DEPTH_MAX)
		return error_set(err, EX_DATAERR, "%s%s: more than %d deep",
		    w->top, path, TREE_DEPTH_MAX);
	if (dir_list(&names, fd, w->top, err) == -1)
		goto out;
	for (i = 0; i < names.n; i++) {
		sub = path_format("%s/%s", path, names.v[i]);
		if (sub == NULL) {
			error_nomem(err, NULL);
			goto out;
		}
		if (read_entry(&subfd, w, fd, names.v[i], sub, err) == -1)
			goto out;
		if (subfd != -1 &&
		    read_dir(w, subfd, sub, depth + 1, err) == -1)
			goto out;
		fd_drop(&subfd);
		free(sub);
		sub = NULL;
	}
	rc = 0;
out:
	fd_drop(&subfd);
	free(sub);
	strv_fini(&names);
	return rc;
}

int
tree_read(struct tree *out, const char *dir, struct error *err)
{
	struct walk w = { .tree = { .files = 1 }, .top = dir };
	int fd = -1, rc;

	if (fd_open_dir(&fd, AT_FDCWD, dir, true, err) == -1)
		return -1;
	rc = read_dir(&w, fd, "", 0, err);
	if (rc == 0 && w.tree.late != NULL &&
	    (fflush(w.tree.late) != 0 || ferror(w.tree.late)))
		rc = error_sys(err, EX_IOERR, "times");
	if (rc == 0)
		*out = w.tree;
	else
		tree_fini(&w.tree);
	fd_drop(&fd);
	return rc;
}

void
tree_fini(struct tree *tree)
{
	if (tree->late != NULL)
		fclose(tree->late);
	tree->late = NULL;
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
