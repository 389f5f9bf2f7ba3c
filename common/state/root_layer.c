/* SPDX-License-Identifier: ISC */
/* Layers: read-only disks, found by their digest. */
#include "state/root.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/path.h"
#include "disk/copy.h"
#include "state/root_impl.h"

#define HEX_LEN 64
#define COLLECT_MS 60000 /* state-gc reads every envelope meanwhile */
#define PART_NAME "layer" /* in the hidden directory */

/* The name of a layer's file: the digits of its digest. */
static void
layer_name(char name[HEX_LEN + 1], const struct digest *digest)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(text, digest);
	memcpy(name, strchr(text, ':') + 1, HEX_LEN);
	name[HEX_LEN] = '\0';
}

static int
digest_of(struct digest *digest, uint64_t *size, int dirfd, const char *name,
    struct error *err)
{
	int fd, rc;

	if (fd_open_file(&fd, size, dirfd, name, O_RDONLY, err) == -1)
		return -1;
	rc = digest_file(digest, fd, *size, name, err);
	fd_drop(&fd);
	return rc;
}

/* Copies the file into the hidden directory and proves that it is the same. */
static int
copy_part(int partfd, int from_dirfd, const char *from_name,
    const struct digest *digest, struct error *err)
{
	struct digest copied;
	enum copy_how how;
	uint64_t size;
	int fd;

	if (copy_file(&how, partfd, PART_NAME, from_dirfd, from_name,
		COPY_MAY_LINK | COPY_MAY_REFLINK, err) == -1)
		return -1;
	if (how == COPY_LINKED)
		return 0;
	if (digest_of(&copied, &size, partfd, PART_NAME, err) == -1)
		return -1;
	if (!digest_equal(&copied, digest))
		return error_set(err, EX_TEMPFAIL,
		    "%s: changed while it was copied", from_name);
	if (fd_open_file(&fd, NULL, partfd, PART_NAME, O_RDONLY, err) == -1)
		return -1;
	return fd_commit(&fd, from_name, err);
}

/* Puts the file at layer/`name`; one that is there already is as good. */
static int
add_part(const struct root *root, const char *name, int from_dirfd,
    const char *from_name, const struct digest *digest, struct error *err)
{
	char id[ID_LEN + 1], dir[ID_LEN + 8];
	int partfd, rc = -1;

	if (root_hidden_make(id, &partfd, root->layer_fd, err) == -1)
		return -1;
	snprintf(dir, sizeof(dir), ".new-%s", id);
	if (copy_part(partfd, from_dirfd, from_name, digest, err) == -1)
		goto out;
	if (renameat2(partfd, PART_NAME, root->layer_fd, name,
		RENAME_NOREPLACE) == -1 &&
	    errno != EEXIST) {
		error_sys(err, error_code_of(errno), "layer/%s", name);
		goto out;
	}
	rc = fd_sync_dir(root->layer_fd, "layer", err);
out:
	fd_remove_tree(root->layer_fd, dir, NULL);
	fd_drop(&partfd);
	return rc;
}

static int
add_file(struct digest *digest, uint64_t *size_bytes, const struct root *root,
    int from_dirfd, const char *from_name, struct error *err)
{
	char name[HEX_LEN + 1];
	struct digest made;
	struct stat st;
	uint64_t size;
	int lockfd, rc = 0;

	if (digest_of(&made, &size, from_dirfd, from_name, err) == -1)
		return -1;
	layer_name(name, &made);
	/* Collecting holds it exclusively, and starts only when nobody builds. */
	if (lock_dir(&lockfd, root->layer_fd, ".", LOCK_SHARED,
		clock_ms() + COLLECT_MS, err) == -1)
		return error_wrap(err, "layers");
	if (fstatat(root->layer_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		rc = add_part(root, name, from_dirfd, from_name, &made, err);
	fd_drop(&lockfd);
	if (rc == -1)
		return -1;
	*digest = made;
	*size_bytes = size;
	return 0;
}

int
root_layer_add(struct digest *digest, uint64_t *size_bytes,
    const struct root *root, int from_dirfd, const char *from_name,
    struct error *err)
{
	char *real;
	int rc;

	if (from_dirfd != AT_FDCWD)
		return add_file(digest, size_bytes, root, from_dirfd, from_name,
		    err);
	/* A path that the user gave may lead through links. */
	real = realpath(from_name, NULL);
	if (real == NULL)
		return error_sys(err, error_code_of(errno), "%s", from_name);
	rc = add_file(digest, size_bytes, root, AT_FDCWD, real, err);
	free(real);
	return rc;
}

int
root_layer_open(int *fd, uint64_t *size_bytes, const struct root *root,
    const struct digest *digest, struct error *err)
{
	char name[HEX_LEN + 1];
	struct error why = { 0 };

	layer_name(name, digest);
	if (fd_open_file(fd, size_bytes, root->layer_fd, name, O_RDONLY,
		&why) == 0)
		return 0;
	if (why.code == EX_NOINPUT)
		return error_set(err, EX_NOINPUT, "layer %s is not here", name);
	if (err != NULL)
		*err = why;
	return error_wrap(err, "layer");
}

int
root_layer_link(const struct root *root, const struct digest *digest, int dirfd,
    const char *name, struct error *err)
{
	char layer[HEX_LEN + 1];
	char *target;
	int rc;

	layer_name(layer, digest);
	if (linkat(root->layer_fd, layer, dirfd, name, 0) == 0)
		return 0;
	switch (errno) {
	case EEXIST:
		return error_sys(err, EX_CANTCREAT, "%s", name);
	case ENOENT:
		return error_set(err, EX_NOINPUT, "layer %s is not here",
		    layer);
	case EXDEV:
	case EPERM:
	case EMLINK:
	case EACCES:
	case EROFS:
		break;
	default:
		return error_sys(err, error_code_of(errno), "%s", name);
	}
	target = path_format("%s/layer/%s", root->path, layer);
	if (target == NULL)
		return error_set(err, EX_OSERR, "%s: out of memory", name);
	rc = symlinkat(target, dirfd, name);
	free(target);
	if (rc == -1)
		return error_sys(err,
		    errno == EEXIST ? EX_CANTCREAT : error_code_of(errno), "%s",
		    name);
	return 0;
}
