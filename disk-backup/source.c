/* SPDX-License-Identifier: ISC */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strv.h"
#include "disk/copy.h"
#include "disk/qcow2.h"

#define SOURCE_CHAIN_MAX 9 /* eight overlays, as vm-create's, and a base */
#define SOURCE_CONVERT_MS (24 * 3600 * 1000) /* 8 TiB at 100 MB/s */

/* Where superblocks say what they are. */
struct superblock {
	uint64_t off;
	const char *magic;
	size_t len;
	const char *name;
};

/* The directory of `path`, open, and the name in it. */
static int
open_parent(int *dirfd, const char **name, const char *path, struct error *err)
{
	char *dir;

	*name = path_base(path);
	dir = *name == path ? strdup(".")
			    : strndup(path, (size_t)(*name - path));
	if (dir == NULL)
		return error_sys(err, EX_OSERR, "%s", path);
	*dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (*dirfd == -1)
		return error_sys(err, error_code_of(errno), "%s", path);
	return 0;
}

/* Puts a reflink in place of the image; it stays when there can be none. */
static void
take_reflink(struct source *s, const char *path)
{
	const char *name;
	int dirfd, fd;

	if (open_parent(&dirfd, &name, path, NULL) == -1)
		return;
	fd = openat(dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	fd_drop(&dirfd);
	if (fd == -1)
		return;
	if (copy_reflink(fd, s->image.fd, path, NULL) == -1) {
		fd_drop(&fd);
		return;
	}
	fd_drop(&s->image.fd);
	s->image.fd = fd;
	s->is_copy = true;
}

static int
look_at(struct source *s, const char *path, struct error *err)
{
	if (image_open(&s->image, path, err) == -1)
		return -1;
	if (fstat(s->image.fd, &s->before) == -1) {
		error_sys(err, EX_IOERR, "%s", path);
		image_close(&s->image);
		return -1;
	}
	s->use = image_in_use(s->image.fd);
	return 0;
}

static int
open_raw(struct source *out, const char *path, struct error *err)
{
	struct source s = SOURCE_NONE;

	if (look_at(&s, path, err) == -1)
		return -1;
	if (s.use == IMAGE_LOCKED || s.use == IMAGE_LOOP)
		take_reflink(&s, path);
	*out = s;
	return 0;
}

/* The header of one file of a chain; `backing` becomes what it stands on. */
static int
check_link(struct qcow2_head *head, int dirfd, const char *name,
    struct error *err)
{
	uint64_t bytes;
	int fd, rc;

	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	bytes = (uint64_t)lseek(fd, 0, SEEK_END);
	rc = qcow2_read_head(head, fd, bytes, name, err);
	fd_drop(&fd);
	if (rc == -1)
		return -1;
	if (head->has_data_file)
		return error_set(err, EX_DATAERR,
		    "%s: has an external data file", name);
	if (head->backing[0] == '\0')
		return 0;
	/* A colon would make a protocol of it. */
	if (!path_is_name(head->backing) || strchr(head->backing, ':') != NULL)
		return error_set(err, EX_DATAERR,
		    "%s: backing file \"%s\" is not a plain name", name,
		    head->backing);
	if (strcmp(head->backing_format, "raw") != 0 &&
	    strcmp(head->backing_format, "qcow2") != 0)
		return error_set(err, EX_DATAERR,
		    "%s: backing file of format \"%s\"", name,
		    head->backing_format);
	return 0;
}

/* qemu-img follows what headers name: so all of them are looked at first. */
static int
check_chain(int dirfd, const char *name, struct error *err)
{
	struct qcow2_head head;
	char next[QCOW2_BACKING_MAX + 1];
	int depth;

	for (depth = 0; depth < SOURCE_CHAIN_MAX; depth++) {
		if (check_link(&head, dirfd, name, err) == -1)
			return -1;
		if (head.backing[0] == '\0' ||
		    strcmp(head.backing_format, "raw") == 0)
			return 0;
		memcpy(next, head.backing, sizeof(next));
		name = next;
	}
	return error_set(err, EX_DATAERR, "%s: more than %d files in a chain",
	    name, SOURCE_CHAIN_MAX);
}

/*
 * Our nameless file has a name for other processes: by our descriptor.  -U: a
 * VMM may hold locks on files that it only reads.
 */
static int
convert(int dirfd, const char *name, int to, struct error *err)
{
	struct strv argv = { 0 };
	struct proc_run how = { .dirfd = dirfd, .stdin_fd = -1 };
	int rc = -1;

	if (strv_add(&argv, err, "qemu-img") == 0 &&
	    strv_add(&argv, err, "convert") == 0 &&
	    strv_add(&argv, err, "-U") == 0 &&
	    strv_add(&argv, err, "-f") == 0 &&
	    strv_add(&argv, err, "qcow2") == 0 &&
	    strv_add(&argv, err, "-O") == 0 &&
	    strv_add(&argv, err, "raw") == 0 &&
	    strv_add(&argv, err, "--") == 0 &&
	    strv_add(&argv, err, "./%s", name) == 0 &&
	    strv_add(&argv, err, "/proc/%ld/fd/%d", (long)getpid(), to) == 0) {
		how.argv = argv.v;
		how.deadline_ms = clock_ms() + SOURCE_CONVERT_MS;
		rc = proc_run(&how, err);
	}
	strv_fini(&argv);
	return rc;
}

static int
open_temporary(int *out, struct error *err)
{
	const char *dir = getenv("TMPDIR");

	if (dir == NULL || dir[0] == '\0')
		dir = "/var/tmp";
	*out = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (*out == -1)
		return error_sys(err, error_code_of(errno), "%s", dir);
	return 0;
}

int
source_convert(struct source *out, int dirfd, const char *name,
    struct error *err)
{
	int fd = -1, rc = -1;

	if (check_chain(dirfd, name, err) == -1 ||
	    open_temporary(&fd, err) == -1 ||
	    convert(dirfd, name, fd, err) == -1)
		goto out;
	image_close(&out->image);
	out->image.bytes = (uint64_t)lseek(fd, 0, SEEK_END);
	out->image.fd = fd;
	out->is_copy = true;
	fd = -1;
	rc = 0;
out:
	fd_drop(&fd);
	return rc;
}

static int
open_qcow2(struct source *out, const char *path, struct error *err)
{
	struct source s = SOURCE_NONE;
	const char *name;
	int dirfd, rc;

	if (look_at(&s, path, err) == -1)
		return -1;
	if (s.use == IMAGE_LOCKED || s.use == IMAGE_LOOP) {
		source_close(&s);
		return error_set(err, EX_TEMPFAIL,
		    "%s: %s; a qcow2 image is read only at rest", path,
		    image_use_name(s.use));
	}
	rc = open_parent(&dirfd, &name, path, err);
	if (rc == 0) {
		rc = source_convert(&s, dirfd, name, err);
		fd_drop(&dirfd);
	}
	if (rc == -1)
		source_close(&s);
	else
		*out = s;
	return rc;
}

int
source_open(struct source *out, const char *path, const char *format,
    struct error *err)
{
	if (format == NULL || strcmp(format, "raw") == 0)
		return open_raw(out, path, err);
	if (strcmp(format, "qcow2") == 0)
		return open_qcow2(out, path, err);
	return error_set(err, EX_USAGE, "--format: %s is neither raw nor qcow2",
	    format);
}

int
source_check_output(const struct source *source, const char *path,
    struct error *err)
{
	struct stat st;

	if (path != NULL && stat(path, &st) == 0 &&
	    st.st_dev == source->before.st_dev &&
	    st.st_ino == source->before.st_ino)
		return error_set(err, EX_USAGE, "-o %s: is the image", path);
	return 0;
}

const char *
source_doubt(const struct source *source)
{
	struct stat now;

	if (source->is_copy)
		return NULL;
	if (source->use == IMAGE_LOCKED || source->use == IMAGE_LOOP)
		return image_use_name(source->use);
	if (fstat(source->image.fd, &now) == -1 ||
	    now.st_mtim.tv_sec != source->before.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != source->before.st_mtim.tv_nsec ||
	    now.st_size != source->before.st_size)
		return "written to meanwhile";
	return NULL;
}

const char *
source_filesystem(const struct source *source)
{
	static const struct superblock table[] = {
		{ 1080, "\x53\xef", 2, "ext4" },
		{ 0, "XFSB", 4, "xfs" },
		{ 65600, "_BHRfS_M", 8, "btrfs" },
	};
	char raw[8];
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (source->image.bytes >= table[i].off + table[i].len &&
		    fd_pread(source->image.fd, raw, table[i].len, table[i].off,
			source->image.path, NULL) == 0 &&
		    memcmp(raw, table[i].magic, table[i].len) == 0)
			return table[i].name;
	return "";
}

void
source_close(struct source *source)
{
	image_close(&source->image);
	fd_drop(&source->hold);
}
