/* SPDX-License-Identifier: ISC */
#include "registry/http_client.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/hook.h"
#include "registry/artifact.h"
#include "registry/http_url.h"

#define LOOK_TRIES 3 /* what has no last byte is not there */

/* What a tag may lead to: what is no snapshot is better told than hidden. */
#define ACCEPT                                                                 \
	"Accept: " ARTIFACT_MANIFEST                                           \
	", application/vnd.oci.image.index.v1+json"                            \
	", application/vnd.docker.distribution.manifest.v2+json"               \
	", application/vnd.docker.distribution.manifest.list.v2+json"

void
job_init(struct job *j, struct http *h, const struct courier_share *share,
    void (*tell)(void *, const struct errand_answer *), void *arg)
{
	memset(j, 0, sizeof(*j));
	j->http = h;
	j->share = share;
	j->tell = tell;
	j->arg = arg;
	request_init(&j->r, h, NULL, j);
}

static void
tell(struct job *j, bool there, uint64_t len, const struct error *err)
{
	struct errand_answer answer;

	memset(&answer, 0, sizeof(answer));
	answer.kind = j->errand.kind;
	answer.number = j->errand.number;
	answer.there = there;
	answer.len = len;
	if (err != NULL)
		answer.err = *err;
	j->is_busy = false;
	j->tell(j->arg, &answer);
}

static void
tell_why(struct job *j, const struct request *r)
{
	struct error err = { 0 };

	request_error(r, &err);
	tell(j, false, 0, &err);
}

static void
tell_refused(struct job *j)
{
	tell_why(j, &j->r);
}

static void
tell_blob(struct job *j, int code, const char *what)
{
	char digest[DIGEST_TEXT_MAX];
	struct error err = { 0 };

	digest_text(digest, &j->errand.blob.digest);
	error_set(&err, code, "%s/%s: blob %s: %s", j->http->host,
	    j->http->name, digest, what);
	tell(j, false, 0, &err);
}

static bool
is_good(const struct request *r)
{
	return r->reply.status >= 200 && r->reply.status < 300;
}

static void
begin(struct job *j, void (*done)(struct request *), const char *method,
    char *url)
{
	j->r.done = done;
	request_begin(&j->r, method, url);
}

/* `len` bytes at `off` of the errand's blob. */
static void
send_range(struct job *j, void (*done)(struct request *), unsigned tries,
    void *buf, uint64_t off, size_t len)
{
	const struct blob *blob = &j->errand.blob;
	char digest[DIGEST_TEXT_MAX];

	digest_text(digest, &blob->digest);
	begin(j, done, "GET",
	    http_url(j->http, "%s/blobs/%s", j->http->name, digest));
	request_header(&j->r, "Range: bytes=%" PRIu64 "-%" PRIu64, off,
	    off + len - 1);
	j->r.tries_max = tries;
	j->r.buf = buf;
	j->r.cap = len;
	if (blob->bytes <= HTTP_WHOLE_MAX) {
		j->r.whole = blob->bytes;
		j->r.skip = off;
	}
	request_go(&j->r);
}

/* Whether the answer is that range, of a blob of that length. */
static bool
is_range(const struct request *r, const struct blob *blob, uint64_t off,
    size_t len)
{
	const struct http_reply *reply = &r->reply;

	if (r->len != len)
		return false;
	if (reply->status == 200)
		return r->got == blob->bytes;
	return reply->status == 206 && reply->has_content_range &&
	    reply->first == off && reply->last == off + len - 1 &&
	    reply->total == blob->bytes;
}

static bool
is_other_length(const struct request *r, const struct blob *blob)
{
	return r->reply.status == 206 && r->reply.has_content_range &&
	    r->reply.total != blob->bytes;
}

void
job_filled(struct job *j)
{
	hook_step("courier-range");
	tell(j, true, j->errand.len, NULL);
}

void
job_refused(struct job *j, const struct request *r)
{
	const struct errand *e = &j->errand;

	hook_step("courier-range");
	if (r->reply.status == 404)
		tell_blob(j, EX_DATAERR, "not there");
	else if (r->reply.status == 416 || r->reply.status == 200 ||
	    is_other_length(r, &e->blob))
		tell_blob(j, EX_DATAERR, "not as long as it should be");
	else if (is_good(r))
		tell_blob(j, EX_UNAVAILABLE, "another range was answered");
	else if (r->is_unranged)
		tell_blob(j, EX_UNAVAILABLE,
		    "all of it is answered where a range is asked for");
	else if (r->is_too_long)
		tell_blob(j, EX_UNAVAILABLE,
		    "more than the range was answered");
	else
		tell_why(j, r);
}

