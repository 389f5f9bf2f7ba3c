/* SPDX-License-Identifier: ISC */
/*
 * An OCI image layout on disk (OCI Image Format Specification 1.1, "OCI Image
 * Layout"): oci-layout, index.json, blobs/sha256/HEX.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/hook.h"
#include "base/id.h"
#include "base/lock.h"
#include "registry/artifact.h"
#include "registry/layout_index.h"
#include "registry/transport.h"

#define MARK "oci-layout"
#define MARK_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define MARK_MAX 4096
#define BLOBS "blobs"
#define SHA256 "sha256"
#define HEX_MAX (2 * DIGEST_BYTES + 1)
#define COMPARE_BYTES 65536u
#define OPEN_MAX_BLOBS 16 /* kept open while ranges are read */
#define LOCK_WAIT_MS 10000 /* for another push to move its tag */

struct kept {
	struct blob blob;
	int fd; /* -1: none */
};

struct layout {
	const char *path; /* borrowed */
	int dirfd, blobsfd; /* -1: not there, and only looked at */
	bool is_new, has_dir; /* it was made, its directory; no manifest yet */
	struct kept kept[OPEN_MAX_BLOBS];
	size_t next;
};

struct layout_put {
	struct layout *layout;
	int fd;
	char beside[ID_LEN + 8]; /* ".new-<id>"; "": it has no name */
};

/*
 * A new one that nothing came to.  One with blobs is a layout, and they are the
 * next push's; its directory may be beyond what an enclosed process removes.
 */
static void
unmake(const struct layout *l)
{
	if (unlinkat(l->dirfd, BLOBS "/" SHA256, AT_REMOVEDIR) == -1)
		return;
	unlinkat(l->dirfd, BLOBS, AT_REMOVEDIR);
	unlinkat(l->dirfd, MARK, 0);
	if (l->has_dir)
		rmdir(l->path);
}

static void
layout_close(void *state)
{
	struct layout *l = state;
	size_t i;

	if (l->is_new)
		unmake(l);
	for (i = 0; i < OPEN_MAX_BLOBS; i++)
		fd_drop(&l->kept[i].fd);
	fd_drop(&l->blobsfd);
	fd_drop(&l->dirfd);
	free(l);
}

/* EX_NOINPUT: it is not marked as one. */
static int
check_mark(const struct layout *l, struct error *err)
{
	struct error why = { 0 };
	char *text;

	if (fd_slurp(&text, NULL, l->dirfd, MARK, MARK_MAX, &why) == -1)
		return error_set(err, why.code, "%s: no OCI layout: %s",
		    l->path, why.msg);
	free(text);
	return 0;
}

/* Whether it can become one: it is empty, or was begun and not marked yet. */
static int
check_vacant(const struct layout *l, struct error *err)
{
	struct strv names = { 0 };
	bool is_vacant;

	if (dir_list(&names, l->dirfd, l->path, err) == -1)
		return -1;
	is_vacant = names.n == 0 ||
	    (names.n == 1 && strcmp(names.v[0], BLOBS) == 0);
	strv_fini(&names);
	return is_vacant
	    ? 0
	    : error_set(err, EX_CANTCREAT,
		  "%s: holds something that is no OCI layout", l->path);
}

static int
make_parts(const struct layout *l, struct error *err)
{
	if ((mkdirat(l->dirfd, BLOBS, 0700) == -1 && errno != EEXIST) ||
	    (mkdirat(l->dirfd, BLOBS "/" SHA256, 0700) == -1 &&
		errno != EEXIST))
		return error_sys(err, error_code_of(errno), "%s/" BLOBS,
		    l->path);
	hook_step("layout-made");
	return fd_replace_file(l->dirfd, MARK, MARK_TEXT, sizeof(MARK_TEXT) - 1,
		   true, err) == -1
	    ? error_wrap(err, "%s", l->path)
	    : 0;
}

