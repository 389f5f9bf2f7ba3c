/* SPDX-License-Identifier: ISC */
#include "undo.h"

#include <pthread.h>
#include <stdlib.h>

#include "thread.h"

/* All that is to be dropped of a file lies in it. */
struct span {
	uint64_t from, to; /* the same: nothing */
};

struct undo {
	struct fuse_session *session;
	pthread_mutex_t lock;
	pthread_cond_t added;
	struct span *spans; /* by inode; with the lock */
	size_t n;
};

/* Takes the span of the first inode that has one, once there is one. */
static struct span
take(fuse_ino_t *ino, struct undo *u)
{
	struct span span;
	size_t i;

	pthread_mutex_lock(&u->lock);
	for (;;) {
		for (i = 0; i < u->n && u->spans[i].to == u->spans[i].from; i++)
			continue;
		if (i < u->n)
			break;
		pthread_cond_wait(&u->added, &u->lock);
	}
	span = u->spans[i];
	u->spans[i].to = u->spans[i].from;
	pthread_mutex_unlock(&u->lock);
	*ino = i;
	return span;
}

static void *
run(void *arg)
{
	struct undo *u = arg;
	struct span span;
	fuse_ino_t ino;

	for (;;) {
		span = take(&ino, u);
		/* Where nobody has the file open the kernel may have nothing. */
		fuse_lowlevel_notify_inval_inode(u->session, ino,
		    (off_t)span.from, (off_t)(span.to - span.from));
	}
	return NULL;
}

int
undo_start(struct undo **out, struct fuse_session *session, size_t inodes,
    struct error *err)
{
	struct undo *u = calloc(1, sizeof(*u));

	if (u != NULL)
		u->spans = calloc(inodes, sizeof(*u->spans));
	if (u == NULL || u->spans == NULL) {
		free(u);
		return error_nomem(err, "undo");
	}
	u->session = session;
	u->n = inodes;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->added, NULL);
	if (thread_start(run, u, err) == -1) {
		free(u->spans);
		free(u);
		return -1;
	}
	*out = u;
	return 0;
}

void
undo_add(struct undo *u, fuse_ino_t ino, uint64_t off, uint64_t len)
{
	struct span *span = &u->spans[ino];

	if (ino >= u->n || len == 0)
		return;
	pthread_mutex_lock(&u->lock);
	if (span->from == span->to)
		*span = (struct span){ off, off + len };
	else {
		if (off < span->from)
			span->from = off;
		if (off + len > span->to)
			span->to = off + len;
	}
	pthread_cond_signal(&u->added);
	pthread_mutex_unlock(&u->lock);
}
