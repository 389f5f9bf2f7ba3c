/* SPDX-License-Identifier: ISC */
/*
 * The file is cut into jobs of a few groups.  Threads take jobs in the order
 * of the file and put the hashes of the groups into a ring, from which they
 * go into the tree in that order again:
 *
 *     file   |job 0|job 1|  hole  |job 2|job 3| ... |tail, less than a group
 *     ring    done  taken          done  free
 *     tree    ^ merged
 */
#include "disk/sweep.h"
#include "disk/verity.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/fd.h"
#include "base/num.h"
#include "disk/extent.h"

#define SWEEP_JOB_GROUPS 4
#define SWEEP_JOB (SWEEP_JOB_GROUPS * VERITY_GROUP)
#define SWEEP_RING 16 /* jobs taken, and not yet in the tree */
#define SWEEP_AHEAD (4 * SWEEP_JOB)
#define SWEEP_BUF ((size_t)VERITY_GROUP)
#define SWEEP_SMALL_BUF ((size_t)64 << 10) /* for less than a group */
#define SWEEP_THREADS_MAX 4 /* more only wait for the memory bus */

struct job {
	uint64_t off, len; /* whole groups */
	bool solid; /* nothing but data: no need to look for extents */
	bool done;
	struct digest groups[SWEEP_JOB_GROUPS];
};

struct sweep {
	int fd;
	uint64_t size, whole; /* bytes: of the file, of its whole groups */
	unsigned flags;
	const char *what;
	struct progress *progress; /* or NULL */
	pthread_mutex_t lock; /* holds for everything below */
	pthread_cond_t room;
	struct extent run; /* of data, in which the plan stands */
	uint64_t planned; /* offset up to which jobs were taken */
	uint64_t taken, merged; /* jobs */
	struct job ring[SWEEP_RING];
	struct verity *tree;
	uint64_t tree_bytes;
	bool failed;
	struct error err; /* the first one */
};

/* What each thread has of its own. */
struct worker {
	struct sweep *s;
	struct verity *verity; /* NULL: there are no whole groups */
	unsigned char *buf;
	size_t buf_len;
	struct extent hole; /* zeros found and not yet punched */
	bool punch;
};

static int
punch_hole(struct worker *w, struct error *err)
{
	struct extent hole = w->hole;
	int rc;

	w->hole.len = 0;
	if (hole.len == 0)
		return 0;
	rc = extent_punch(w->s->fd, hole.off, hole.len, w->s->what, err);
	if (rc == 0)
		w->punch = false; /* zeros stay zeros */
	return rc == -1 ? -1 : 0;
}

/* Whether the block at `at` of the `len` bytes is whole and zero. */
static bool
is_zero_block(const struct worker *w, size_t at, size_t len)
{
	return len - at >= VERITY_BLOCK &&
	    extent_is_zero(w->buf + at, VERITY_BLOCK);
}

/* Notes zeros as a hole; punches what is not next to them. */
static int
note_zeros(struct worker *w, uint64_t off, uint64_t len, struct error *err)
{
	if (w->hole.off + w->hole.len != off) {
		if (punch_hole(w, err) == -1)
			return -1;
		w->hole.off = off;
	}
	w->hole.len += len;
	return 0;
}

/* Hashes `len` bytes from `off`, a multiple of a block, in runs of one kind. */
static int
sift(struct worker *w, struct verity *d, uint64_t off, size_t len,
    struct error *err)
{
	size_t from, to;
	bool zero;

	for (from = 0; from < len; from = to) {
		zero = is_zero_block(w, from, len);
		to = from;
		do
			to += VERITY_BLOCK;
		while (to < len && is_zero_block(w, to, len) == zero);
		if (to > len)
			to = len;
		if (!zero) {
			if (verity_data(d, w->buf + from, to - from, err) == -1)
				return -1;
			continue;
		}
		if (verity_zeros(d, to - from, err) == -1 ||
		    note_zeros(w, off + from, to - from, err) == -1)
			return -1;
	}
	return 0;
}

/* Reads and hashes [off, end), all of which is taken for data. */
static int
read_run(struct worker *w, struct verity *d, uint64_t off, uint64_t end,
    struct error *err)
{
	size_t n;

	for (; off < end; off += n) {
		n = w->buf_len;
		if (n > end - off)
			n = (size_t)(end - off);
		if (fd_pread(w->s->fd, w->buf, n, off, w->s->what, err) == -1)
			return -1;
		if (w->punch) {
			if (sift(w, d, off, n, err) == -1)
				return -1;
		} else if (verity_data(d, w->buf, n, err) == -1) {
			return -1;
		}
	}
	return 0;
}