static void
range_done(struct request *r)
{
	struct job *j = r->owner;
	const struct errand *e = &j->errand;

	if (is_range(r, &e->blob, e->off, (size_t)e->len))
		job_filled(j);
	else if (!r->is_unranged || j->unranged == NULL ||
	    !j->unranged(j->unranged_arg, j))
		job_refused(j, r);
}

/*
 * By the last byte: a registry that has forgotten a blob while its cache has not
 * answers HEAD with 200, and a GET with 206 and nothing behind it.
 */
static void
has_done(struct request *r)
{
	struct job *j = r->owner;
	const struct blob *blob = &j->errand.blob;
	long status = r->reply.status;

	if (is_range(r, blob, blob->bytes - 1, 1))
		tell(j, true, 0, NULL);
	else if (is_good(r) || status == 404 || status == 416 || r->is_empty)
		tell(j, false, 0, NULL);
	else
		tell_refused(j);
}

static void
look(struct job *j)
{
	send_range(j, has_done, LOOK_TRIES, &j->byte, j->errand.blob.bytes - 1,
	    1);
}

static void
session_left(struct request *r)
{
	tell(r->owner, false, 0, NULL);
}

/* 201: it is there now, they say; 202: it is for us to send it. */
static void
mount_done(struct request *r)
{
	struct job *j = r->owner;
	char *url = NULL;

	if (r->reply.status == 201) {
		look(j);
	} else if (r->reply.status == 202 && r->reply.location != NULL &&
	    http_url_join(&url, r->url, r->reply.location, NULL) == 0) {
		begin(j, session_left, "DELETE", url);
		j->r.tries_max = 1;
		request_go(&j->r);
	} else {
		tell(j, false, 0, NULL); /* whatever: then it is copied */
	}
}

static void
mount(struct job *j)
{
	char digest[DIGEST_TEXT_MAX];

	digest_text(digest, &j->errand.blob.digest);
	begin(j, mount_done, "POST",
	    http_url(j->http, "%s/blobs/uploads/?mount=%s&from=%s",
		j->http->name, digest, j->errand.text));
	j->r.from = j->errand.text;
	request_go(&j->r);
}

static void
begin_manifest(struct job *j, void (*done)(struct request *))
{
	begin(j, done, "GET",
	    http_url(j->http, "%s/manifests/%s", j->http->name,
		j->errand.text));
	request_header(&j->r, ACCEPT);
	j->r.cap = ARTIFACT_MANIFEST_MAX;
}

/* What came is not what the registry says that it has sent. */
static bool
is_altered(const struct request *r)
{
	struct digest digest;

	sha256_of(digest.raw, r->buf, r->len);
	return r->reply.has_digest && !digest_equal(&digest, &r->reply.digest);
}

static void
manifest_done(struct request *r)
{
	struct job *j = r->owner;
	struct error err = { 0 };
	bool by_digest = strchr(j->errand.text, ':') != NULL;

	if (is_good(r) && is_altered(r)) {
		error_set(&err, EX_DATAERR,
		    "%s/%s: the manifest has not the digest that it came with",
		    j->http->host, j->http->name);
		tell(j, false, 0, &err);
	} else if (is_good(r)) {
		tell(j, true, r->len, NULL);
	} else if (r->reply.status == 404) {
		error_set(&err, EX_NOINPUT, "%s/%s: no manifest has %s %s",
		    j->http->host, j->http->name, by_digest ? "digest" : "tag",
		    j->errand.text);
		tell(j, false, 0, &err);
	} else {
		tell_refused(j);
	}
}

static void
get_manifest(struct job *j)
{
	begin_manifest(j, manifest_done);
	j->r.buf = j->share->manifest;
	request_go(&j->r);
}

/* Only its digest is wanted. */
static void
send_tag(struct job *j, void (*done)(struct request *))
{
	begin_manifest(j, done);
	j->r.hash = &j->hash;
	request_go(&j->r);
}

static void
tag_moved(struct job *j, const char *how)
{
	struct error err = { 0 };

	error_set(&err, EX_TEMPFAIL, "%s/%s: tag %s was %s meanwhile",
	    j->http->host, j->http->name, j->errand.text, how);
	tell(j, false, 0, &err);
}

