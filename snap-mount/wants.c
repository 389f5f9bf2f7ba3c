/* SPDX-License-Identifier: ISC */
#include "wants.h"

#include <stdlib.h>

#include "base/num.h"

#include "mount.h"

#define CHAIN_MAX 16 /* wants of one request */

static uint64_t
end_of(const struct want *w)
{
	return w->fetch.range.off + w->fetch.range.len;
}

static bool
covers(const struct want *w, uint16_t part, uint64_t off, size_t len)
{
	return w->part == part && off >= w->fetch.range.off &&
	    num_in_range(off - w->fetch.range.off, len, w->fetch.range.len);
}

static int
add_job(struct want *w, struct job *job, struct error *err)
{
	struct job **v;
	size_t i, cap;

	for (i = w->jobs_n; i > 0; i--)
		if (w->jobs[i - 1] == job)
			return 0;
	if (w->jobs_n == w->jobs_cap) {
		cap = w->jobs_cap == 0 ? 4 : 2 * w->jobs_cap;
		v = realloc(w->jobs, cap * sizeof(struct job *));
		if (v == NULL)
			return error_nomem(err, "read");
		w->jobs = v;
		w->jobs_cap = cap;
	}
	w->jobs[w->jobs_n++] = job;
	return 0;
}

static struct want *
add_want(struct mount *m, uint16_t part, uint64_t off, size_t len)
{
	struct wants *all = &m->wants;
	struct want *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->part = part;
	w->fetch.range.blob = &m->image.artifact.parts[part].blob;
	w->fetch.range.off = off;
	w->fetch.range.len = len;
	w->pause_ms = WANT_PAUSE_MS;
	if (all->last == NULL)
		all->first = w;
	else
		all->last->next = w;
	all->last = w;
	return w;
}

static void
unlink_want(struct wants *all, struct want *w)
{
	struct want *before = NULL, *at;

	for (at = all->first; at != w; at = at->next)
		before = at;
	if (before == NULL)
		all->first = w->next;
	else
		before->next = w->next;
	if (all->last == w)
		all->last = before;
	w->next = NULL;
}

void
want_free(struct want *w)
{
	free(w->fetch.range.buf);
	free(w->jobs);
	free(w);
}

bool
wants_has(const struct mount *m, uint16_t part, uint64_t off, size_t len)
{
	const struct want *w;

	for (w = m->wants.first; w != NULL; w = w->next)
		if (covers(w, part, off, len))
			return true;
	return false;
}

size_t
wants_step(const struct mount *m, uint16_t part, uint64_t off, size_t max)
{
	const struct want *w;

	for (w = m->wants.first; w != NULL; w = w->next) {
		if (w->part != part || end_of(w) <= off)
			continue;
		if (w->fetch.range.off <= off)
			return end_of(w) - off < max ? (size_t)(end_of(w) - off)
						     : max;
		if (w->fetch.range.off - off < max)
			max = (size_t)(w->fetch.range.off - off);
	}
	return max;
}

int
wants_need(struct mount *m, uint16_t part, uint64_t off, size_t len,
    struct job *job, struct error *err)
{
	struct want *w;

	for (w = m->wants.first; w != NULL; w = w->next)
		if (covers(w, part, off, len)) {
			if (!w->is_away && w->is_ahead) {
				w->is_ahead = false;
				m->wants.ahead_n--;
			}
			return add_job(w, job, err);
		}
	/* What was asked for just before most often ends where this begins. */
	for (w = m->wants.first; w != NULL; w = w->next)
		if (!w->is_away && !w->is_ahead && w->part == part &&
		    end_of(w) == off &&
		    w->fetch.range.len + len <= WANT_BYTES_MAX) {
			/* One that failed has room for less: wants_send(). */
			free(w->fetch.range.buf);
			w->fetch.range.buf = NULL;
			w->fetch.range.len += len;
			return add_job(w, job, err);
		}
	w = add_want(m, part, off, len);
	if (w == NULL)
		return error_nomem(err, "read");
	return add_job(w, job, err);
}

