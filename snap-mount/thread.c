/* SPDX-License-Identifier: ISC */
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

int
thread_start(void *(*run)(void *arg), void *arg, struct error *err)
{
	sigset_t all, old;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0) {
		errno = rc;
		return error_sys(err, EX_OSERR, "thread");
	}
	pthread_detach(thread);
	return 0;
}