static int
open_parts(struct layout *l, unsigned how, struct error *err)
{
	int fd, rc;

	l->has_dir = how == TRANSPORT_WRITE && mkdir(l->path, 0700) == 0;
	if (how == TRANSPORT_WRITE && !l->has_dir && errno != EEXIST)
		return error_sys(err, error_code_of(errno), "%s", l->path);
	if (how == TRANSPORT_LOOK && access(l->path, F_OK) == -1 &&
	    errno == ENOENT)
		return 0;
	if (fd_open_dir(&l->dirfd, AT_FDCWD, l->path, true, err) == -1)
		return -1;
	if (how != TRANSPORT_READ && !fd_exists(l->dirfd, MARK)) {
		if (check_vacant(l, err) == -1)
			return -1;
		if (how == TRANSPORT_LOOK) {
			fd_drop(&l->dirfd);
			return 0;
		}
		l->is_new = true;
		if (make_parts(l, err) == -1)
			return -1;
	}
	if (check_mark(l, err) == -1)
		return -1;
	if (fd_open_dir(&fd, l->dirfd, BLOBS, false, err) == -1)
		return error_wrap(err, "%s", l->path);
	rc = fd_open_dir(&l->blobsfd, fd, SHA256, false, err);
	fd_drop(&fd);
	return rc == -1 ? error_wrap(err, "%s/" BLOBS, l->path) : 0;
}

static int
layout_open(void **state, const struct ref *ref,
    const struct transport_how *how, struct error *err)
{
	struct layout *l;
	size_t i;

	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return error_nomem(err, ref->place);
	l->path = ref->place;
	l->dirfd = l->blobsfd = -1;
	for (i = 0; i < OPEN_MAX_BLOBS; i++)
		l->kept[i].fd = -1;
	if (open_parts(l, how->mode, err) == -1) {
		layout_close(l);
		return -1;
	}
	*state = l;
	return 0;
}

/* Its descriptor, which the layout keeps. */
static int
open_blob(int *fd, struct layout *l, const struct blob *blob, struct error *err)
{
	struct kept *k;
	char name[HEX_MAX];
	uint64_t size;
	size_t i;

	for (i = 0; i < OPEN_MAX_BLOBS; i++) {
		k = &l->kept[i];
		if (k->fd != -1 && k->blob.bytes == blob->bytes &&
		    digest_equal(&k->blob.digest, &blob->digest)) {
			*fd = k->fd;
			return 0;
		}
	}
	hex_put(name, blob->digest.raw, DIGEST_BYTES);
	k = &l->kept[l->next];
	fd_drop(&k->fd);
	if (fd_open_file(&k->fd, &size, l->blobsfd, name, O_RDONLY, err) ==
	    -1) {
		if (err != NULL && err->code == EX_NOINPUT)
			err->code = EX_DATAERR;
		return error_wrap(err, "%s/" BLOBS "/" SHA256, l->path);
	}
	if (size != blob->bytes) {
		fd_drop(&k->fd);
		return error_set(err, EX_DATAERR,
		    "%s/" BLOBS "/" SHA256 "/%s: %" PRIu64
		    " bytes, not %" PRIu64,
		    l->path, name, size, blob->bytes);
	}
	k->blob = *blob;
	l->next = (l->next + 1) % OPEN_MAX_BLOBS;
	*fd = k->fd;
	return 0;
}

static void
drop_blob(struct layout *l, int fd)
{
	size_t i;

	for (i = 0; i < OPEN_MAX_BLOBS; i++)
		if (l->kept[i].fd == fd)
			fd_drop(&l->kept[i].fd);
}

/* On a disk there is nothing to wait for: it is read when it is awaited. */
static int
layout_ask(void *state, struct range *range, struct error *err)
{
	(void)state;
	(void)range;
	(void)err;
	return 0;
}

