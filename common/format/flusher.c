/* SPDX-License-Identifier: ISC */
#include "format/flusher.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct flusher {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t come, idle;
	/* What has been hinted at and not begun: fd from..to. */
	int fd;
	uint64_t from, to;
	bool is_busy, is_ended;
};

static void *
run(void *arg)
{
	struct flusher *f = arg;
	uint64_t from, to;
	int fd;

	pthread_mutex_lock(&f->mutex);
	while (!f->is_ended) {
		if (f->from == f->to) {
			pthread_cond_wait(&f->come, &f->mutex);
			continue;
		}
		fd = f->fd;
		from = f->from;
		to = f->to;
		f->from = to;
		f->is_busy = true;
		pthread_mutex_unlock(&f->mutex);
		sync_file_range(fd, (off_t)from, (off_t)(to - from),
		    SYNC_FILE_RANGE_WRITE);
		pthread_mutex_lock(&f->mutex);
		f->is_busy = false;
		pthread_cond_signal(&f->idle);
	}
	pthread_mutex_unlock(&f->mutex);
	return NULL;
}

void
flusher_hint(struct flusher *f, int fd, uint64_t end)
{
	pthread_mutex_lock(&f->mutex);
	if (fd != f->fd) {
		f->fd = fd;
		f->from = 0;
	}
	f->to = end;
	pthread_cond_signal(&f->come);
	pthread_mutex_unlock(&f->mutex);
}

void
flusher_wait(struct flusher *f)
{
	pthread_mutex_lock(&f->mutex);
	f->fd = -1;
	f->from = f->to;
	while (f->is_busy)
		pthread_cond_wait(&f->idle, &f->mutex);
	pthread_mutex_unlock(&f->mutex);
}

int
flusher_new(struct flusher **out, struct error *err)
{
	struct flusher *f = calloc(1, sizeof(*f));
	sigset_t all, old;

	if (f == NULL)
		return error_sys(err, EX_OSERR, "flusher");
	f->fd = -1;
	pthread_mutex_init(&f->mutex, NULL);
	pthread_cond_init(&f->come, NULL);
	pthread_cond_init(&f->idle, NULL);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	errno = pthread_create(&f->thread, NULL, run, f);
	if (errno != 0) {
		error_sys(err, EX_OSERR, "thread");
		f->is_ended = true;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (f->is_ended) {
		free(f);
		return -1;
	}
	*out = f;
	return 0;
}

void
flusher_free(struct flusher *f)
{
	if (f == NULL)
		return;
	pthread_mutex_lock(&f->mutex);
	f->is_ended = true;
	pthread_cond_signal(&f->come);
	pthread_mutex_unlock(&f->mutex);
	pthread_join(f->thread, NULL);
	pthread_cond_destroy(&f->idle);
	pthread_cond_destroy(&f->come);
	pthread_mutex_destroy(&f->mutex);
	free(f);
}
