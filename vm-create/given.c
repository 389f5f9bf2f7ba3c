/* SPDX-License-Identifier: ISC */
#include "given.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "disk/content.h"
#include "disk/copy.h"
#include "disk/image.h"
#include "disk/input.h"
#include "disk/qemu_img.h"

static int
look_at(struct given *g, struct error *err)
{
	enum image_use use = image_in_use(g->fd);

	if (image_use_writes(use))
		return error_set(err, EX_TEMPFAIL, "%s: in use: %s", g->path,
		    image_use_name(use));
	if (content_look(&g->format, g->fd, g->file_bytes, g->path, err) ==
		-1 ||
	    g->format->check(g->fd, g->file_bytes, 0, NULL, g->path, err) == -1)
		return -1;
	return g->format->disk_bytes(&g->disk_bytes, g->fd, g->file_bytes,
	    g->path, err);
}

int
given_open(struct given *out, const char *path, struct error *err)
{
	struct given g = { .path = path, .fd = -1 };

	if (input_open_filled(&g.fd, &g.file_bytes, path, err) == -1)
		return -1;
	if (look_at(&g, err) == -1) {
		fd_drop(&g.fd);
		return -1;
	}
	*out = g;
	return 0;
}

static int
convert(const struct given *g, int to, bool quiet, struct error *err)
{
	const char *name;
	int dirfd, rc;

	if (fd_open_parent(&dirfd, &name, g->path, err) == -1)
		return -1;
	if (!quiet)
		diag("%s: a %s image: converted to raw", g->path,
		    g->format->name);
	rc = qemu_img_convert(to, dirfd, name, g->format, err);
	fd_drop(&dirfd);
	return rc;
}

int
given_new(int *fd, int dirfd, const char *name, struct error *err)
{
	*fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*fd == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	return 0;
}

int
given_put(const struct given *given, int dirfd, const char *name, bool quiet,
    struct error *err)
{
	int to, rc = 0;

	if (given_new(&to, dirfd, name, err) == -1)
		return -1;
	if (!given->format->is_flat)
		rc = convert(given, to, quiet, err);
	else if (copy_reflink(to, given->fd, given->path, NULL) == -1)
		rc = copy_extents(to, given->fd, given->file_bytes, NULL, NULL,
		    given->path, err);
	fd_drop(&to);
	return rc;
}

int
given_reflink(const struct given *given, int dirfd, const char *name,
    struct error *err)
{
	int to, rc;

	if (!given->format->is_flat)
		return 1;
	if (given_new(&to, dirfd, name, err) == -1)
		return -1;
	rc = copy_reflink(to, given->fd, given->path, NULL) == -1 ? 1 : 0;
	if (rc == 1)
		unlinkat(dirfd, name, 0);
	fd_drop(&to);
	return rc;
}

void
given_close(struct given *given)
{
	fd_drop(&given->fd);
}
