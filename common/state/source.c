/* SPDX-License-Identifier: ISC */
#include "state/source.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "snapshot/signed_part.h"
#include "state/inplace.h"

static int
open_stored(struct source *s, const struct root *root,
    const struct source_how *how, struct error *err)
{
	if (snap_open(&s->snap, root, how->ref, err) == -1)
		return -1;
	if (signers_check_dir(how->signers, snap_fd(s->snap),
		snap_envelope(s->snap), err) == -1)
		return error_wrap(err, "%s", how->ref);
	return how->keep_access
	    ? 0
	    : root_access_touch(root, snap_id(s->snap), err);
}

/* What lies there besides the files that were signed nobody vouches for. */
static int
check_others(const struct snap *snap, struct error *err)
{
	const struct envelope *e = snap_envelope(snap);
	struct strv names = { 0 };
	size_t i;
	int rc = snap_files(&names, snap, err);

	for (i = 0; i < names.n && rc == 0; i++)
		if (!signed_part_leaves_out(names.v[i]) &&
		    (!e->trailer ||
			strcmp(names.v[i], ENVELOPE_TRAILER) != 0) &&
		    envelope_find_file(e, names.v[i]) == NULL)
			rc = error_set(err, EX_NOPERM,
			    "refused: %s is not among the files that are "
			    "signed",
			    names.v[i]);
	strv_fini(&names);
	return rc;
}

/*
 * What was read there once is mapped, linked and copied later on: nobody else may
 * be able to change it meanwhile, or to put another file in its place.  Whoever
 * an ACL names counts as the group in the mode (acl(5)).
 */
static int
check_owner(int dirfd, const char *name, struct error *err)
{
	struct stat st;

	/* What is missing is told by who looks for it. */
	if (fstatat(dirfd, name, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ==
	    -1)
		return errno == ENOENT
		    ? 0
		    : error_sys(err, error_code_of(errno), "%s", name);
	if ((st.st_uid == geteuid() || st.st_uid == 0) &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return 0;
	return error_set(err, EX_NOPERM,
	    "refused: %s%sothers may change it while it is used: snap-import "
	    "takes it in",
	    name, name[0] == '\0' ? "" : ": ");
}

static int
check_owners(const struct snap *snap, struct error *err)
{
	const struct envelope *e = snap_envelope(snap);
	int dirfd = snap_fd(snap);
	size_t i;

	/* A mount of ours shows each page as it was signed, or not at all. */
	if (inplace_is_ours(dirfd))
		return 0;
	if (check_owner(dirfd, "", err) == -1)
		return -1;
	for (i = 0; i < e->files_n; i++)
		if (check_owner(dirfd, e->files[i].name, err) == -1)
			return -1;
	return 0;
}

static int
open_dir(struct source *s, const struct source_how *how, struct error *err)
{
	if (snap_open_dir(&s->snap, how->dir, err) == -1)
		return -1;
	if (how->signers == NULL ||
	    (signers_check_dir(how->signers, snap_fd(s->snap),
		 snap_envelope(s->snap), err) == 0 &&
		check_others(s->snap, err) == 0 &&
		check_owners(s->snap, err) == 0))
		return 0;
	return error_wrap(err, "%s", how->dir);
}

static int
open_archive(struct source *s, const struct root *root,
    const struct source_how *how, struct error *err)
{
	if (stage_open(&s->stage, root, how->archive, how->signers, how->quiet,
		err) == -1)
		return -1;
	s->snap = s->stage.snap;
	return 0;
}

int
source_open(struct source *out, const struct root *root,
    const struct source_how *how, struct error *err)
{
	struct source s = { 0 };
	int rc;

	if (how->dir != NULL)
		rc = open_dir(&s, how, err);
	else if (how->archive != NULL)
		rc = open_archive(&s, root, how, err);
	else
		rc = open_stored(&s, root, how, err);
	if (rc == -1) {
		source_close(&s);
		return -1;
	}
	*out = s;
	return 0;
}

int
source_open_signed(struct source *out, bool *unread, const struct root *root,
    const struct source_how *how, const struct signers_how *who,
    struct error *err)
{
	struct source_how signed_how = *how;
	int rc;

	if (signers_begin(&signed_how.signers, who, err) == -1)
		return -1;
	rc = source_open(out, root, &signed_how, err);
	if (rc == 0 && signed_how.signers != NULL && how->dir != NULL &&
	    !inplace_is_ours(snap_fd(out->snap)))
		*unread = true;
	signers_end(signed_how.signers);
	return rc;
}

const char *
source_warning(const struct source *source)
{
	return source->stage.warning;
}

void
source_close(struct source *source)
{
	if (source->stage.snap == NULL)
		snap_close(source->snap);
	source->snap = NULL;
	stage_close(&source->stage);
}
