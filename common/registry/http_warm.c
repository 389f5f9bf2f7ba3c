/* SPDX-License-Identifier: ISC */
#include "registry/http_warm.h"

#include <string.h>

#include "base/clock.h"
#include "base/hook.h"

/*
 * How long a cache may take to put away what it has sent: it fetches it a second
 * time, beside the one that comes to us, and may read all of it again.
 */
#define PUT_AWAY_MS 10000
#define PUT_AWAY_TIMES 3 /* and of the time that it took to come */
#define NAP_MIN_MS 100 /* between two questions, doubled each time */
#define NAP_MAX_MS 3200

void
warm_init(struct warm *w, struct http *h)
{
	memset(w, 0, sizeof(*w));
	request_init(&w->r, h, NULL, w);
}

static bool
is_known(const struct warm *w, const struct digest *digest)
{
	unsigned i, n = w->known_n < WARM_BLOBS ? w->known_n : WARM_BLOBS;

	for (i = 0; i < n; i++)
		if (digest_equal(&w->known[i], digest))
			return true;
	return false;
}

/* Nobody wants it but the cache. */
static enum request_sunk
drop(struct request *r, const char *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	return r->reply.status == 200 ? SUNK : SUNK_WRONG;
}

static void come(struct request *r);

static void
want(struct warm *w, void (*done)(struct request *))
{
	char digest[DIGEST_TEXT_MAX];

	digest_text(digest, &w->blob.digest);
	w->r.done = done;
	request_begin(&w->r, "GET",
	    http_url(w->r.http, "%s/blobs/%s", w->r.http->name, digest));
}

static void
begin(struct warm *w)
{
	hook_step("courier-warm");
	w->blob = w->queue[0]->errand.blob;
	w->is_open = true;
	w->begun_ms = clock_ms();
	want(w, come);
	w->r.sink = drop;
	w->r.cap = (size_t)w->blob.bytes;
	request_go(&w->r);
}

/* Those that wait for it go again; then it is the next blob's turn. */
static void
settle(struct warm *w, bool is_there, const struct request *r)
{
	struct job *waited[ERRAND_SLOTS_MAX];
	unsigned i, n = w->n;

	memcpy(waited, w->queue, sizeof(waited));
	w->n = 0;
	w->is_open = false;
	if (is_there)
		w->known[w->known_n++ % WARM_BLOBS] = w->blob.digest;
	for (i = 0; i < n; i++)
		if (!digest_equal(&waited[i]->errand.blob.digest,
			&w->blob.digest))
			w->queue[w->n++] = waited[i];
		else if (is_there)
			job_go(waited[i]);
		else
			job_refused(waited[i], r);
	if (w->n > 0)
		begin(w);
}

static void asked(struct request *r);

/* One byte, of which the first answer may be all of the blob once more. */
static void
ask(struct warm *w)
{
	want(w, asked);
	request_header(&w->r, "Range: bytes=0-0");
	w->r.buf = &w->byte;
	w->r.cap = sizeof(w->byte);
	w->r.wait_ms = w->nap_ms;
	request_go(&w->r);
}

static void
asked(struct request *r)
{
	struct warm *w = r->owner;

	if (!r->is_unranged || clock_left(w->until_ms) == 0) {
		settle(w, r->reply.status == 206, r);
		return;
	}
	/* Each question may have it fetched anew from behind the cache. */
	w->nap_ms = w->nap_ms == 0 ? NAP_MIN_MS : 2 * w->nap_ms;
	if (w->nap_ms > NAP_MAX_MS)
		w->nap_ms = NAP_MAX_MS;
	ask(w);
}

static void
come(struct request *r)
{
	struct warm *w = r->owner;
	int64_t now_ms = clock_ms();

	if (r->reply.status != 200 || r->got != w->blob.bytes) {
		settle(w, false, r);
		return;
	}
	w->until_ms = now_ms + PUT_AWAY_TIMES * (now_ms - w->begun_ms) +
	    hook_ms("courier-put-away", PUT_AWAY_MS);
	w->nap_ms = 0;
	ask(w);
}

bool
warm_take(struct warm *w, struct job *job)
{
	if (is_known(w, &job->errand.blob.digest))
		return false;
	w->queue[w->n++] = job;
	if (!w->is_open)
		begin(w);
	return true;
}
