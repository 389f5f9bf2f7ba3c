/* SPDX-License-Identifier: ISC */
#include "state/stage.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/unpack.h"
#include "archive/unpack_check.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "base/sig.h"

/* What the process that unpacks has to say: less than a pipe takes at once. */
struct outcome {
	struct error err; /* code 0: all is well */
	char warning[ERROR_MSG_MAX];
};

static void
show_progress(void *arg, uint64_t read_bytes)
{
	progress_update(arg, read_bytes);
}

static int
unpack(struct outcome *o, const struct root_new *dir, int fd,
    struct progress *progress)
{
	struct unpack_check check = { 0 };
	struct unpack u = { 0 };
	struct envelope e;
	int rc, beneath = dir->dirfd;

	if (sandbox_enter(&beneath, 1, &o->err) == -1 ||
	    unpack_archive(&u, fd, dir->dirfd, show_progress, progress,
		&o->err) == -1 ||
	    unpack_check(&e, &check, &u, &o->err) == -1)
		return -1;
	hook_step("stage-unpacked");
	rc = envelope_write(dir->dirfd, &e, &o->err);
	memcpy(o->warning, check.warning, sizeof(o->warning));
	envelope_fini(&e);
	unpack_fini(&u);
	return rc;
}

/* The process that reads what nobody vouches for. */
static void
unpack_and_tell(const struct root_new *dir, int fd, struct progress *progress,
    int word, pid_t parent)
{
	struct outcome o;

	memset(&o, 0, sizeof(o));
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(EX_OSERR);
	unpack(&o, dir, fd, progress);
	progress_fini(progress);
	if (write(word, &o, sizeof(o)) != (ssize_t)sizeof(o))
		_exit(EX_OSERR);
	_exit(EX_OK);
}

/* Its word, or what became of it.  A signal to us ends it. */
static int
await(struct outcome *o, int word, pid_t pid, struct error *err)
{
	ssize_t n;
	int status, rc = 0;

	while ((n = read(word, o, sizeof(*o))) == -1 && errno == EINTR &&
	    (rc = sig_check(err)) == 0)
		continue;
	if (rc == -1)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (rc == -1)
		return -1;
	if (n != (ssize_t)sizeof(*o))
		return WIFSIGNALED(status)
		    ? error_set(err, EX_OSERR, "unpacking ended by signal %d",
			  WTERMSIG(status))
		    : error_set(err, EX_OSERR, "unpacking ended with status %d",
			  WEXITSTATUS(status));
	if (o->err.code == 0)
		return 0;
	o->err.msg[ERROR_MSG_MAX - 1] = '\0';
	if (err != NULL)
		*err = o->err;
	return -1;
}

static int
unpack_aside(struct stage *s, int fd, struct progress *progress,
    struct error *err)
{
	int word[2] = { -1, -1 };
	pid_t pid, self = getpid();
	struct outcome o;
	int rc = -1;

	if (pipe2(word, O_CLOEXEC) == -1)
		return error_sys(err, EX_OSERR, "pipe");
	pid = fork();
	if (pid == 0) {
		close(word[0]);
		unpack_and_tell(&s->dir, fd, progress, word[1], self);
	}
	if (pid == -1) {
		error_sys(err, EX_OSERR, "fork");
		goto out;
	}
	fd_drop(&word[1]);
	rc = await(&o, word[0], pid, err);
	if (rc == 0)
		memcpy(s->warning, o.warning, sizeof(s->warning));
out:
	fd_drop(&word[0]);
	fd_drop(&word[1]);
	return rc;
}

static int
open_snap(struct stage *s, struct error *err)
{
	char *dir = root_dir_of(s->dir.root, ROOT_SNAP, s->dir.dir);
	int rc;

	if (dir == NULL)
		return error_set(err, EX_OSERR, "out of memory");
	rc = snap_open_dir(&s->snap, dir, err);
	free(dir);
	return rc;
}

int
stage_open(struct stage *out, const struct root *root, const char *path,
    bool quiet, struct error *err)
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
	rc = unpack_aside(&s, fd, &progress, err);
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
