/* SPDX-License-Identifier: ISC */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "disk/content.h"
#include "disk/copy.h"
#include "disk/qemu_img.h"

/* Where superblocks say what they are. */
struct superblock {
	uint64_t off;
	const char *magic;
	size_t len;
	const char *name;
};

/* Puts a reflink in place of the image; it stays when there can be none. */
static void
take_reflink(struct source *s, const char *path)
{
	const char *name;
	int dirfd, fd;

	if (fd_open_parent(&dirfd, &name, path, NULL) == -1)
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

/* An image of another format is not taken for a raw one unsaid. */
static int
check_raw(const struct source *s, const char *path, struct error *err)
{
	const struct chain_format *is;

	if (content_look(&is, s->image.fd, s->image.bytes, path, err) == -1)
		return -1;
	return is->is_flat
	    ? 0
	    : error_set(err, EX_DATAERR,
		  "%s: a %s image: --format %s, or --format %s for its bytes",
		  path, is->name, is->name, chain_flat()->name);
}

static int
open_raw(struct source *out, const char *path, bool is_said, struct error *err)
{
	struct source s = SOURCE_NONE;

	if (look_at(&s, path, err) == -1)
		return -1;
	/* Who says raw means the bytes, whatever they look like. */
	if (!is_said && check_raw(&s, path, err) == -1) {
		source_close(&s);
		return -1;
	}
	if (image_use_writes(s.use))
		take_reflink(&s, path);
	*out = s;
	return 0;
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
    const struct chain_format *format, struct error *err)
{
	int fd = -1, rc = -1;

	if (open_temporary(&fd, err) == -1 ||
	    qemu_img_convert(fd, dirfd, name, format, err) == -1)
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
open_mapped(struct source *out, const char *path,
    const struct chain_format *format, struct error *err)
{
	struct source s = SOURCE_NONE;
	const char *name;
	int dirfd, rc;

	if (look_at(&s, path, err) == -1)
		return -1;
	if (image_use_writes(s.use)) {
		source_close(&s);
		return error_set(err, EX_TEMPFAIL,
		    "%s: %s; a %s image is read only at rest", path,
		    image_use_name(s.use), format->name);
	}
	rc = fd_open_parent(&dirfd, &name, path, err);
	if (rc == 0) {
		rc = source_convert(&s, dirfd, name, format, err);
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
	const struct chain_format *is = format == NULL
	    ? chain_flat()
	    : chain_find_format(format);

	if (is == NULL)
		return error_set(err, EX_USAGE,
		    "--format: %s is neither raw nor qcow2", format);
	return is->is_flat ? open_raw(out, path, format != NULL, err)
			   : open_mapped(out, path, is, err);
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
	if (image_use_writes(source->use))
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