/* That it was taken is not that it is there, as with blobs. */
static void
manifest_seen(struct request *r)
{
	struct job *j = r->owner;
	struct error err = { 0 };
	struct digest now;

	sha256_final(now.raw, &j->hash);
	if (r->reply.status == 404) {
		error_set(&err, EX_UNAVAILABLE,
		    "%s/%s: took the manifest and has not got it: its cache is "
		    "not what it stores",
		    j->http->host, j->http->name);
		tell(j, false, 0, &err);
	} else if (!is_good(r)) {
		tell_refused(j);
	} else if (!digest_equal(&now, &j->errand.blob.digest)) {
		tag_moved(j, "moved");
	} else {
		tell(j, true, 0, NULL);
	}
}

static void
manifest_put(struct request *r)
{
	struct job *j = r->owner;
	struct error err = { 0 };

	if (!is_good(r)) {
		tell_refused(j);
	} else if (r->reply.has_digest &&
	    !digest_equal(&r->reply.digest, &j->errand.blob.digest)) {
		error_set(&err, EX_UNAVAILABLE,
		    "%s/%s: keeps the manifest under another digest",
		    j->http->host, j->http->name);
		tell(j, false, 0, &err);
	} else {
		send_tag(j, manifest_seen);
	}
}

/* What the tag leads to now is seen; between this and the next others may come. */
static void
tag_seen(struct request *r)
{
	struct job *j = r->owner;
	struct digest now;

	if (!is_good(r) && r->reply.status != 404) {
		tell_refused(j);
		return;
	}
	sha256_final(now.raw, &j->hash);
	if (!is_good(r) && j->errand.has_old) {
		tag_moved(j, "removed");
		return;
	}
	if (is_good(r) &&
	    (!j->errand.has_old || !digest_equal(&now, &j->errand.old))) {
		tag_moved(j, "moved");
		return;
	}
	hook_step("courier-tag");
	begin(j, manifest_put, "PUT",
	    http_url(j->http, "%s/manifests/%s", j->http->name,
		j->errand.text));
	request_header(&j->r, "Content-Type: " ARTIFACT_MANIFEST);
	j->r.body = j->share->manifest;
	j->r.body_len = j->errand.len;
	request_go(&j->r);
}

/* An answer is all that is wanted; who may do what is seen later. */
static void
send_ping(struct job *j, void (*done)(struct request *))
{
	begin(j, done, "GET", http_url(j->http, "%s", ""));
	j->r.is_first = j->r.is_gateless = true;
	request_go(&j->r);
}

static void
pinged(struct request *r)
{
	struct job *j = r->owner;
	struct error err = { 0 };

	if (is_good(r) || r->reply.status == 401 || r->reply.status == 403) {
		tell(j, true, 0, NULL);
		return;
	}
	if (r->is_tls_error && j->may_be_plain) {
		j->may_be_plain = false;
		j->http->plain = true;
		send_ping(j, pinged);
		return;
	}
	request_error(r, &err);
	if (r->reply.status == 404)
		error_set(&err, EX_UNAVAILABLE, "%s: no registry: answered 404",
		    j->http->host);
	else if (r->is_tls_error)
		error_set(&err, EX_UNAVAILABLE,
		    "%s/%s: %s (--plain-http is for one without TLS)",
		    j->http->host, j->http->name, r->err.msg);
	tell(j, false, 0, &err);
}

unsigned char *
job_slot(const struct job *j)
{
	return j->share->slots + (size_t)j->errand.number * ERRAND_SLOT_BYTES;
}

void
job_wait(struct job *j, const struct errand *errand)
{
	assert(!j->is_busy && errand->kind == ERRAND_RANGE);
	j->errand = *errand;
	j->is_busy = true;
}

void
job_go(struct job *j)
{
	send_range(j, range_done, HTTP_TRIES, job_slot(j), j->errand.off,
	    (size_t)j->errand.len);
}

void
job_start(struct job *j, const struct errand *errand)
{
	assert(!j->is_busy && errand->kind < ERRAND_GROWN);
	j->errand = *errand;
	j->is_busy = true;
	switch (errand->kind) {
	case ERRAND_PING:
		send_ping(j, pinged);
		break;
	case ERRAND_RANGE:
		job_go(j);
		break;
	case ERRAND_HAS:
		look(j);
		break;
	case ERRAND_MOUNT:
		mount(j);
		break;
	case ERRAND_GET_MANIFEST:
		get_manifest(j);
		break;
	case ERRAND_PUT_MANIFEST:
		send_tag(j, tag_seen);
		break;
	default: /* those are http_upload's */
		break;
	}
}
