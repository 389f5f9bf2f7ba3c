/* SPDX-License-Identifier: ISC */
/* Layers: read-only disks, found by their digest. */
#include "state/root.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/progress.h"
#include "disk/copy.h"
#include "disk/digest_file.h"
#include "state/layer_seen.h"
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

/* *st: how the file looked before it was read. */
static int
digest_of(struct digest *digest, uint64_t *size, struct stat *st,
    const struct root *root, int dirfd, const char *name, struct error *err)
{
	struct progress progress;
	int fd, rc;

	if (fd_open_file(&fd, size, dirfd, name, O_RDONLY, err) == -1)
		return -1;
	progress_init(&progress, "read", *size, !root->shows);
	rc = fstat(fd, st) == -1
	    ? error_sys(err, EX_IOERR, "%s", name)
	    : digest_file_shown(digest, fd, *size, &progress, name, err);
	progress_fini(&progress);
	fd_drop(&fd);
	return rc;
}

/* A layer on its way into the store. */
struct part {
	const struct root *root;
	int from_dirfd; /* the file that was given */
	const char *from_name;
	char dir[ID_LEN + 8]; /* hidden, beneath layer/ */
	int dirfd; /* holds its lock */
	bool reflinked; /* PART_NAME is in it */
	struct digest digest;
	uint64_t size;
	struct stat seen; /* what has that digest, be it here or there */
};

/*
 * Takes the digest: of a reflink of the file where there can be one, for what
 * is written to the file from then on is nothing to the layer.
 */
static int
begin_part(struct part *p, struct error *err)
{
	struct error why = { 0 };

	if (copy_file(NULL, p->dirfd, PART_NAME, p->from_dirfd, p->from_name,
		COPY_MAY_REFLINK | COPY_NO_COPY, &why) == 0) {
		p->reflinked = true;
		return digest_of(&p->digest, &p->size, &p->seen, p->root,
		    p->dirfd, PART_NAME, err);
	}
	if (why.code != EX_UNAVAILABLE) {
		if (err != NULL)
			*err = why;
		return -1;
	}
	return digest_of(&p->digest, &p->size, &p->seen, p->root, p->from_dirfd,
	    p->from_name, err);
}

static int
sync_part(const struct part *p, struct error *err)
{
	int fd;

	if (fd_open_file(&fd, NULL, p->dirfd, PART_NAME, O_RDONLY, err) == -1)
		return -1;
	return fd_commit(&fd, p->from_name, err);
}

/* Without reflinks: a link, else a copy that is proved to be the same. */
static int
fill_part(struct part *p, struct error *err)
{
	struct digest copied;
	enum copy_how how;
	uint64_t size;

	if (copy_file(&how, p->dirfd, PART_NAME, p->from_dirfd, p->from_name,
		COPY_MAY_LINK, err) == -1)
		return -1;
	if (how == COPY_LINKED)
		return 0;
	if (digest_of(&copied, &size, &p->seen, p->root, p->dirfd, PART_NAME,
		err) == -1)
		return -1;
	if (!digest_equal(&copied, &p->digest))
		return error_set(err, EX_TEMPFAIL,
		    "%s: changed while it was copied", p->from_name);
	return sync_part(p, err);
}

/*
 * Puts the file at layer/`name`; one that is there already is as good, or with no
 * `flags` is replaced.
 */
static int
publish_part(struct part *p, const char *name, unsigned flags,
    struct error *err)
{
	if ((p->reflinked ? sync_part(p, err) : fill_part(p, err)) == -1)
		return -1;
	if (renameat2(p->dirfd, PART_NAME, p->root->layer_fd, name, flags) == 0)
		layer_seen_set(p->root->layer_fd, name, &p->seen);
	else if (errno != EEXIST)
		return error_sys(err, error_code_of(errno), "layer/%s", name);
	return fd_sync_dir(p->root->layer_fd, "layer", err);
}

/*
 * Whether the layer that is there is still what its name says: it may be a link
 * to a file that somebody has written to (1).
 */