static int
layout_await(void *state, struct range *range, struct error *err)
{
	char name[HEX_MAX];
	int fd = -1;

	if (open_blob(&fd, state, range->blob, err) == -1)
		return -1;
	hex_put(name, range->blob->digest.raw, DIGEST_BYTES);
	if (fd_pread(fd, range->buf, range->len, range->off, name, err) == 0)
		return 0;
	/* Another file may have the name by the next time. */
	drop_blob(state, fd);
	return -1;
}

static int
layout_has(void *state, bool *there, const struct blob *blob, struct error *err)
{
	struct layout *l = state;
	char name[HEX_MAX];
	struct stat st;

	*there = false;
	if (l->blobsfd == -1)
		return 0;
	hex_put(name, blob->digest.raw, DIGEST_BYTES);
	if (fstatat(l->blobsfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			return 0;
		return error_sys(err, EX_IOERR, "%s/" BLOBS "/" SHA256 "/%s",
		    l->path, name);
	}
	*there = S_ISREG(st.st_mode) && (uint64_t)st.st_size == blob->bytes;
	return 0;
}

static void
layout_put_free(void *state)
{
	struct layout_put *put = state;

	if (put->beside[0] != '\0')
		unlinkat(put->layout->blobsfd, put->beside, 0);
	fd_drop(&put->fd);
	free(put);
}

/* Without a name, so that nothing remains when this process is killed. */
static int
layout_put_begin(void *state, void **out, struct error *err)
{
	struct layout *l = state;
	struct layout_put *put;
	char id[ID_LEN + 1];

	put = calloc(1, sizeof(*put));
	if (put == NULL)
		return error_nomem(err, l->path);
	put->layout = l;
	put->fd = openat(l->blobsfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (put->fd == -1) {
		if (id_new(id, err) == -1) {
			layout_put_free(put);
			return -1;
		}
		snprintf(put->beside, sizeof(put->beside), ".new-%s", id);
		put->fd = openat(l->blobsfd, put->beside,
		    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	if (put->fd == -1) {
		error_sys(err, error_code_of(errno), "%s/" BLOBS "/" SHA256,
		    l->path);
		put->beside[0] = '\0';
		layout_put_free(put);
		return -1;
	}
	*out = put;
	return 0;
}

static int
layout_put_data(void *state, const void *buf, size_t len, struct error *err)
{
	struct layout_put *put = state;

	return fd_write(put->fd, buf, len, put->layout->path, err);
}

/* The digest says what it should be: so it is compared with what was put. */
static bool
layout_is_whole(const void *state, const struct blob *blob)
{
	const struct layout_put *put = state;
	unsigned char a[COMPARE_BYTES], b[COMPARE_BYTES];
	char name[HEX_MAX];
	uint64_t off, size;
	size_t n = 0;
	bool same;
	int fd;

	hex_put(name, blob->digest.raw, DIGEST_BYTES);
	if (fd_open_file(&fd, &size, put->layout->blobsfd, name, O_RDONLY,
		NULL) == -1)
		return false;
	same = size == blob->bytes;
	for (off = 0; same && off < size; off += n) {
		n = size - off < sizeof(a) ? (size_t)(size - off) : sizeof(a);
		same = fd_pread(fd, a, n, off, name, NULL) == 0 &&
		    fd_pread(put->fd, b, n, off, name, NULL) == 0 &&
		    memcmp(a, b, n) == 0;
	}
	fd_drop(&fd);
	return same;
}

/* One that is there under that name and is the same stays. */
static int
give_name(struct layout_put *put, const char *name, const struct blob *blob,
    struct error *err)
{
	struct layout *l = put->layout;
	char self[32];
	int rc;

	if (layout_is_whole(put, blob))
		return 0;
	if (put->beside[0] != '\0') {
		rc = renameat(l->blobsfd, put->beside, l->blobsfd, name);
		if (rc == 0)
			put->beside[0] = '\0';
	} else {
		unlinkat(l->blobsfd, name, 0); /* damaged */
		snprintf(self, sizeof(self), "/proc/self/fd/%d", put->fd);
		rc = linkat(AT_FDCWD, self, l->blobsfd, name,
		    AT_SYMLINK_FOLLOW);
		/* Somebody else has put the same there. */
		if (rc == -1 && errno == EEXIST)
			rc = 0;
	}
	return rc == -1 ? error_sys(err, error_code_of(errno),
			      "%s/" BLOBS "/" SHA256 "/%s", l->path, name)
			: 0;
}

static int
layout_put_end(void *state, const struct blob *blob, struct error *err)
{
	struct layout_put *put = state;
	char name[HEX_MAX];

	hex_put(name, blob->digest.raw, DIGEST_BYTES);
	if (fsync(put->fd) == -1)
		return error_sys(err, EX_IOERR, "%s", put->layout->path);
	if (give_name(put, name, blob, err) == -1)
		return -1;
	hook_step("layout-blob");
	return 0;
}

static int
layout_get_tag(void *state, struct digest *digest, const struct ref *ref,
    struct error *err)
{
	struct layout *l = state;

	if (l->dirfd == -1)
		return error_set(err, EX_NOINPUT, "%s: not there", l->path);
	return layout_index_find(digest, l->dirfd, ref->tag, err) == -1
	    ? error_wrap(err, "%s", l->path)
	    : 0;
}

static int
layout_get_manifest(void *state, char **text, size_t *len,
    const struct ref *ref, struct error *err)
{
	struct layout *l = state;
	struct digest digest = ref->digest;
	char name[HEX_MAX];

	if (l->blobsfd == -1)
		return error_set(err, EX_NOINPUT, "%s: not there", l->path);
	if (!ref->has_digest && layout_get_tag(l, &digest, ref, err) == -1)
		return -1;
	hex_put(name, digest.raw, DIGEST_BYTES);
	if (fd_slurp(text, len, l->blobsfd, name, ARTIFACT_MANIFEST_MAX, err) ==
	    -1) {
		/* What index.json names must be there. */
		if (err != NULL && err->code == EX_NOINPUT && !ref->has_digest)
			err->code = EX_DATAERR;
		return error_wrap(err, "%s", l->path);
	}
	return 0;
}

/* With the lock of the directory, which others of ours take. */
static int
move_tag(struct layout *l, const char *tag, const struct blob *blob,
    const struct digest *old, struct error *err)
{
	if (lock_fd(l->dirfd, LOCK_EXCLUSIVE, clock_ms() + LOCK_WAIT_MS,
		l->path, err) == -1)
		return -1;
	if (layout_index_put(l->dirfd, tag, blob, old, err) == -1)
		return error_wrap(err, "%s", l->path);
	l->is_new = false;
	return 0;
}

static int
layout_put_manifest(void *state, const struct ref *ref, const char *text,
    const struct blob *blob, const struct digest *old, struct error *err)
{
	struct layout *l = state;
	void *put;
	int rc;

	if (layout_put_begin(l, &put, err) == -1)
		return -1;
	rc = layout_put_data(put, text, (size_t)blob->bytes, err);
	if (rc == 0)
		rc = layout_put_end(put, blob, err);
	layout_put_free(put);
	/* The blobs' names before the one that names them. */
	if (rc == 0)
		rc = fd_sync_dir(l->blobsfd, l->path, err);
	if (rc == 0)
		hook_step("layout-blobs");
	return rc == -1 ? -1 : move_tag(l, ref_tag(ref), blob, old, err);
}

static int
layout_dirfd(const void *state)
{
	return ((const struct layout *)state)->dirfd;
}

const struct transport_ops layout_ops = {
	.open = layout_open,
	.close = layout_close,
	.ask = layout_ask,
	.await = layout_await,
	.has = layout_has,
	.put_begin = layout_put_begin,
	.put_data = layout_put_data,
	.put_end = layout_put_end,
	.is_whole = layout_is_whole,
	.put_free = layout_put_free,
	.get_tag = layout_get_tag,
	.get_manifest = layout_get_manifest,
	.put_manifest = layout_put_manifest,
	.dirfd = layout_dirfd,
};
