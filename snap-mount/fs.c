/* SPDX-License-Identifier: ISC */
#include "fs.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "snapshot/signature.h"

#include "mount.h"
#include "status.h"
#include "undo.h"

#define INO_ENVELOPE 2
#define INO_FILES 3
#define FOREVER_S (365.0 * 86400) /* nothing ever changes */
#define BACKGROUND_MAX 64 /* reads ahead of the kernel's at once */

static struct mount *
mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static size_t
files_n(const struct mount *m)
{
	return m->image.index.files_n;
}

/* The signatures come behind the files, where none of them has the name. */
static bool
has_signatures(const struct mount *m)
{
	return m->image.artifact.signatures != NULL &&
	    envelope_find_file(&m->image.envelope, SIGNATURE_NAME) == NULL;
}

static size_t
inodes(const struct mount *m)
{
	return INO_FILES + files_n(m) + has_signatures(m);
}

/* What is in memory of a file, *len bytes; NULL: it is one of the index. */
static const char *
text_of(size_t *len, const struct mount *m, fuse_ino_t ino)
{
	if (ino != INO_ENVELOPE && ino != INO_FILES + files_n(m))
		return NULL;
	*len = ino == INO_ENVELOPE ? m->image.text_len
				   : image_signatures_bytes(&m->image);
	return ino == INO_ENVELOPE ? m->image.text
				   : m->image.artifact.signatures;
}

/* false: there is no such inode. */
static bool
get_stat(struct stat *st, const struct mount *m, fuse_ino_t ino)
{
	size_t len = 0;
	bool is_text;

	memset(st, 0, sizeof(*st));
	if (ino == 0 || ino >= inodes(m))
		return false;
	st->st_ino = ino;
	st->st_uid = geteuid();
	st->st_gid = getegid();
	st->st_atim = st->st_mtim = st->st_ctim = m->image.created;
	st->st_blksize = LEAF_PAGE;
	if (ino == FUSE_ROOT_ID) {
		st->st_mode = S_IFDIR | 0500;
		st->st_nlink = 2;
		return true;
	}
	st->st_mode = S_IFREG | 0400;
	st->st_nlink = 1;
	is_text = text_of(&len, m, ino) != NULL;
	st->st_size = (off_t)(is_text
		? len
		: m->image.index.files[ino - INO_FILES].bytes);
	st->st_blocks = (blkcnt_t)(num_round_up(is_text
					   ? len
					   : image_data_bytes(&m->image,
						 (uint32_t)(ino - INO_FILES)),
				       LEAF_PAGE) /
	    512);
	return true;
}

static void
fs_init(void *arg, struct fuse_conn_info *conn)
{
	(void)arg;
	conn->max_write = MOUNT_READ_MAX; /* the pages of one read, too */
	conn->max_background = BACKGROUND_MAX;
	conn->congestion_threshold = BACKGROUND_MAX;
	/* Requests are small, and answers are in memory. */
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
	    FUSE_CAP_SPLICE_MOVE | FUSE_CAP_AUTO_INVAL_DATA);
}

static void
fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct mount *m = mount_of(req);
	struct fuse_entry_param e = { .attr_timeout = FOREVER_S,
		.entry_timeout = FOREVER_S };
	size_t i;

	if (parent != FUSE_ROOT_ID) {
		fuse_reply_err(req, ENOTDIR);
		return;
	}
	if (strcmp(name, ENVELOPE_NAME) == 0)
		e.ino = INO_ENVELOPE;
	for (i = 0; i < files_n(m) && e.ino == 0; i++)
		if (strcmp(name, m->image.envelope.files[i].name) == 0)
			e.ino = INO_FILES + i;
	if (e.ino == 0 && has_signatures(m) &&
	    strcmp(name, SIGNATURE_NAME) == 0)
		e.ino = INO_FILES + files_n(m);
	/* Inode 0 is one that is not there, and never will be. */
	if (e.ino != 0)
		get_stat(&e.attr, m, e.ino);
	fuse_reply_entry(req, &e);
}

static void
fs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (get_stat(&st, mount_of(req), ino))
		fuse_reply_attr(req, &st, FOREVER_S);
	else
		fuse_reply_err(req, ENOENT);
}

static void
fs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
    struct fuse_file_info *fi)
{
	(void)ino;
	(void)attr;
	(void)to_set;
	(void)fi;
	fuse_reply_err(req, EROFS);
}

/* To write, too: some open read-write what they map privately.  See fs_write. */
static void
fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (ino == FUSE_ROOT_ID)
		fuse_reply_err(req, EISDIR);
	else if ((fi->flags & O_TRUNC) != 0)
		fuse_reply_err(req, EROFS);
	else {
		fi->keep_cache = 1;
		fuse_reply_open(req, fi);
	}
}

static void
fs_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
    off_t off, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);

	(void)buf;
	(void)fi;
	fuse_reply_err(req, EROFS);
	/*
	 * Who has the page mapped sees it until it is dropped, be it from a mapping,
	 * or write(2)'s, which the kernel copies there before it asks.
	 */
	undo_add(m->undo, ino, (uint64_t)off, size);
}

