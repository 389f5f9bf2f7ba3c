/* SPDX-License-Identifier: ISC */
/*
 * Has the disk begin with what is written, so that the fsync at the end finds
 * little left.  That call may itself wait for the disk: a thread makes it, once
 * there is something to begin with.  Only a hint: errors are the fsync's to
 * tell, and without threads nothing is done.
 */
#ifndef DISK_WRITEBACK_H
#define DISK_WRITEBACK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* All zeros is how it begins. */
struct writeback {
	int fd; /* borrowed; the caller's last one */
	uint64_t told; /* bytes of it that the thread has been told of */
	bool is_running, is_impossible;
	pthread_t thread;
	pthread_mutex_t mutex; /* for all that follows */
	pthread_cond_t come, idle;
	int next_fd; /* its bytes from..to are to begin */
	uint64_t from, to;
	bool is_busy, is_ended;
};

/*
 * The file is written up to `off`, which never gets less; cheap, acts every
 * 8 MiB.  `fd` is borrowed until writeback_wait() or writeback_fini().
 */
void writeback_to(struct writeback *w, int fd, uint64_t off);

/* Lets go of every file; waits for a call that is being made. */
void writeback_wait(struct writeback *w);

void writeback_fini(struct writeback *w);

#endif