static int
check_present(const struct part *p, const char *name, struct error *err)
{
	struct stat present;
	struct digest digest;
	uint64_t size;

	/* The digest of this very file has just been made. */
	if (!p->reflinked &&
	    fstatat(p->root->layer_fd, name, &present, AT_SYMLINK_NOFOLLOW) ==
		0 &&
	    p->seen.st_dev == present.st_dev &&
	    p->seen.st_ino == present.st_ino) {
		layer_seen_set(p->root->layer_fd, name, &p->seen);
		return 0;
	}
	if (digest_of(&digest, &size, &present, p->root, p->root->layer_fd,
		name, err) == -1)
		return error_wrap(err, "layer");
	if (!digest_equal(&digest, &p->digest))
		return 1;
	layer_seen_set(p->root->layer_fd, name, &present);
	return 0;
}

/*
 * 1: one is there.  Collecting holds the lock exclusively, and starts only when
 * nobody builds.
 */
static int
publish(struct part *p, const char *name, bool replace, struct error *err)
{
	struct stat st;
	int lockfd, rc;

	if (lock_dir(&lockfd, p->root->layer_fd, ".", LOCK_SHARED,
		clock_ms() + COLLECT_MS, err) == -1)
		return error_wrap(err, "layers");
	if (!replace &&
	    fstatat(p->root->layer_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		rc = 1;
	else
		rc = publish_part(p, name, replace ? 0 : RENAME_NOREPLACE, err);
	fd_drop(&lockfd);
	return rc;
}

/* One that somebody has written to is no loss. */
static int
add_part(struct part *p, struct error *err)
{
	char name[HEX_LEN + 1];
	int rc;

	if (begin_part(p, err) == -1)
		return -1;
	layer_name(name, &p->digest);
	rc = publish(p, name, false, err);
	if (rc == 1)
		rc = check_present(p, name, err);
	return rc == 1 ? publish(p, name, true, err) : rc;
}

static int
add_file(struct digest *digest, uint64_t *size_bytes, const struct root *root,
    int from_dirfd, const char *from_name, struct error *err)
{
	struct part p = { .root = root,
		.from_dirfd = from_dirfd,
		.from_name = from_name };
	char id[ID_LEN + 1];
	int rc;

	if (root_hidden_make(id, &p.dirfd, root->layer_fd, err) == -1)
		return -1;
	snprintf(p.dir, sizeof(p.dir), ".new-%s", id);
	rc = add_part(&p, err);
	fd_remove_tree(root->layer_fd, p.dir, NULL);
	fd_drop(&p.dirfd);
	if (rc == -1)
		return -1;
	*digest = p.digest;
	*size_bytes = p.size;
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
	if (root->layer_fd != -1 &&
	    fd_open_file(fd, size_bytes, root->layer_fd, name, O_RDONLY,
		&why) == 0)
		return 0;
	if (root->layer_fd == -1 || why.code == EX_NOINPUT)
		return error_set(err, EX_NOINPUT, "layer %s is not in %s", name,
		    root->path);
	if (err != NULL)
		*err = why;
	return error_wrap(err, "layer");
}

int
root_layer_check(uint64_t *size_bytes, const struct root *root,
    const struct digest *digest, struct error *err)
{
	char name[HEX_LEN + 1];
	struct digest now;
	struct stat st;
	int fd, rc = 0;

	layer_name(name, digest);
	if (root_layer_open(&fd, size_bytes, root, digest, err) == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		rc = error_sys(err, EX_IOERR, "layer %s", name);
	else if (!layer_seen_is(root->layer_fd, name, &st)) {
		rc = digest_file(&now, fd, *size_bytes, name, err);
		if (rc == 0 && !digest_equal(&now, digest))
			rc = error_set(err, EX_DATAERR,
			    "layer/%s has been written to: it differs from its "
			    "digest",
			    name);
		if (rc == 0)
			layer_seen_set(root->layer_fd, name, &st);
	}
	fd_drop(&fd);
	return rc;
}

/* With the lock on layer/: it takes the name, which nobody has, or a bad one. */
static int
move_in(const struct root *root, int dirfd, const char *name, const char *layer,
    unsigned flags, struct error *err)
{
	struct stat st;

	if (renameat2(dirfd, name, root->layer_fd, layer, flags) == -1) {
		if (errno == EEXIST)
			return 1;
		return error_sys(err, error_code_of(errno), "layer/%s", layer);
	}
	/* Its digest was proved by who wrote it, just now. */
	if (fstatat(root->layer_fd, layer, &st, AT_SYMLINK_NOFOLLOW) == 0)
		layer_seen_set(root->layer_fd, layer, &st);
	return fd_sync_dir(root->layer_fd, "layer", err);
}

int
root_layer_move(const struct root *root, int dirfd, const char *name,
    const struct digest *digest, struct error *err)
{
	char layer[HEX_LEN + 1];
	struct error why = { 0 };
	uint64_t size;
	int lockfd, rc;

	layer_name(layer, digest);
	if (lock_dir(&lockfd, root->layer_fd, ".", LOCK_SHARED,
		clock_ms() + COLLECT_MS, err) == -1)
		return error_wrap(err, "layers");
	rc = move_in(root, dirfd, name, layer, RENAME_NOREPLACE, err);
	if (rc == 1) {
		/* One that somebody has written to is no loss. */
		rc = root_layer_check(&size, root, digest, &why);
		if (rc == -1 && why.code == EX_DATAERR)
			rc = move_in(root, dirfd, name, layer, 0, err);
		else if (rc == -1 && err != NULL)
			*err = why;
		else if (rc == 0 && unlinkat(dirfd, name, 0) == -1)
			rc = error_sys(err, error_code_of(errno), "%s", name);
	}
	fd_drop(&lockfd);
	return rc;
}

/*
 * Whether the layer that a VM has is the one in layer/: one that was written to
 * may have been replaced there.  1: it is, or as good; 0: it has other bytes.
 */
static int
is_that_layer(const struct root *root, int dirfd, const struct layer *layer,
    struct error *err)
{
	char name[HEX_LEN + 1];
	struct stat there, here;
	struct digest now;
	int fd, rc;

	layer_name(name, &layer->digest);
	if (fstatat(root->layer_fd, name, &there, 0) == -1 ||
	    fstatat(dirfd, layer->name, &here, 0) == -1 ||
	    (there.st_ino == here.st_ino && there.st_dev == here.st_dev))
		return 1;
	if (!S_ISREG(here.st_mode))
		return 0;
	/* One in place is a link, and its content what counts. */
	fd = openat(dirfd, layer->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", layer->name);
	rc = digest_file(&now, fd, (uint64_t)here.st_size, layer->name, err);
	fd_drop(&fd);
	return rc == -1 ? -1 : digest_equal(&now, &layer->digest);
}

static int
check_one(const struct root *root, int dirfd, const struct layer *layer,
    bool relink, struct error *err)
{
	struct error why = { 0 };
	uint64_t size;
	int rc;

	if (root_layer_check(&size, root, &layer->digest, &why) == -1) {
		if (why.code == EX_NOINPUT)
			return 0;
		if (err != NULL)
			*err = why;
		return error_wrap(err, "%s", layer->name);
	}
	rc = is_that_layer(root, dirfd, layer, err);
	if (rc != 0)
		return rc == -1 ? -1 : 0;
	if (!relink)
		return error_set(err, EX_DATAERR,
		    "%s: what the VM runs from has been written to, and is not "
		    "the layer that its snapshots would name",
		    layer->name);
	return root_layer_relink(root, &layer->digest, dirfd, layer->name, err);
}

int
root_layers_check(const struct root *root, int dirfd,
    const struct layer_list *layers, bool relink, struct error *err)
{
	size_t i;

	for (i = 0; i < layers->n; i++)
		if (check_one(root, dirfd, &layers->v[i], relink, err) == -1)
			return -1;
	return 0;
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
		return error_set(err, EX_NOINPUT, "layer %s is not in %s",
		    layer, root->path);
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
		return error_nomem(err, name);
	rc = symlinkat(target, dirfd, name);
	free(target);
	if (rc == -1)
		return error_sys(err,
		    errno == EEXIST ? EX_CANTCREAT : error_code_of(errno), "%s",
		    name);
	return 0;
}

int
root_layer_relink(const struct root *root, const struct digest *digest,
    int dirfd, const char *name, struct error *err)
{
	char beside[NAME_MAX + 1];
	int rc;

	snprintf(beside, sizeof(beside), ".%s.%ld", name, (long)getpid());
	if (root_layer_link(root, digest, dirfd, beside, err) == -1)
		return -1;
	rc = renameat(dirfd, beside, dirfd, name) == 0
	    ? 0
	    : error_sys(err, error_code_of(errno), "%s", name);
	/* It is there still where both were the same file. */
	unlinkat(dirfd, beside, 0);
	return rc;
}
