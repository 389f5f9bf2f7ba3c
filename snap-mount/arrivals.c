/* SPDX-License-Identifier: ISC */
#include "arrivals.h"

#include "job.h"
#include "mount.h"

/* Whether the registry has failed for as long as a read waits. */
static bool
is_down(const struct mount *m, int64_t now_ms)
{
	return m->arrivals.failing_since_ms != 0 &&
	    (uint64_t)(now_ms - m->arrivals.failing_since_ms) >= m->timeout_ms;
}

static void
keep(struct mount *m, const struct want *w)
{
	const struct range *range = &w->fetch.range;
	struct error why;

	if (cache_write(m->cache, range->buf, range->len, &range->blob->digest,
		range->off, &why) == 0)
		m->cache_failed = false;
	else if (!m->cache_failed) {
		m->cache_failed = true;
		log_put(&m->log, "%s", why.msg);
	}
}

static void
succeed(struct mount *m, struct want *w, int64_t now_ms)
{
	const struct range *range = &w->fetch.range;
	const struct pages_range fresh = { w->part, range->off, range->len,
		range->buf };

	m->arrivals.failing_since_ms = 0;
	m->arrivals.came_ms = now_ms;
	keep(m, w);
	wants_remove(m, w);
	m->pages.fresh = &fresh;
	/* One that has all that it wants, or gives up, forgets others alone. */
	while (w->jobs_n > 0)
		job_step(m, w->jobs[--w->jobs_n]);
	m->pages.fresh = NULL;
	want_free(w);
}

/* Reads that have no time left get the error; for others it is tried again. */
static void
fail(struct mount *m, struct want *w, int64_t now_ms)
{
	size_t i = 0;

	if (m->arrivals.failing_since_ms == 0)
		m->arrivals.failing_since_ms = now_ms;
	m->arrivals.why = w->fetch.err;
	while (i < w->jobs_n)
		if (is_down(m, now_ms) || job_deadline_ms(w->jobs[i]) <= now_ms)
			/* It takes itself off the list. */
			job_fail(m, w->jobs[i], &w->fetch.err);
		else
			i++;
	if (w->jobs_n > 0) {
		wants_again(w, now_ms);
		return;
	}
	ahead_failed(&m->ahead, now_ms);
	wants_remove(m, w);
	want_free(w);
}

void
arrivals_take(struct mount *m, int64_t now_ms)
{
	struct want *w;

	while ((w = wants_take(m)) != NULL)
		if (w->fetch.rc == 0)
			succeed(m, w, now_ms);
		else
			fail(m, w, now_ms);
}

void
arrivals_expire(struct mount *m, int64_t now_ms)
{
	struct arrivals *a = &m->arrivals;
	int64_t since = now_ms - (int64_t)m->timeout_ms;
	struct error why = { 0 };

	m->wait_ms = is_down(m, now_ms) && m->timeout_ms > ARRIVALS_DOWN_MS
	    ? ARRIVALS_DOWN_MS
	    : (int64_t)m->timeout_ms;
	if (jobs_next_ms(m) > now_ms)
		return;
	/* Who has the transport tries for longer: it is gone all the same. */
	if (a->failing_since_ms == 0 && a->came_ms <= since) {
		a->failing_since_ms = since;
		error_set(&a->why, EX_TEMPFAIL, "nothing came in time");
	}
	if (a->failing_since_ms != 0)
		why = a->why;
	else
		error_set(&why, EX_TEMPFAIL, "did not come in time");
	jobs_expire(m, now_ms, &why);
}
