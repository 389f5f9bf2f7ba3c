/* SPDX-License-Identifier: ISC */
#include "registry/http_stream.h"

#include <inttypes.h>
#include <string.h>

#include "registry/transport.h"

void
streams_init(struct streams *s, struct http *h)
{
	size_t i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < STREAMS; i++) {
		s->v[i].all = s;
		request_init(&s->v[i].r, h, NULL, &s->v[i]);
	}
}

/*
 * A cache that has not got the blob itself answers all of it: what is in front is
 * dropped, and the stream goes on to the blob's end.
 */
static void
take_whole(struct stream *s)
{
	const struct http_reply *reply = &s->r.reply;

	if (s->has_come || s->is_whole || reply->status != 200 ||
	    !reply->has_length || reply->length != s->blob.bytes)
		return;
	s->is_whole = true;
	s->again = (size_t)s->off;
	s->end = s->blob.bytes;
}

/* Whether the answer is what was asked for, as its head has it. */
static bool
is_answer(const struct stream *s)
{
	const struct http_reply *reply = &s->r.reply;

	return reply->status == 206 && reply->has_content_range &&
	    reply->first == s->off && reply->last == s->end - 1 &&
	    reply->total == s->blob.bytes;
}

static struct job *
pop(struct stream *s)
{
	struct job *job = s->queue[s->first];

	s->first = (s->first + 1) % ERRAND_SLOTS_MAX;
	s->n--;
	s->filled = 0;
	return job;
}

/* Fills slots with it, as far as there are any; how much they took. */
static size_t
fill(struct stream *s, const char *bytes, size_t n)
{
	size_t done = 0, some;
	struct job *job;

	while (done < n && s->n > 0) {
		job = s->queue[s->first];
		some = (size_t)job->errand.len - s->filled;
		if (some > n - done)
			some = n - done;
		memcpy(job_slot(job) + s->filled, bytes + done, some);
		done += some;
		s->filled += some;
		if (s->filled == job->errand.len)
			job_filled(pop(s));
	}
	return done;
}

static enum request_sunk
come(struct request *r, const char *bytes, size_t n)
{
	struct stream *s = r->owner;
	size_t done;

	take_whole(s);
	done = s->again < n ? s->again : n;
	if (!s->is_whole && !is_answer(s)) {
		s->is_wrong = true;
		return SUNK_WRONG;
	}
	if (!s->is_whole && n > s->end - s->off - r->got) {
		r->is_too_long = true;
		return SUNK_WRONG;
	}
	/* What breaks from here on is not asked for from the start again. */
	s->has_come = true;
	r->tries_max = 1;
	s->again -= done;
	done += fill(s, bytes + done, n - done);
	if (done == n)
		return SUNK;
	s->again = done;
	s->is_paused = true;
	return SUNK_LATER;
}

/* Who still waits is told why nothing came, or asks for itself. */
static void
done(struct request *r)
{
	struct stream *s = r->owner;
	bool is_refused = !s->is_wrong && !s->has_come && !r->is_too_long &&
	    (r->err.code != 0 || r->reply.status >= 300);

	s->is_open = false;
	if (r->is_too_long || (!is_refused && !s->has_come))
		s->all->is_useless = true;
	while (s->n > 0)
		if (is_refused)
			job_refused(pop(s), r);
		else
			job_go(pop(s));
}

/* The stream that the range goes on. */
static struct stream *
find(struct streams *all, const struct errand *e)
{
	struct stream *s;

	for (s = all->v; s < all->v + STREAMS; s++)
		if (s->is_open && s->next == e->off &&
		    e->len <= s->end - s->next && s->n < ERRAND_SLOTS_MAX &&
		    s->blob.bytes == e->blob.bytes &&
		    digest_equal(&s->blob.digest, &e->blob.digest))
			return s;
	return NULL;
}

/* One that is free, or that nobody waits for: who began it asks no more. */
static struct stream *
vacate(struct streams *all)
{
	struct stream *s, *old = NULL;

	for (s = all->v; s < all->v + STREAMS; s++) {
		if (!s->is_open)
			return s;
		if (s->n == 0 && (old == NULL || s->used < old->used))
			old = s;
	}
	return old;
}

static struct stream *
begin(struct streams *all, const struct errand *e)
{
	struct stream *s = vacate(all);
	char digest[DIGEST_TEXT_MAX];

	if (s == NULL)
		return NULL;
	s->blob = e->blob;
	s->off = s->next = e->off;
	s->end = e->off + e->len + e->more;
	s->first = s->n = 0;
	s->filled = s->again = 0;
	s->has_come = s->is_paused = s->is_wrong = s->is_whole = false;
	s->is_open = true;
	digest_text(digest, &e->blob.digest);
	s->r.done = done;
	request_begin(&s->r, "GET",
	    http_url(s->r.http, "%s/blobs/%s", s->r.http->name, digest));
	request_header(&s->r, "Range: bytes=%" PRIu64 "-%" PRIu64, s->off,
	    s->end - 1);
	s->r.sink = come;
	s->r.cap = (size_t)s->blob.bytes;
	request_go(&s->r);
	return s;
}

bool
streams_take(struct streams *all, struct job *job, const struct errand *e)
{
	struct stream *s = find(all, e);

	if (s == NULL && e->more > 0 && e->more <= RANGE_MORE_MAX - e->len &&
	    !all->is_useless)
		s = begin(all, e);
	if (s == NULL)
		return false;
	job_wait(job, e);
	s->queue[(s->first + s->n++) % ERRAND_SLOTS_MAX] = job;
	s->next += e->len;
	s->used = ++all->uses;
	if (s->is_paused) {
		s->is_paused = false;
		request_resume(&s->r);
	}
	return true;
}
