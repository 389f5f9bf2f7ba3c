/* SPDX-License-Identifier: ISC */
#include "take.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/id.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/sig.h"
#include "vmm/host/agent_file.h"

#include "guest.h"
#include "pack.h"
#include "unpack.h"

/* Where an archive is kept while it is made: the first that there is. */
static const char *const places[] = { "/var/tmp/.", "/tmp/." };

/* A stream on its way into the guest. */
struct inward {
	struct agent *agent;
	const char *vm;
	uint64_t handle, done_bytes;
	struct progress progress;
};

static int
write_inward(void *arg, const void *bytes, size_t len, struct error *err)
{
	struct inward *in = arg;
	const char *p = bytes;
	size_t n;

	for (; len > 0; p += n, len -= n) {
		n = len < AGENT_CHUNK ? len : AGENT_CHUNK;
		if (sig_check(err) == -1)
			return -1;
		if (agent_file_write(in->agent, in->handle, p, n, err) == -1)
			return error_wrap(err, "%s", in->vm);
		hook_step("copy-block");
		if (agent_turn(in->agent, err) == -1)
			return error_wrap(err, "%s", in->vm);
		in->done_bytes += n;
		progress_update(&in->progress, in->done_bytes);
	}
	return 0;
}

static int
send_archive(const struct opts *o, struct guest *g, const char *name,
    struct error *err)
{
	struct inward in = { .agent = g->agent, .vm = o->vm };
	int rc;

	if (agent_file_open(g->agent, &in.handle, g->archive, "w", err) == -1)
		return error_wrap(err, "%s", o->vm);
	hook_step("copy-opened");
	progress_init(&in.progress, name, 0, o->common.quiet);
	rc = pack_tree(o->here, name, g->has_sparse, write_inward, &in, err);
	progress_fini(&in.progress);
	hook_step("copy-sent");
	if (agent_file_close(g->agent, in.handle, rc == 0 ? err : NULL) == -1 &&
	    rc == 0)
		rc = error_wrap(err, "%s", o->vm);
	return rc;
}

/* The last component of a path, without the slashes behind it. */
static int
leaf_of(char leaf[NAME_MAX + 1], const char *path, struct error *err)
{
	size_t len = strlen(path), at;

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (at = len; at > 0 && path[at - 1] != '/'; at--)
		;
	len -= at;
	if (len <= NAME_MAX) {
		memcpy(leaf, path + at, len);
		leaf[len] = '\0';
		if (path_is_name(leaf))
			return 0;
	}
	return error_set(err, EX_USAGE,
	    len == 0 || strspn(path + at, ".") == len
		? "%s: ends in no name"
		: "%s: its name is too long, is not UTF-8, or has a control "
		  "character",
	    path);
}

/* "." and ".." have a name, too. */
static int
name_of_source(char leaf[NAME_MAX + 1], const char *path, struct error *err)
{
	char *real;
	int rc;

	if (leaf_of(leaf, path, NULL) == 0)
		return 0;
	real = realpath(path, NULL);
	if (real == NULL)
		return error_sys(err, error_code_of(errno), "%s", path);
	rc = leaf_of(leaf, real, err);
	free(real);
	return rc;
}

int
take_in(const struct opts *o, struct agent *a, struct error *err)
{
	struct guest g = { .agent = a, .vm = o->vm };
	char name[NAME_MAX + 1];
	struct stat st;
	int rc;

	if (name_of_source(name, o->here, err) == -1)
		return -1;
	if (stat(o->here, &st) == -1)
		return error_sys(err, error_code_of(errno), "%s", o->here);
	if (guest_begin(&g, o->there, name, S_ISDIR(st.st_mode), err) == -1)
		return -1;
	hook_step("copy-begun");
	rc = send_archive(o, &g, name, err);
	if (rc == 0)
		rc = guest_unpack(&g, o->there, name, err);
	hook_step("copy-unpacked");
	guest_end(&g);
	return rc;
}

