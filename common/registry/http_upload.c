/* SPDX-License-Identifier: ISC */
#include "registry/http_upload.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hook.h"
#include "registry/http_fault.h"
#include "registry/http_url.h"

/* It is free for the next blob. */
static void
tell(struct upload *u, const struct error *err)
{
	struct upload next = { .http = u->http,
		.fd = u->fd,
		.tell = u->tell,
		.arg = u->arg };
	void (*done)(struct request *) = u->r.done;
	struct error why = { 0 };

	if (err != NULL)
		why = *err;
	request_fini(&u->r);
	free(u->session);
	*u = next;
	request_init(&u->r, u->http, done, u);
	u->tell(u->arg, why.code == 0 ? NULL : &why);
}

static void
give_up(struct upload *u)
{
	if (u->is_ended)
		tell(u, &u->err);
}

static bool
is_good(const struct request *r)
{
	return r->reply.status >= 200 && r->reply.status < 300;
}

/* Whether what was refused, or not answered, may do another time. */
static bool
may_try(const struct request *r)
{
	switch (r->reply.status) {
	case 0:
		return r->err.code == EX_TEMPFAIL ||
		    r->err.code == EX_UNAVAILABLE;
	case 400:
	case 404:
	case 408:
	case 416:
	case 429:
		return true;
	default:
		return r->reply.status >= 500;
	}
}

/* Another try; -1: there have been enough, and it is given up. */
static int
count_try(struct upload *u)
{
	if (may_try(&u->r) && ++u->tries < HTTP_TRIES)
		return 0;
	request_error(&u->r, &u->err);
	/* It is a session that is not there, nothing that the user names. */
	if (u->r.reply.status == 404)
		u->err.code = EX_UNAVAILABLE;
	give_up(u);
	return -1;
}

static void
begin(struct upload *u, enum upload_step step, const char *method, char *url,
    int wait_ms)
{
	request_begin(&u->r, method, url);
	u->r.tries_max = 1;
	u->r.wait_ms = wait_ms;
	u->step = step;
}

/* How long to wait before what follows `r` that failed. */
static int
wait_after(const struct upload *u, const struct request *r)
{
	int ms = http_fault_wait_ms(u->tries), asked;

	asked = http_reply_wait_ms(&r->reply);
	return asked > ms ? asked : ms;
}

/* Where the session goes on, which any answer may say.  -1: it is given up. */
static int
take_session(struct upload *u)
{
	const char *location = u->r.reply.location;
	char *url;

	if (location == NULL && u->session != NULL)
		return 0;
	if (location == NULL) {
		error_set(&u->err, EX_UNAVAILABLE,
		    "%s/%s: begins an upload and says not where", u->http->host,
		    u->http->name);
		give_up(u);
		return -1;
	}
	if (http_url_join(&url, u->r.at != NULL ? u->r.at : u->r.url, location,
		&u->err) == -1) {
		error_wrap(&u->err, "%s/%s", u->http->host, u->http->name);
		give_up(u);
		return -1;
	}
	free(u->session);
	u->session = url;
	return 0;
}

/* The file's bytes that are not there yet, up to `len`. */
static void
set_body(struct upload *u, uint64_t len)
{
	request_header(&u->r, "Content-Type: application/octet-stream");
	u->r.body_fd = u->fd;
	u->r.body_off = u->acked;
	u->r.body_len = len;
}

/* What the session has is gone. */
static void
start_over(struct upload *u)
{
	free(u->session);
	u->session = NULL;
	u->acked = 0;
}

static void
reach(struct upload *u, uint64_t bytes)
{
	u->acked = bytes;
	if (bytes > u->furthest &&
	    (bytes - u->furthest >= UPLOAD_STEP_MIN || bytes == u->have)) {
		u->furthest = bytes;
		u->tries = 0;
	}
}

static void
opened(struct upload *u, const struct request *r)
{
	if (r->reply.status != 202) {
		request_error(r, &u->err);
		give_up(u);
		return;
	}
	u->chunk_min = UPLOAD_CHUNK_MIN;
	if (r->reply.chunk_min > u->chunk_min)
		u->chunk_min = r->reply.chunk_min;
	take_session(u);
}

static void
open_session(struct upload *u)
{
	begin(u, UPLOAD_OPEN, "POST",
	    http_url(u->http, "%s/blobs/uploads/", u->http->name),
	    u->tries == 0 ? 0 : http_fault_wait_ms(u->tries));
	u->r.tries_max = HTTP_TRIES;
	request_go(&u->r);
}

/* What it says it has, of what it can have. */
static void
asked(struct upload *u, const struct request *r)
{
	uint64_t most = u->acked + u->chunk;

	if (r->reply.status == 0) {
		if (count_try(u) == 0)
			start_over(u);
		return;
	}
	if (!is_good(r) || !r->reply.has_offset || r->reply.offset == 0 ||
	    r->reply.offset > most) {
		start_over(u);
		return;
	}
	reach(u, r->reply.offset);
	take_session(u);
}

static void
ask(struct upload *u, int wait_ms)
{
	char *url = strdup(u->session);

	begin(u, UPLOAD_ASK, "GET", url, wait_ms);
	u->r.tries_max = HTTP_TRIES;
	request_go(&u->r);
}

