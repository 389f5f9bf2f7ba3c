/* SPDX-License-Identifier: ISC */
/*
 * What an import that has enclosed itself cannot do any more, done for it by a
 * process that it started before, and that reads nothing of what it takes in:
 * a shared disk linked into the store, an overlay told the name of its base.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/sandbox.h"
#include "disk/qemu_img.h"
#include "vmm/intake.h"

enum what { ADD_LAYER, ADD_LAYER_BY_PATH, REBASE };

struct request {
	unsigned
	    what; /* enum what: it comes from whoever reads foreign bytes */
	char file[STORAGE_PATH_MAX + 1];
	char base[PATH_NAME_MAX + 1];
};

struct reply {
	struct error err; /* code 0: done */
	struct digest digest;
	uint64_t size_bytes;
};

/* All of it, or false: the other end is closed. */
static bool
get(int fd, void *buf, size_t len)
{
	char *p = buf;
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n) {
		do
			n = read(fd, p, len);
		while (n == -1 && errno == EINTR);
		if (n <= 0)
			return false;
	}
	return true;
}

/* Only beneath the directory, but for paths that the user trusts. */
static int
add_layer(struct reply *r, const struct intake *in, int dirfd,
    const struct request *q, bool trust_paths)
{
	if (q->what == ADD_LAYER_BY_PATH && trust_paths && q->file[0] == '/')
		dirfd = AT_FDCWD;
	else if (q->what != ADD_LAYER || !path_is_name(q->file))
		return error_set(&r->err, EX_SOFTWARE, "not for this import");
	return root_layer_add(&r->digest, &r->size_bytes, in->root, dirfd,
	    q->file, &r->err);
}

static int
do_errand(struct reply *r, const struct intake *in, int dirfd,
    const struct intake_how *how, struct request *q)
{
	q->file[sizeof(q->file) - 1] = '\0';
	q->base[sizeof(q->base) - 1] = '\0';
	if (q->what != REBASE)
		return add_layer(r, in, dirfd, q, how->trust_paths);
	/* Both are names of plain files there, which it checks. */
	return qemu_img_rebase(in->made.dirfd, q->file, q->base, &r->err);
}

static void
serve(const struct intake *in, int dirfd, const struct intake_how *how, int fd,
    pid_t parent)
{
	struct request q;
	struct reply r;
	int made;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(EX_OSERR);
	/* The same directory without the lock, which is to end with the tool. */
	made = openat(in->made.dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (made == -1 || dup3(made, in->made.dirfd, O_CLOEXEC) == -1)
		_exit(EX_OSERR);
	close(made);
	if (fd_write(fd, "r", 1, "errand", NULL) == -1)
		_exit(EX_OSERR);
	while (get(fd, &q, sizeof(q))) {
		memset(&r, 0, sizeof(r));
		if (do_errand(&r, in, dirfd, how, &q) == 0)
			r.err.code = 0;
		if (fd_write(fd, &r, sizeof(r), "errand", NULL) == -1)
			break;
	}
	_exit(EX_OK);
}

static int
start(struct intake *in, int dirfd, const struct intake_how *how,
    struct error *err)
{
	pid_t self = getpid();
	char ready;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return error_sys(err, EX_OSERR, "socketpair");
	in->errand_pid = fork();
	if (in->errand_pid == 0) {
		close(sv[0]);
		serve(in, dirfd, how, sv[1], self);
	}
	fd_drop(&sv[1]);
	if (in->errand_pid == -1) {
		in->errand_pid = 0;
		fd_drop(&sv[0]);
		return error_sys(err, EX_OSERR, "fork");
	}
	in->errand_fd = sv[0];
	/* Else the lock would last until it is its turn to run. */
	if (!get(sv[0], &ready, sizeof(ready)))
		return error_set(err, EX_OSERR, "errands: not ready");
	return 0;
}

int
intake_enclose(struct intake *in, int dirfd, const struct intake_how *how,
    struct error *err)
{
	int writes = root_fd(in->root), reads[2] = { -1, -1 }, rc = -1;
	struct sandbox s = { .dirfds = &writes,
		.n = 1,
		.read_dirfds = reads,
		.read_n = 1 };

	if (start(in, dirfd, how, err) == -1)
		return -1;
	/* Where paths of others are trusted a file may be anywhere. */
	reads[0] = how->trust_paths
	    ? open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
	    : fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	if (reads[0] == -1)
		return error_sys(err, EX_OSERR, "directory");
	if (how->configs != NULL) {
		reads[1] = open(how->configs, O_RDONLY | O_CLOEXEC);
		if (reads[1] == -1) {
			error_sys(err, error_code_of(errno), "%s",
			    how->configs);
			goto out;
		}
		s.read_n = 2;
	}
	rc = sandbox_enter_as(&s, err);
out:
	fd_drop(&reads[1]);
	fd_drop(&reads[0]);
	return rc;
}

static int
ask_errand(struct reply *r, struct intake *in, const struct request *q,
    struct error *err)
{
	if (fd_write(in->errand_fd, q, sizeof(*q), "errand", err) == -1)
		return -1;
	if (!get(in->errand_fd, r, sizeof(*r)))
		return error_set(err, EX_OSERR, "errand: ended");
	if (r->err.code == 0)
		return 0;
	if (err != NULL)
		*err = r->err;
	return -1;
}

int
intake_add_layer(struct intake *in, struct digest *digest, uint64_t *size_bytes,
    int dirfd, const char *file, struct error *err)
{
	struct request q = { .what = dirfd == AT_FDCWD ? ADD_LAYER_BY_PATH
						       : ADD_LAYER };
	struct reply r;

	if (in->errand_pid == 0)
		return root_layer_add(digest, size_bytes, in->root, dirfd, file,
		    err);
	if (strlen(file) >= sizeof(q.file))
		return error_set(err, EX_DATAERR,
		    "a path of more than %d "
		    "bytes",
		    STORAGE_PATH_MAX);
	memcpy(q.file, file, strlen(file));
	if (ask_errand(&r, in, &q, err) == -1)
		return -1;
	*digest = r.digest;
	*size_bytes = r.size_bytes;
	return 0;
}

int
intake_rebase(struct intake *in, const char *name, const char *base,
    struct error *err)
{
	struct request q = { .what = REBASE };
	struct reply r;

	if (in->errand_pid == 0)
		return qemu_img_rebase(in->made.dirfd, name, base, err);
	if (strlen(name) >= sizeof(q.file) || strlen(base) >= sizeof(q.base))
		return error_set(err, EX_DATAERR, "a name that is too long");
	memcpy(q.file, name, strlen(name));
	memcpy(q.base, base, strlen(base));
	return ask_errand(&r, in, &q, err);
}

void
intake_end_errands(struct intake *in)
{
	if (in->errand_pid == 0)
		return;
	fd_drop(&in->errand_fd);
	while (waitpid(in->errand_pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	in->errand_pid = 0;
}