static int
taken(const char *path, struct error *err)
{
	return error_set(err, EX_CANTCREAT,
	    "%s: there is something of that name already", path);
}

/* The archive from the guest, no more of it than it has said. */
static int
fetch(const struct opts *o, struct guest *g, uint64_t size, int to,
    struct error *err)
{
	struct progress progress;
	char block[AGENT_CHUNK];
	uint64_t handle, done = 0;
	size_t got = 1;
	int rc = 0;

	if (agent_file_open(g->agent, &handle, g->archive, "r", err) == -1)
		return error_wrap(err, "%s", o->vm);
	progress_init(&progress, o->there, size, o->common.quiet);
	while (rc == 0 && done < size && got > 0) {
		if (sig_check(err) == -1)
			rc = -1;
		else if (agent_file_read(g->agent, handle, block, &got, err) ==
		    -1)
			rc = error_wrap(err, "%s", o->vm);
		else
			rc = fd_write(to, block, got, o->here, err);
		hook_step("copy-block");
		if (rc == 0 && agent_turn(g->agent, err) == -1)
			rc = error_wrap(err, "%s", o->vm);
		done += got;
		progress_update(&progress, done);
	}
	progress_fini(&progress);
	if (rc == 0 && done != size)
		rc = error_set(err, EX_DATAERR,
		    "%s:%s: the guest sent another number of bytes than it "
		    "said",
		    o->vm, o->there);
	agent_file_close(g->agent, handle, NULL);
	return rc;
}

/* Where it goes: a directory that is there, and a name in it. */
struct place {
	int dirfd;
	char name[NAME_MAX + 1];
	char *path; /* both, for messages */
	bool no_dir; /* a file is there, whose place no directory takes */
};

/* The guest's side of it: an archive, whole in the file `to`. */
static int
fetch_packed(const struct opts *o, struct agent *a, const struct place *p,
    int to, struct error *err)
{
	struct guest g = { .agent = a, .vm = o->vm };
	struct error why = { 0 };
	uint64_t size;
	size_t i;
	int rc = -1;

	for (i = 0; rc == -1 && i < sizeof(places) / sizeof(places[0]); i++) {
		why = (struct error){ 0 };
		rc = guest_begin(&g, places[i], NULL, false, &why);
		if (rc == -1 && why.code != EX_NOINPUT)
			break;
	}
	if (rc == -1) {
		*err = why;
		return -1;
	}
	hook_step("copy-begun");
	rc = guest_pack(&g, o->there, p->no_dir, &size, err);
	if (rc == -1 && err->code == EX_CANTCREAT)
		taken(p->path, err);
	hook_step("copy-packed");
	if (rc == 0)
		rc = fetch(o, &g, size, to, err);
	hook_step("copy-fetched");
	guest_end(&g);
	return rc;
}

static int
find_place(struct place *p, const struct opts *o, const char *source_name,
    struct error *err)
{
	const char *leaf;
	struct stat st;

