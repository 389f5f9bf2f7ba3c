/* SPDX-License-Identifier: ISC */
#include "disk/writeback.h"

#include <fcntl.h>
#include <signal.h>

#define WRITEBACK_STEP (UINT64_C(8) << 20)

static void *
run(void *arg)
{
	struct writeback *w = arg;
	uint64_t from, to;
	int fd;

	pthread_mutex_lock(&w->mutex);
	while (!w->is_ended) {
		if (w->from == w->to) {
			pthread_cond_wait(&w->come, &w->mutex);
			continue;
		}
		fd = w->next_fd;
		from = w->from;
		to = w->to;
		w->from = to;
		w->is_busy = true;
		pthread_mutex_unlock(&w->mutex);
		(void)sync_file_range(fd, (off_t)from, (off_t)(to - from),
		    SYNC_FILE_RANGE_WRITE);
		pthread_mutex_lock(&w->mutex);
		w->is_busy = false;
		pthread_cond_signal(&w->idle);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

static void
start(struct writeback *w)
{
	sigset_t all, old;

	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->come, NULL);
	pthread_cond_init(&w->idle, NULL);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	w->is_running = pthread_create(&w->thread, NULL, run, w) == 0;
	w->is_impossible = !w->is_running;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
writeback_to(struct writeback *w, int fd, uint64_t off)
{
	if (fd != w->fd) {
		w->fd = fd;
		w->told = 0;
	}
	if (off < w->told + WRITEBACK_STEP || w->is_impossible)
		return;
	if (!w->is_running)
		start(w);
	if (!w->is_running)
		return;
	w->told = off;
	pthread_mutex_lock(&w->mutex);
	if (w->next_fd != fd) {
		w->next_fd = fd;
		w->from = 0;
	}
	w->to = off;
	pthread_cond_signal(&w->come);
	pthread_mutex_unlock(&w->mutex);
}

void
writeback_wait(struct writeback *w)
{
	w->fd = 0;
	w->told = 0;
	if (!w->is_running)
		return;
	pthread_mutex_lock(&w->mutex);
	w->next_fd = -1;
	w->from = w->to;
	while (w->is_busy)
		pthread_cond_wait(&w->idle, &w->mutex);
	pthread_mutex_unlock(&w->mutex);
}

void
writeback_fini(struct writeback *w)
{
	if (!w->is_running)
		return;
	pthread_mutex_lock(&w->mutex);
	w->is_ended = true;
	pthread_cond_signal(&w->come);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->idle);
	pthread_cond_destroy(&w->come);
	pthread_mutex_destroy(&w->mutex);
	w->is_running = false;
}