static void
chunk_sent(struct upload *u, const struct request *r)
{
	uint64_t most = u->acked + u->chunk;

	hook_step("courier-chunk");
	if (!is_good(r)) {
		if (count_try(u) == 0)
			ask(u, wait_after(u, r));
		return;
	}
	if (take_session(u) == -1)
		return;
	if (r->reply.has_offset && r->reply.offset != most) {
		/* It has less than was sent, and says that all is well. */
		if (r->reply.offset > most || r->reply.offset <= u->acked ||
		    ++u->tries >= HTTP_TRIES) {
			error_set(&u->err, EX_UNAVAILABLE,
			    "%s/%s: has %" PRIu64
			    " bytes of an upload, of %" PRIu64 " that it took",
			    u->http->host, u->http->name, r->reply.offset,
			    most);
			give_up(u);
			return;
		}
		most = r->reply.offset;
	}
	reach(u, most);
}

static void
send_chunk(struct upload *u, uint64_t left)
{
	char *url = strdup(u->session);

	u->chunk = left < UPLOAD_CHUNK_MAX ? left : UPLOAD_CHUNK_MAX;
	if (u->chunk < u->chunk_min && u->chunk < left)
		u->chunk = u->chunk_min < left ? u->chunk_min : left;
	begin(u, UPLOAD_CHUNK, "PATCH", url, 0);
	request_header(&u->r, "Content-Range: %" PRIu64 "-%" PRIu64, u->acked,
	    u->acked + u->chunk - 1);
	set_body(u, u->chunk);
	request_go(&u->r);
}

/* The blob is there: what ended without a word was done. */
static void
looked(struct upload *u, const struct request *r)
{

	if (r->reply.status == 206 && r->reply.has_content_range &&
	    r->reply.total == u->blob.bytes && r->len == 1)
		tell(u, NULL);
	else
		start_over(u);
}

static void
look(struct upload *u, int wait_ms)
{
	char digest[DIGEST_TEXT_MAX];

	digest_text(digest, &u->blob.digest);
	begin(u, UPLOAD_LOOK, "GET",
	    http_url(u->http, "%s/blobs/%s", u->http->name, digest), wait_ms);
	request_header(&u->r, "Range: bytes=%" PRIu64 "-%" PRIu64,
	    u->blob.bytes - 1, u->blob.bytes - 1);
	u->r.buf = &u->byte;
	u->r.cap = 1;
	request_go(&u->r);
}

static void
closed(struct upload *u, const struct request *r)
{

	hook_step("courier-closed");
	if (!is_good(r)) {
		if (count_try(u) == 0)
			look(u, wait_after(u, r));
	} else if (r->reply.has_digest &&
	    !digest_equal(&r->reply.digest, &u->blob.digest)) {
		error_set(&u->err, EX_UNAVAILABLE,
		    "%s/%s: keeps a blob under another digest", u->http->host,
		    u->http->name);
		give_up(u);
	} else {
		tell(u, NULL);
	}
}

/* With what is left, where that is all or nothing. */
static void
close_session(struct upload *u, uint64_t left)
{
	char digest[DIGEST_TEXT_MAX], *url = NULL;
	const char *mark = strchr(u->session, '?') == NULL ? "?" : "&";

	digest_text(digest, &u->blob.digest);
	if (asprintf(&url, "%s%sdigest=%s", u->session, mark, digest) == -1)
		url = NULL;
	begin(u, UPLOAD_CLOSE, "PUT", url, 0);
	u->r.stall_s = HTTP_FINISH_S;
	set_body(u, left);
	request_go(&u->r);
}

/* The next step, if there is one to take. */
static void
advance(struct upload *u)
{
	uint64_t left = u->have - u->acked;

	if (u->step != UPLOAD_NONE || u->err.code != 0)
		return;
	if (u->session == NULL) {
		if (u->is_ended || left >= UPLOAD_CHUNK_MIN)
			open_session(u);
		return;
	}
	if (u->is_ended &&
	    (left == 0 || (u->acked == 0 && left <= UPLOAD_WHOLE_MAX)))
		close_session(u, left);
	else if (u->is_ended || left >= u->chunk_min)
		send_chunk(u, left);
}

static void
answered(struct request *r)
{
	struct upload *u = r->owner;
	enum upload_step step = u->step;

	u->step = UPLOAD_NONE;
	switch (step) {
	case UPLOAD_NONE:
		break;
	case UPLOAD_OPEN:
		opened(u, r);
		break;
	case UPLOAD_CHUNK:
		chunk_sent(u, r);
		break;
	case UPLOAD_ASK:
		asked(u, r);
		break;
	case UPLOAD_CLOSE:
		closed(u, r);
		break;
	case UPLOAD_LOOK:
		looked(u, r);
		break;
	case UPLOAD_CANCEL: /* whatever the registry says */
		tell(u, NULL);
		break;
	}
	advance(u);
}

void
upload_init(struct upload *u, struct http *h, int fd,
    void (*tell_it)(void *arg, const struct error *err), void *arg)
{
	memset(u, 0, sizeof(*u));
	u->http = h;
	u->fd = fd;
	u->tell = tell_it;
	u->arg = arg;
	request_init(&u->r, h, answered, u);
}

int
upload_grown(struct upload *u, uint64_t bytes, struct error *err)
{
	if (bytes > u->have)
		u->have = bytes;
	advance(u);
	if (u->err.code == 0)
		return 0;
	if (err != NULL)
		*err = u->err;
	return -1;
}

void
upload_end(struct upload *u, const struct blob *blob)
{
	u->blob = *blob;
	u->have = blob->bytes;
	u->is_ended = true;
	if (u->err.code != 0)
		give_up(u);
	else
		advance(u);
}

void
upload_cancel(struct upload *u)
{
	char *url;

	if (u->session == NULL) {
		tell(u, NULL);
		return;
	}
	url = strdup(u->session);
	begin(u, UPLOAD_CANCEL, "DELETE", url, 0);
	request_go(&u->r);
}
