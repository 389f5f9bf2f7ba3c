/* SPDX-License-Identifier: ISC */
#include "state/vm_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

/* A file of the log, and where the present run begins in it. */
struct piece {
	int fd;
	struct stat st;
	uint64_t from;
};

#define PIECES_MAX 2

void
vm_log_init(struct vm_log *log)
{
	log->fd = -1;
	log->off = log->from = 0;
	log->marked = false;
}

void
vm_log_fini(struct vm_log *log)
{
	fd_drop(&log->fd);
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool
is_older(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec != b->st_mtim.tv_sec
	    ? a->st_mtim.tv_sec < b->st_mtim.tv_sec
	    : a->st_mtim.tv_nsec < b->st_mtim.tv_nsec;
}

static bool
is_marked(const struct stat *st)
{
	return (st->st_mode & VM_LOG_MARK) != 0;
}

/* 1, 0: it is not there, -1. */
static int
open_piece(struct piece *p, const struct vm *vm, int dirfd, const char *name,
    struct error *err)
{
	struct error why = { 0 };

	if (fd_open_file(&p->fd, NULL, dirfd, name, O_RDONLY, &why) == -1) {
		if (why.code == EX_NOINPUT)
			return 0;
		if (err != NULL)
			*err = why;
		return -1;
	}
	if (fstat(p->fd, &p->st) == -1) {
		error_sys(err, EX_IOERR, "%s", name);
		fd_drop(&p->fd);
		return -1;
	}
	/* One that is shorter now was emptied since then. */
	p->from = is_marked(&p->st) == vm->console_marked &&
		vm->console_from <= (uint64_t)p->st.st_size
	    ? vm->console_from
	    : 0;
	return 1;
}

/* How many there are of this run, in the order of what was printed; -1. */
static int
open_pieces(struct piece p[PIECES_MAX], const struct vm *vm, int dirfd,
    struct error *err)
{
	struct piece before;
	int rc = open_piece(&p[0], vm, dirfd, VM_CONSOLE_LOG, err);

	if (rc != 1 || is_marked(&p[0].st) == vm->console_marked)
		return rc;
	rc = open_piece(&before, vm, dirfd, VM_CONSOLE_OLD, err);
	if (rc == -1)
		fd_drop(&p[0].fd);
	if (rc != 1)
		return rc == 0 ? 1 : -1;
	/* In the middle of a rotation it has both names. */
	if (is_same(&p[0].st, &before.st)) {
		fd_drop(&before.fd);
		return 1;
	}
	p[1] = p[0];
	p[0] = before;
	return 2;
}

static int
begin(struct vm_log *log, const struct vm *vm, int dirfd, struct error *err)
{
	struct piece p[PIECES_MAX];
	int n = open_pieces(p, vm, dirfd, err);

	if (n < 1)
		return n;
	if (n == 2)
		fd_drop(&p[1].fd);
	log->fd = p[0].fd;
	log->off = p[0].from;
	log->from = vm->console_from;
	log->marked = vm->console_marked;
	return 1;
}

/*
 * At the end of a file: 1 when there is more, of it or of the one after it, to
 * which `log` is moved then; 0 not now, -1.
 */
static int
go_on(struct vm_log *log, const struct vm *vm, int dirfd, struct error *err)
{
	struct piece p[PIECES_MAX];
	struct stat mine, named;
	int n, next;

	if (fstatat(dirfd, VM_CONSOLE_LOG, &named, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT
		    ? 0
		    : error_sys(err, EX_IOERR, VM_CONSOLE_LOG);
	/* After that: nobody writes to it any more when it is another one. */
	if (fstat(log->fd, &mine) == -1)
		return error_sys(err, EX_IOERR, VM_CONSOLE_LOG);
	if (is_same(&mine, &named))
		return 0;
	if ((uint64_t)mine.st_size > log->off)
		return 1;
	n = open_pieces(p, vm, dirfd, err);
	if (n < 1)
		return n;
	/* What is in between, unless it was read or came before. */
	next = n == 2 && (is_same(&p[0].st, &mine) || is_older(&p[0].st, &mine))
	    ? 1
	    : 0;
	if (n == 2)
		fd_drop(&p[1 - next].fd);
	fd_drop(&log->fd);
	log->fd = p[next].fd;
	log->off = p[next].from;
	return 1;
}

static int
read_some(struct vm_log *log, char *buf, size_t cap, size_t *got, bool *anew,
    struct error *err)
{
	struct stat st;
	ssize_t n;

	if (fstat(log->fd, &st) == -1)
		return error_sys(err, EX_IOERR, VM_CONSOLE_LOG);
	if ((uint64_t)st.st_size < log->off) {
		log->off = 0;
		*anew = true;
	}
	do
		n = pread(log->fd, buf, cap, (off_t)log->off);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return error_sys(err, EX_IOERR, VM_CONSOLE_LOG);
	*got = (size_t)n;
	log->off += (uint64_t)n;
	return 0;
}

int
vm_log_read(struct vm_log *log, const struct vm *vm, int dirfd, char *buf,
    size_t cap, size_t *got, bool *anew, struct error *err)
{
	int rc;

	*got = 0;
	*anew = false;
	if (log->fd != -1 &&
	    (log->from != vm->console_from ||
		log->marked != vm->console_marked))
		fd_drop(&log->fd);
	if (log->fd == -1) {
		*anew = true;
		rc = begin(log, vm, dirfd, err);
		if (rc != 1)
			return rc;
	}
	do {
		if (read_some(log, buf, cap, got, anew, err) == -1)
			return -1;
		rc = *got > 0 ? 0 : go_on(log, vm, dirfd, err);
	} while (rc == 1);
	return rc;
}

/* The last `want` bytes of the piece, at most; how many. */
static int
read_last(size_t *got, const struct piece *p, char *buf, size_t want,
    struct error *err)
{
	uint64_t n = (uint64_t)p->st.st_size - p->from;

	if (n > want)
		n = want;
	*got = (size_t)n;
	return fd_pread(p->fd, buf, (size_t)n, (uint64_t)p->st.st_size - n,
	    VM_CONSOLE_LOG, err);
}

int
vm_log_tail(char **text, size_t *len, const struct vm *vm, int dirfd,
    size_t max, struct error *err)
{
	struct piece p[PIECES_MAX];
	uint64_t sizes[PIECES_MAX] = { 0 };
	size_t got = 0, have = 0, want;
	char *buf = NULL;
	int i, n = open_pieces(p, vm, dirfd, err), rc = 0;

	if (n == -1)
		return -1;
	if (n == 0)
		return error_set(err, EX_NOINPUT, "%s: not there",
		    VM_CONSOLE_LOG);
	for (i = 0; i < n; i++)
		sizes[i] = (uint64_t)p[i].st.st_size - p[i].from;
	/* The newest piece first, and of the other what there is room for. */
	want = sizes[n - 1] < max ? (size_t)sizes[n - 1] : max;
	if (n == 2)
		have = sizes[0] < max - want ? (size_t)sizes[0] : max - want;
	buf = malloc(have + want + 1);
	if (buf == NULL)
		rc = error_nomem(err, NULL);
	if (rc == 0 && n == 2)
		rc = read_last(&got, &p[0], buf, have, err);
	if (rc == 0)
		rc = read_last(&got, &p[n - 1], buf + have, want, err);
	for (i = 0; i < n; i++)
		fd_drop(&p[i].fd);
	if (rc == -1) {
		free(buf);
		return -1;
	}
	*len = have + want;
	buf[*len] = '\0';
	*text = buf;
	return 0;
}