/* The same for what may have holes; `off` is a multiple of a block. */
static int
read_range(struct worker *w, struct verity *d, uint64_t off, uint64_t end,
    struct error *err)
{
	struct extent e;
	uint64_t stop;
	int more;

	while ((more = extent_next(&e, w->s->fd, off, end, w->s->what, err)) ==
	    1) {
		/* Whole blocks, so that a half zero one can be punched. */
		e.len += e.off % VERITY_BLOCK;
		e.off -= e.off % VERITY_BLOCK;
		stop = num_round_up(e.off + e.len, VERITY_BLOCK);
		if (stop > end)
			stop = end;
		if (verity_zeros(d, e.off - off, err) == -1 ||
		    read_run(w, d, e.off, stop, err) == -1)
			return -1;
		off = stop;
	}
	if (more == -1)
		return -1;
	return verity_zeros(d, end - off, err);
}

/*
 * Asks for the data that will be wanted soon: the kernel's own read-ahead takes
 * several readers for random access.  Never beyond the run, for then it would
 * fill its cache with holes.
 */
static void
read_ahead(const struct sweep *s, uint64_t off)
{
	uint64_t end = s->run.off + s->run.len, len;

	if (off >= end || SWEEP_AHEAD >= end - off)
		return;
	off += SWEEP_AHEAD;
	len = end - off < SWEEP_JOB ? end - off : SWEEP_JOB;
	(void)posix_fadvise(s->fd, (off_t)off, (off_t)len, POSIX_FADV_WILLNEED);
}

/*
 * The next job behind s->planned, in *out: 1, 0 when none is left, -1.  The
 * end of the run is remembered: asking for it may scan the page cache.
 */
static int
plan(struct sweep *s, struct job *out, struct error *err)
{
	int rc;

	if (s->planned >= s->run.off + s->run.len) {
		rc = extent_next(&s->run, s->fd, s->planned, s->whole, s->what,
		    err);
		if (rc != 1)
			return rc;
	}
	memset(out, 0, sizeof(*out));
	out->off = s->run.off - s->run.off % VERITY_GROUP;
	if (out->off < s->planned)
		out->off = s->planned;
	out->len = s->whole - out->off;
	if (out->len > SWEEP_JOB)
		out->len = SWEEP_JOB;
	out->solid = s->run.off <= out->off &&
	    out->off + out->len <= s->run.off + s->run.len;
	s->planned = out->off + out->len;
	read_ahead(s, out->off);
	return 1;
}

/* Puts what is complete into the tree, in the order of the file. */
static int
merge(struct sweep *s, struct error *err)
{
	struct job *j;

	for (; s->merged < s->taken; s->merged++) {
		j = &s->ring[s->merged % SWEEP_RING];
		if (!j->done)
			break;
		if (verity_zeros(s->tree, j->off - s->tree_bytes, err) == -1)
			return -1;
		if (verity_add_groups(s->tree, j->groups,
			(size_t)(j->len / VERITY_GROUP), err) == -1)
			return -1;
		s->tree_bytes = j->off + j->len;
	}
	if (s->progress != NULL)
		progress_update(s->progress, s->tree_bytes);
	pthread_cond_broadcast(&s->room);
	return 0;
}

static void
fail(struct sweep *s, const struct error *err)
{
	if (!s->failed)
		s->err = *err;
	s->failed = true;
	pthread_cond_broadcast(&s->room);
}

/* Takes a job: NULL when none is left or the sweep has failed. */
static struct job *
take_job(struct sweep *s)
{
	struct error err = { 0 };
	struct job *j = NULL;
	int rc;

	pthread_mutex_lock(&s->lock);
	/* A full ring waits for a job that some other thread has in hand. */
	while (!s->failed && s->taken - s->merged == SWEEP_RING)
		pthread_cond_wait(&s->room, &s->lock);
	if (!s->failed) {
		rc = plan(s, &s->ring[s->taken % SWEEP_RING], &err);
		if (rc == 1)
			j = &s->ring[s->taken++ % SWEEP_RING];
		if (rc == -1)
			fail(s, &err);
	}
	pthread_mutex_unlock(&s->lock);
	return j;
}

