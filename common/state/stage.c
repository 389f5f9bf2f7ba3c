/* SPDX-License-Identifier: ISC */
#include "state/stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/unpack.h"
#include "archive/unpack_check.h"
#include "base/aside.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/progress.h"

/* What the process that unpacks is given, and what it has to say. */
struct job {
	const struct root_new *dir;
	int fd;
	struct signers *signers;
	struct progress *progress;
	struct unpack_check check;
};

static int
unpack(struct job *job, struct error *err)
{
	int dirfd = job->dir->dirfd;
	struct unpack u = { 0 };
	struct envelope e;
	int rc;

	u.signers = job->signers;
	if (unpack_archive(&u, job->fd, dirfd, progress_show, job->progress,
		err) == -1 ||
	    unpack_check(&e, &job->check, &u, err) == -1)
		return -1;
	hook_step("stage-unpacked");
	rc = envelope_write(dirfd, &e, err);
	envelope_fini(&e);
	unpack_fini(&u);
	return rc;
}

/* The process that reads what nobody vouches for: it answers a warning. */
static int
unpack_and_tell(void *arg, struct aside_answer *answer, struct error *err)
{
	struct job *job = arg;
	int rc = unpack(job, err);

	progress_fini(job->progress);
	answer->data = job->check.warning;
	answer->len = strlen(job->check.warning);
	return rc;
}

static int
unpack_aside(struct stage *s, int fd, struct signers *signers,
    struct progress *progress, struct error *err)
{
	struct job job = { .dir = &s->dir,
		.fd = fd,
		.signers = signers,
		.progress = progress,
		.check = { .need_digests = signers != NULL } };
	const int fds[] = { fd, signers_fd(signers) };
	const struct aside aside = { .what = "unpacking",
		.run = unpack_and_tell,
		.arg = &job,
		.sandbox = { .dirfds = &s->dir.dirfd, .n = 1 },
		.fds = fds,
		.fds_n = signers == NULL ? 1 : 2 };
	void *warning;
	size_t len;

	if (aside_run(&aside, &warning, &len, sizeof(s->warning) - 1, err) ==
	    -1)
		return -1;
	snprintf(s->warning, sizeof(s->warning), "%s", (char *)warning);
	free(warning);
	return 0;
}

static int
open_snap(struct stage *s, struct error *err)
{
	char *dir = root_dir_of(s->dir.root, ROOT_SNAP, s->dir.dir);
	int rc;

	if (dir == NULL)
		return error_nomem(err, NULL);
	rc = snap_open_dir(&s->snap, dir, err);
	free(dir);
	return rc;
}

int
stage_open(struct stage *out, const struct root *root, const char *path,
    struct signers *signers, bool quiet, struct error *err)
{
	const char *what = unpack_is_stdin(path) ? "standard input" : path;
	struct stage s = { 0 };
	struct progress progress;
	uint64_t size;
	int fd = -1, rc = -1;

	if (unpack_open(&fd, &size, path, err) == -1 ||
	    root_new_begin(&s.dir, root, ROOT_SNAP, "", err) == -1)
		goto out;
	progress_init(&progress, "staged", size, quiet);
	rc = unpack_aside(&s, fd, signers, &progress, err);
	if (rc == -1)
		error_wrap(err, "%s", what);
	else
		rc = open_snap(&s, err);
out:
	/* A standard stream's place is never another's. */
	if (fd != STDIN_FILENO)
		fd_drop(&fd);
	if (rc == -1) {
		stage_close(&s);
		return -1;
	}
	*out = s;
	return 0;
}

void
stage_close(struct stage *stage)
{
	snap_close(stage->snap);
	stage->snap = NULL;
	root_new_end(&stage->dir);
}