static void
fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	const char *text;
	struct stat st;
	size_t len;

	(void)fi;
	if (!get_stat(&st, m, ino) || ino == FUSE_ROOT_ID) {
		fuse_reply_err(req, EISDIR);
		return;
	}
	if (size > MOUNT_READ_MAX)
		size = MOUNT_READ_MAX;
	if (off < 0 || off >= st.st_size || size == 0) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	text = text_of(&len, m, ino);
	if (text == NULL) {
		job_read(m, req, (uint32_t)(ino - INO_FILES), (uint64_t)off,
		    size);
		return;
	}
	if (size > (size_t)(st.st_size - off))
		size = (size_t)(st.st_size - off);
	fuse_reply_buf(req, text + off, size);
}

static void
fs_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
    struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct stat st;
	size_t len;

	(void)fi;
	if (!get_stat(&st, m, ino) ||
	    (whence != SEEK_DATA && whence != SEEK_HOLE))
		fuse_reply_err(req, EINVAL);
	else if (off < 0 || off >= st.st_size)
		fuse_reply_err(req, ENXIO);
	else if (ino < INO_FILES || text_of(&len, m, ino) != NULL)
		fuse_reply_lseek(req, whence == SEEK_DATA ? off : st.st_size);
	else
		job_seek(m, req, (uint32_t)(ino - INO_FILES), (uint64_t)off,
		    whence == SEEK_HOLE);
}

/* The name of entry number `i`, and its inode; NULL: that was all. */
static const char *
entry(fuse_ino_t *ino, const struct mount *m, size_t i)
{
	static const char *const first[] = { ".", "..", ENVELOPE_NAME };

	*ino = i < 2 ? FUSE_ROOT_ID : i;
	if (i < sizeof(first) / sizeof(first[0]))
		return first[i];
	i -= INO_FILES;
	if (i < files_n(m))
		return m->image.envelope.files[i].name;
	return i == files_n(m) && has_signatures(m) ? SIGNATURE_NAME : NULL;
}

/* The offset of an entry is the number of the next. */
static void
fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	const struct mount *m = mount_of(req);
	size_t used = 0, n, i = (size_t)off;
	struct stat st = { .st_mode = S_IFREG };
	fuse_ino_t number;
	const char *name;
	char *buf;

	(void)fi;
	if (ino != FUSE_ROOT_ID) {
		fuse_reply_err(req, ENOTDIR);
		return;
	}
	buf = malloc(size);
	if (buf == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (; (name = entry(&number, m, i)) != NULL; i++) {
		st.st_ino = number;
		st.st_mode = i < 2 ? S_IFDIR : S_IFREG;
		n = fuse_add_direntry(req, buf + used, size - used, name, &st,
		    (off_t)i + 1);
		if (n > size - used)
			break;
		used += n;
	}
	fuse_reply_buf(req, buf, used);
	free(buf);
}

static void
fs_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct mount *m = mount_of(req);
	struct statvfs st = { .f_bsize = LEAF_PAGE, .f_frsize = LEAF_PAGE };

	(void)ino;
	st.f_blocks = image_bytes(&m->image) / LEAF_PAGE;
	st.f_files = inodes(m) - 1;
	st.f_namemax = 255;
	fuse_reply_statfs(req, &st);
}

static void
fs_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char *text;
	size_t len;

	if (ino != FUSE_ROOT_ID || strcmp(name, FS_STATUS) != 0) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	if (status_text(&text, &len, mount_of(req), NULL) == -1) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (size == 0)
		fuse_reply_xattr(req, len);
	else if (size < len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, text, len);
	free(text);
}

/* Nothing is made, removed or renamed. */
static void
refuse_name(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	(void)name;
	fuse_reply_err(req, EROFS);
}

static void
refuse_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)mode;
	refuse_name(req, parent, name);
}

static void
refuse_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
    dev_t dev)
{
	(void)mode;
	(void)dev;
	refuse_name(req, parent, name);
}

static void
refuse_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
    struct fuse_file_info *fi)
{
	(void)mode;
	(void)fi;
	refuse_name(req, parent, name);
}

static void
refuse_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
    fuse_ino_t to, const char *to_name, unsigned flags)
{
	(void)to;
	(void)to_name;
	(void)flags;
	refuse_name(req, parent, name);
}

static void
refuse_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
    const char *name)
{
	(void)target;
	refuse_name(req, parent, name);
}

static void
refuse_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	(void)ino;
	refuse_name(req, parent, name);
}

static void
refuse_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
    struct fuse_file_info *fi)
{
	(void)ino;
	(void)mode;
	(void)off;
	(void)len;
	(void)fi;
	fuse_reply_err(req, EROFS);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = fs_init,
	.lookup = fs_lookup,
	.getattr = fs_getattr,
	.setattr = fs_setattr,
	.open = fs_open,
	.read = fs_read,
	.write = fs_write,
	.lseek = fs_lseek,
	.readdir = fs_readdir,
	.statfs = fs_statfs,
	.getxattr = fs_getxattr,
	.unlink = refuse_name,
	.rmdir = refuse_name,
	.mkdir = refuse_mkdir,
	.mknod = refuse_mknod,
	.create = refuse_create,
	.rename = refuse_rename,
	.symlink = refuse_symlink,
	.link = refuse_link,
	.fallocate = refuse_fallocate,
};