	if (fd_open_dir(&p->dirfd, AT_FDCWD, o->here, true, NULL) == 0) {
		snprintf(p->name, sizeof(p->name), "%s", source_name);
		p->path = path_format("%s%s%s", o->here,
		    o->here[strlen(o->here) - 1] == '/' ? "" : "/",
		    source_name);
	} else if (leaf_of(p->name, o->here, err) == -1 ||
	    fd_open_parent(&p->dirfd, &leaf, o->here, err) == -1)
		return -1;
	else
		p->path = path_format("%s", o->here);
	if (p->path == NULL)
		return error_nomem(err, NULL);
	if (fstatat(p->dirfd, p->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	p->no_dir = true;
	return S_ISDIR(st.st_mode) ? taken(p->path, err) : 0;
}

/*
 * Into the directory of the target, as `as`.  A directory that we may not write to
 * can be renamed, but not moved: it gets its mode back there.
 */
static int
move_beside(const struct place *p, int staging, const char *name,
    const char *as, struct error *err)
{
	struct stat st;
	int fd = -1, rc = 0;

	if (fstatat(staging, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return error_sys(err, EX_IOERR, "%s", name);
	if (S_ISDIR(st.st_mode) &&
	    (fchmodat(staging, name, S_IRWXU, 0) == -1 ||
		fd_open_dir(&fd, staging, name, false, NULL) == -1))
		return error_sys(err, EX_IOERR, "%s", name);
	if (renameat(staging, name, p->dirfd, as) == -1 ||
	    (fd != -1 && fchmod(fd, st.st_mode & 07777) == -1))
		rc = error_sys(err, error_code_of(errno), "%s", p->path);
	fd_drop(&fd);
	return rc;
}

/* A file takes the place of another; a directory of nothing. */
static int
put_in_place(const struct place *p, const char *from, struct error *err)
{
	if (renameat(p->dirfd, from, p->dirfd, p->name) == 0)
		return 0;
	if (errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST ||
	    errno == ENOTDIR)
		return taken(p->path, err);
	return error_sys(err, error_code_of(errno), "%s", p->path);
}

/* What is wrong with it is the guest's, all else is ours. */
static int
unpack(const struct opts *o, const struct place *p, int archive, int staging,
    const char *name, struct error *err)
{
	if (unpack_tree(archive, staging, name, err) == 0)
		return 0;
	return err->code == EX_DATAERR
	    ? error_wrap(err, "%s:%s", o->vm, o->there)
	    : error_wrap(err, "%s", p->path);
}

/* Beside what it becomes, under a name that nobody else has. */
static int
unpack_beside(const struct opts *o, const struct place *p, int archive,
    const char *name, struct error *err)
{
	char id[ID_LEN + 1], staged[ID_LEN + 32], whole[ID_LEN + 32];
	int staging = -1, rc;

	if (id_new(id, err) == -1)
		return -1;
	snprintf(staged, sizeof(staged), ".instar-copy.%s", id);
	snprintf(whole, sizeof(whole), ".instar-copy.%s.all", id);
	if (mkdirat(p->dirfd, staged, 0700) == -1)
		return error_sys(err, error_code_of(errno), "%s", p->path);
	hook_step("copy-staged");
	rc = fd_open_dir(&staging, p->dirfd, staged, false, err);
	if (rc == 0)
		rc = unpack(o, p, archive, staging, name, err);
	if (rc == 0)
		rc = move_beside(p, staging, name, whole, err);
	if (rc == 0)
		rc = put_in_place(p, whole, err);
	hook_step("copy-placed");
	fd_drop(&staging);
	if (sig_check(NULL) == -1)
		sig_shield();
	fd_remove_tree(p->dirfd, staged, NULL);
	fd_remove_tree(p->dirfd, whole, NULL);
	return rc;
}

/* A file without a name, also where the filesystem has none such. */
static int
open_nameless(int *fd, int dirfd, const char *what, struct error *err)
{
	char id[ID_LEN + 1], name[ID_LEN + 32];

	*fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		if (id_new(id, err) == -1)
			return -1;
		snprintf(name, sizeof(name), ".instar-copy.%s", id);
		*fd = openat(dirfd, name,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (*fd != -1)
			unlinkat(dirfd, name, 0);
	}
	return *fd == -1 ? error_sys(err, error_code_of(errno), "%s", what) : 0;
}

int
take_out(const struct opts *o, struct agent *a, struct error *err)
{
	struct place place = { .dirfd = -1 };
	char name[NAME_MAX + 1];
	int archive = -1, rc = -1;

	if (leaf_of(name, o->there, err) == -1)
		return error_wrap(err, "%s", o->vm);
	if (find_place(&place, o, name, err) == 0 &&
	    open_nameless(&archive, place.dirfd, place.path, err) == 0 &&
	    fetch_packed(o, a, &place, archive, err) == 0)
		rc = unpack_beside(o, &place, archive, name, err);
	fd_drop(&archive);
	fd_drop(&place.dirfd);
	free(place.path);
	return rc;
}
