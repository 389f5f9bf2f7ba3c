/* SPDX-License-Identifier: ISC */
#include "loop.h"

#include <sys/epoll.h>

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"

int
loop_init(struct loop *loop, struct error *err)
{
	memset(loop, 0, sizeof(*loop));
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->fd == -1 ? error_sys(err, EX_OSERR, "epoll_create1") : 0;
}

void
loop_fini(struct loop *loop)
{
	fd_drop(&loop->fd);
}

void
loop_set(struct loop *loop, struct loop_fd *f, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = f };

	if (f->known && events == f->events)
		return;
	if (events == 0) {
		loop_forget(loop, f);
		return;
	}
	f->events = events;
	if (epoll_ctl(loop->fd, f->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, f->fd,
		&e) == 0)
		f->known = true;
}

void
loop_forget(struct loop *loop, struct loop_fd *f)
{
	if (f->known)
		epoll_ctl(loop->fd, EPOLL_CTL_DEL, f->fd, NULL);
	f->known = false;
	f->events = 0;
}

void
loop_add_timer(struct loop *loop, struct loop_timer *timer)
{
	assert(loop->timers_n < LOOP_TIMERS_MAX);
	loop->timers[loop->timers_n++] = timer;
}

static int
sooner(int a, int b)
{
	return a == -1 || (b != -1 && b < a) ? b : a;
}

static int
left(const struct loop *loop)
{
	int ms = loop->wait_ms == NULL ? -1 : loop->wait_ms(loop->arg);
	unsigned i;

	for (i = 0; i < loop->timers_n; i++)
		if (loop->timers[i]->at_ms != 0)
			ms = sooner(ms, clock_left(loop->timers[i]->at_ms));
	return ms;
}

static void
run_timers(struct loop *loop)
{
	struct loop_timer *t;
	unsigned i;

	for (i = 0; i < loop->timers_n; i++) {
		t = loop->timers[i];
		if (t->at_ms != 0 && clock_left(t->at_ms) == 0) {
			t->at_ms = 0;
			t->ready(t->arg);
		}
	}
}

int
loop_run(struct loop *loop, struct error *err)
{
	struct epoll_event e;
	struct loop_fd *f;
	sigset_t held, before;
	int n, rc;

	/* A signal comes while we wait, or is seen before we do. */
	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, &before);
	for (rc = sig_check(err); rc == 0; rc = sig_check(err)) {
		/* One at a time: what is told may close any of the others. */
		n = epoll_pwait(loop->fd, &e, 1, left(loop), &before);
		if (n == -1 && errno != EINTR) {
			rc = error_sys(err, EX_OSERR, "epoll_pwait");
			break;
		}
		if (n == 1) {
			f = e.data.ptr;
			f->ready(f->arg, e.events);
		}
		run_timers(loop);
		if (loop->after != NULL)
			loop->after(loop->arg);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}
