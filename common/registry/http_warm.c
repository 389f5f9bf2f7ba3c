/* SPDX-License-Identifier: ISC */
#include "registry/http_warm.h"

#include <string.h>

#include "base/hook.h"

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

static void done(struct request *r);

static void
begin(struct warm *w)
{
	char digest[DIGEST_TEXT_MAX];

	hook_step("courier-warm");
	w->blob = w->queue[0]->errand.blob;
	w->is_open = true;
	digest_text(digest, &w->blob.digest);
	w->r.done = done;
	request_begin(&w->r, "GET",
	    http_url(w->r.http, "%s/blobs/%s", w->r.http->name, digest));
	w->r.sink = drop;
	w->r.cap = (size_t)w->blob.bytes;
	request_go(&w->r);
}

/* Those that wait for it go again; then it is the next blob's turn. */
static void
done(struct request *r)
{
	struct warm *w = r->owner;
	bool has_come = r->reply.status == 200 && r->got == w->blob.bytes;
	struct job *waited[ERRAND_SLOTS_MAX];
	unsigned i, n = w->n;

	memcpy(waited, w->queue, sizeof(waited));
	w->n = 0;
	w->is_open = false;
	if (has_come)
		w->known[w->known_n++ % WARM_BLOBS] = w->blob.digest;
	for (i = 0; i < n; i++)
		if (!digest_equal(&waited[i]->errand.blob.digest,
			&w->blob.digest))
			w->queue[w->n++] = waited[i];
		else if (has_come)
			job_go(waited[i]);
		else
			job_refused(waited[i], r);
	if (w->n > 0)
		begin(w);
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