bool
wants_ahead(struct mount *m, uint16_t part, uint64_t off, size_t len)
{
	struct want *w;

	if (m->wants.ahead_n >= (m->wants.away_max + 1) / 2)
		return false;
	w = add_want(m, part, off, len);
	if (w == NULL)
		return false;
	w->is_ahead = true;
	m->wants.ahead_n++;
	return true;
}

void
wants_forget(struct mount *m, const struct job *job)
{
	struct want *w;
	size_t i;

	for (w = m->wants.first; w != NULL; w = w->next)
		for (i = 0; i < w->jobs_n; i++)
			if (w->jobs[i] == job) {
				w->jobs[i] = w->jobs[--w->jobs_n];
				break;
			}
}

/* The next to go: one that a read waits for, else one for later. */
static struct want *
choose(const struct mount *m, int64_t now_ms)
{
	struct want *w, *ahead = NULL;

	for (w = m->wants.first; w != NULL; w = w->next) {
		if (w->is_away || w->not_before_ms > now_ms)
			continue;
		if (!w->is_ahead)
			return w;
		if (ahead == NULL)
			ahead = w;
	}
	return ahead;
}

/* One that is not on its way, and begins where that one ends. */
static struct want *
behind(const struct mount *m, const struct want *last, int64_t now_ms)
{
	struct want *w;

	for (w = m->wants.first; w != NULL; w = w->next)
		if (!w->is_away && w->not_before_ms <= now_ms &&
		    w->part == last->part && w->fetch.range.off == end_of(last))
			return w;
	return NULL;
}

/* With those behind it that one request can bring; how many they are. */
static size_t
chain_from(struct want **chain, struct mount *m, struct want *w, int64_t now_ms)
{
	const unsigned room = m->wants.away_max - m->wants.away_n;
	uint64_t bytes = 0;
	size_t n = 0, i;

	for (; w != NULL && n < room && n < CHAIN_MAX &&
	     w->fetch.range.len <= WANT_CHAIN_MAX - bytes;
	     w = behind(m, w, now_ms)) {
		if (w->fetch.range.buf == NULL)
			w->fetch.range.buf = malloc(w->fetch.range.len);
		if (w->fetch.range.buf == NULL)
			break;
		bytes += w->fetch.range.len;
		chain[n++] = w;
	}
	for (i = 0; i < n; i++) {
		bytes -= chain[i]->fetch.range.len;
		chain[i]->fetch.range.more = bytes;
	}
	return n;
}

void
wants_send(struct mount *m, int64_t now_ms)
{
	struct want *chain[CHAIN_MAX], *w;
	size_t n, i;

	while (m->wants.away_n < m->wants.away_max &&
	    (w = choose(m, now_ms)) != NULL) {
		n = chain_from(chain, m, w, now_ms);
		if (n == 0) {
			w->not_before_ms = now_ms + WANT_PAUSE_MS;
			return;
		}
		for (i = 0; i < n; i++) {
			chain[i]->is_away = true;
			m->wants.away_n++;
			fetcher_give(m->fetcher, &chain[i]->fetch);
		}
	}
}

struct want *
wants_take(struct mount *m)
{
	struct fetch *fetch = fetcher_take(m->fetcher);
	struct want *w = (struct want *)fetch;

	if (fetch == NULL)
		return NULL;
	w->is_away = false;
	m->wants.away_n--;
	if (w->is_ahead)
		m->wants.ahead_n--;
	w->is_ahead = false;
	return w;
}

void
wants_remove(struct mount *m, struct want *w)
{
	unlink_want(&m->wants, w);
}

void
wants_again(struct want *w, int64_t now_ms)
{
	w->not_before_ms = now_ms + w->pause_ms;
	if (w->pause_ms < WANT_PAUSE_MAX_MS)
		w->pause_ms *= 2;
}

int64_t
wants_next_ms(const struct mount *m)
{
	int64_t next = INT64_MAX;
	const struct want *w;

	for (w = m->wants.first; w != NULL; w = w->next)
		if (!w->is_away && w->not_before_ms < next)
			next = w->not_before_ms;
	/* One that comes makes room. */
	return m->wants.away_n == m->wants.away_max ? INT64_MAX : next;
}