static void
finish(struct sweep *s, struct job *j, int rc, struct error *err)
{
	pthread_mutex_lock(&s->lock);
	j->done = true;
	if (rc == 0)
		rc = merge(s, err);
	if (rc == -1)
		fail(s, err);
	pthread_mutex_unlock(&s->lock);
}

/* Does one job; false when there is none. */
static bool
work(struct worker *w)
{
	struct error err = { 0 };
	struct job *j;
	int rc;

	j = take_job(w->s);
	if (j == NULL)
		return false;
	verity_reset(w->verity);
	if (j->solid)
		rc = read_run(w, w->verity, j->off, j->off + j->len, &err);
	else
		rc = read_range(w, w->verity, j->off, j->off + j->len, &err);
	if (rc == 0)
		rc = punch_hole(w, &err);
	if (rc == 0)
		verity_groups(j->groups, SWEEP_JOB_GROUPS, w->verity);
	finish(w->s, j, rc, &err);
	return true;
}

static void *
work_on(void *arg)
{
	while (work(arg))
		continue;
	return NULL;
}

static void
worker_fini(struct worker *w)
{
	verity_free(w->verity);
	free(w->buf);
}

static int
worker_init(struct worker *w, struct sweep *s, struct error *err)
{
	memset(w, 0, sizeof(*w));
	w->s = s;
	w->punch = (s->flags & SWEEP_PUNCH) != 0;
	w->buf_len = s->whole == 0 ? SWEEP_SMALL_BUF : SWEEP_BUF;
	w->buf = malloc(w->buf_len);
	if (w->buf == NULL)
		return error_sys(err, EX_OSERR, "%s", s->what);
	return s->whole == 0 ? 0 : verity_new(&w->verity, err);
}

/* Within our bounds. */
static unsigned
thread_count(void)
{
	unsigned n = cpus_usable();

	return n > SWEEP_THREADS_MAX ? SWEEP_THREADS_MAX : n;
}

/* Helpers start after the first job: small files do without any. */
static void
work_together(struct sweep *s, struct worker *first)
{
	struct worker helper[SWEEP_THREADS_MAX];
	pthread_t thread[SWEEP_THREADS_MAX];
	unsigned want, n;

	if (!work(first))
		return;
	want = s->planned < s->whole ? thread_count() - 1 : 0;
	/* One that cannot be had is no error: there is less help. */
	for (n = 0; n < want; n++) {
		if (worker_init(&helper[n], s, NULL) == -1 ||
		    pthread_create(&thread[n], NULL, work_on, &helper[n]) !=
			0) {
			worker_fini(&helper[n]);
			break;
		}
	}
	work_on(first);
	while (n-- > 0) {
		pthread_join(thread[n], NULL);
		worker_fini(&helper[n]);
	}
}

/* Hashes the groups, then what is left behind them straight into the tree. */
static int
sweep_all(struct sweep *s, struct digest *out, struct error *err)
{
	struct worker w;
	int rc = -1;

	if (worker_init(&w, s, err) == -1)
		goto out;
	work_together(s, &w);
	if (s->failed) {
		if (err != NULL)
			*err = s->err;
		goto out;
	}
	if (verity_zeros(s->tree, s->whole - s->tree_bytes, err) == -1 ||
	    read_range(&w, s->tree, s->whole, s->size, err) == -1 ||
	    punch_hole(&w, err) == -1)
		goto out;
	verity_final(s->tree, out);
	rc = 0;
out:
	worker_fini(&w);
	return rc;
}

int
sweep_file(struct digest *out, int fd, uint64_t size, unsigned flags,
    struct progress *progress, const char *what, struct error *err)
{
	struct sweep s = { .fd = fd,
		.size = size,
		.whole = size - size % VERITY_GROUP,
		.flags = flags,
		.progress = progress,
		.what = what };
	struct stat st;
	int rc;

	if (fstat(fd, &st) == -1)
		return error_sys(err, EX_IOERR, "%s", what);
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < size)
		return error_set(err, EX_DATAERR,
		    "%s: ends at byte %" PRIu64 ", %" PRIu64 " short", what,
		    (uint64_t)st.st_size, size - (uint64_t)st.st_size);
	if (verity_new(&s.tree, err) == -1)
		return -1;
	pthread_mutex_init(&s.lock, NULL);
	pthread_cond_init(&s.room, NULL);
	rc = sweep_all(&s, out, err);
	pthread_cond_destroy(&s.room);
	pthread_mutex_destroy(&s.lock);
	verity_free(s.tree);
	return rc;
}
