/* SPDX-License-Identifier: ISC */
/*
 * A registry that is reached by HTTP, as the tool sees it: all that is said to
 * it is a courier's errand.
 */
#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "registry/artifact.h"
#include "registry/courier.h"
#include "registry/http_serve.h"
#include "registry/transport.h"

#define CA_BEGIN "-----BEGIN " /* RFC 7468, section 2 */
#define CA_MAX (4u << 20) /* bytes of certificates: a system's are 0.2 MiB */
#define TELL_BYTES (4u << 20) /* a growing file is told of in such steps */

/* A range that has been asked for, in pieces of a slot each. */
struct asked {
	struct range *range;
	size_t left; /* pieces on their way */
	struct error err; /* of the first that failed */
};

struct slot {
	bool is_busy;
	struct asked *asked; /* NULL: nobody wants it any more */
	size_t at, len; /* of the range's bytes */
};

struct http_remote {
	const struct ref *ref; /* borrowed */
	char *what; /* HOST/NAME */
	struct courier *courier;
	const struct courier_share *share;
	struct slot slots[ERRAND_SLOTS_MAX];
	bool is_put[ERRAND_UPLOADS]; /* which uploads are taken */
	bool is_away; /* it has not answered yet: transport_how */
};

struct http_put {
	struct http_remote *remote;
	unsigned number;
	uint64_t bytes, told;
};

static void
http_close(void *state)
{
	struct http_remote *h = state;

	courier_end(h->courier);
	free(h->what);
	free(h);
}

/* What came of a piece. */
static void
take_piece(struct http_remote *h, const struct errand_answer *a)
{
	struct slot *slot = &h->slots[a->number];
	struct asked *asked = slot->asked;

	slot->is_busy = false;
	if (asked == NULL)
		return;
	if (a->err.code == 0)
		memcpy((unsigned char *)asked->range->buf + slot->at,
		    h->share->slots + (size_t)a->number * ERRAND_SLOT_BYTES,
		    slot->len);
	else if (asked->err.code == 0)
		asked->err = a->err;
	asked->left--;
	slot->asked = NULL;
}

/* The answer to an errand that is no range; those of ranges are taken. */
static int
talk(struct http_remote *h, const struct errand *e, struct errand_answer *a,
    struct error *err)
{
	if (courier_send(h->courier, e, err) == -1)
		return -1;
	for (;;) {
		if (courier_receive(h->courier, a, err) == -1)
			return -1;
		if (a->kind == ERRAND_RANGE)
			take_piece(h, a);
		else if (a->kind == e->kind && a->number == e->number)
			break;
	}
	if (a->err.code == 0)
		return 0;
	if (err != NULL)
		*err = a->err;
	return -1;
}

static int
read_ca(struct http_site *site, const char *file, struct error *err)
{
	uint64_t size;
	int fd, rc;

	if (file == NULL)
		return 0;
	if (fd_open_path(&fd, &size, file, O_RDONLY, err) == -1)
		return -1;
	rc = fd_slurp_open(&site->ca, &site->ca_len, fd, size, CA_MAX, file,
	    err);
	fd_drop(&fd);
	if (rc == 0 && strstr(site->ca, CA_BEGIN) == NULL) {
		free(site->ca);
		site->ca = NULL;
		return error_set(err, EX_DATAERR,
		    "%s: has no certificate in PEM form", file);
	}
	return rc;
}

static int
start(struct http_remote *h, const struct transport_how *how, struct error *err)
{
	struct http_site site = { .ref = h->ref,
		.plain_http = how->plain_http,
		.is_push = how->mode == TRANSPORT_WRITE };
	struct courier_how courier = { .what = h->what,
		.slots_n = how->jobs == 0 ? TRANSPORT_JOBS : how->jobs,
		.puts = how->mode == TRANSPORT_WRITE,
		.serve = http_serve,
		.arg = &site };
	int rc;

	if (read_ca(&site, how->cacert, err) == -1)
		return -1;
	rc = courier_start(&h->courier, &courier, err);
	free(site.ca);
	if (rc == 0)
		h->share = courier_share(h->courier);
	return rc;
}

/* Whether it is there, where it was not. */
static int
reach(struct http_remote *h, struct error *err)
{
	const struct errand ping = { .kind = ERRAND_PING };
	struct errand_answer a;

	if (h->is_away && talk(h, &ping, &a, err) == -1)
		return -1;
	h->is_away = false;
	return 0;
}

static int
look(struct http_remote *h, struct error *away, struct error *err)
{
	struct error why = { 0 };

	h->is_away = true;
	if (reach(h, &why) == 0)
		return 0;
	if (away == NULL ||
	    (why.code != EX_UNAVAILABLE && why.code != EX_TEMPFAIL))
		away = err;
	if (away != NULL)
		*away = why;
	return away == err ? -1 : 0;
}

static int
http_open(void **state, const struct ref *ref, const struct transport_how *how,
    struct error *err)
{
	struct http_remote *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return error_nomem(err, ref->place);
	h->ref = ref;
	if (asprintf(&h->what, "%s/%s", ref->place, ref->name) == -1) {
		h->what = NULL;
		error_nomem(err, ref->place);
	} else if (start(h, how, err) == 0 && look(h, how->away, err) == 0) {
		*state = h;
		return 0;
	}
	http_close(h);
	return -1;
}

/* One more answer of ranges. */
static int
hear(struct http_remote *h, struct error *err)
{
	struct errand_answer a;

	if (courier_receive(h->courier, &a, err) == -1)
		return -1;
	if (a.kind == ERRAND_RANGE)
		take_piece(h, &a);
	return 0;
}

/* A slot that is free, once there is one. */
static int
free_slot(unsigned *out, struct http_remote *h, struct error *err)
{
	unsigned i;

	for (;;) {
		for (i = 0; i < h->share->slots_n; i++)
			if (!h->slots[i].is_busy) {
				*out = i;
				return 0;
			}
		if (hear(h, err) == -1)
			return -1;
	}
}

static int
ask_piece(struct http_remote *h, struct asked *asked, size_t at,
    struct error *err)
{
	const struct range *range = asked->range;
	struct errand e = { .kind = ERRAND_RANGE, .blob = *range->blob };
	struct slot *slot;

	if (free_slot(&e.number, h, err) == -1)
		return -1;
	e.off = range->off + at;
	e.len = range->len - at < ERRAND_SLOT_BYTES ? range->len - at
						    : ERRAND_SLOT_BYTES;
	e.more = range->len - at - e.len + range->more;
	if (courier_send(h->courier, &e, err) == -1)
		return -1;
	slot = &h->slots[e.number];
	slot->is_busy = true;
	slot->asked = asked;
	slot->at = at;
	slot->len = (size_t)e.len;
	asked->left++;
	return 0;
}

/* Its pieces may still come, and go nowhere. */
static void
forget(struct http_remote *h, struct asked *asked)
{
	unsigned i;

	for (i = 0; i < ERRAND_SLOTS_MAX; i++)
		if (h->slots[i].asked == asked)
			h->slots[i].asked = NULL;
	free(asked);
}

static int
http_ask(void *state, struct range *range, struct error *err)
{
	struct asked *asked = calloc(1, sizeof(*asked));
	size_t at;

	if (asked == NULL)
		return error_nomem(err, "range");
	if (reach(state, err) == -1) {
		free(asked);
		return -1;
	}
	asked->range = range;
	for (at = 0; at < range->len; at += ERRAND_SLOT_BYTES)
		if (ask_piece(state, asked, at, err) == -1) {
			forget(state, asked);
			return -1;
		}
	range->state = asked;
	return 0;
}

static int
http_await(void *state, struct range *range, struct error *err)
{
	struct asked *asked = range->state;
	int rc = 0;

	while (rc == 0 && asked->left > 0)
		rc = hear(state, err);
	if (rc == 0 && asked->err.code != 0) {
		if (err != NULL)
			*err = asked->err;
		rc = -1;
	}
	forget(state, asked);
	range->state = NULL;
	return rc;
}

static int
http_fd(const void *state)
{
	return courier_fd(((const struct http_remote *)state)->courier);
}

/* Takes what is there; where the courier has ended, http_await() says so. */
static bool
http_has_come(void *state, const struct range *range)
{
	struct http_remote *h = state;
	const struct asked *asked = range->state;
	struct pollfd pfd = { .fd = courier_fd(h->courier), .events = POLLIN };

	while (asked->left > 0 && poll(&pfd, 1, 0) == 1)
		if (hear(h, NULL) == -1)
			return true;
	/* Of one that has ended nothing comes any more: who waits is told. */
	return asked->left == 0 || courier_fd(h->courier) == -1;
}

static int
http_has(void *state, bool *there, const struct blob *blob, struct error *err)
{
	struct errand e = { .kind = ERRAND_HAS, .blob = *blob };
	struct errand_answer a;

	*there = false;
	if (talk(state, &e, &a, err) == -1)
		return -1;
	*there = a.there;
	return 0;
}

static int
http_mount(void *state, bool *there, const struct blob *blob,
    const struct ref *from, struct error *err)
{
	struct errand e = { .kind = ERRAND_MOUNT, .blob = *blob };
	struct errand_answer a;

	memcpy(e.text, from->name, strlen(from->name) + 1);
	if (talk(state, &e, &a, err) == -1)
		return -1;
	*there = a.there;
	return 0;
}

static int
http_put_begin(void *state, void **out, struct error *err)
{
	struct http_remote *h = state;
	struct http_put *put;
	unsigned i;

	for (i = 0; i < ERRAND_UPLOADS && h->is_put[i]; i++)
		continue;
	assert(i < ERRAND_UPLOADS);
	if (ftruncate(h->share->spool[i], 0) == -1 ||
	    lseek(h->share->spool[i], 0, SEEK_SET) == -1)
		return error_sys(err, EX_IOERR, "%s", h->what);
	put = calloc(1, sizeof(*put));
	if (put == NULL)
		return error_nomem(err, h->what);
	put->remote = h;
	put->number = i;
	h->is_put[i] = true;
	*out = put;
	return 0;
}

static int
talk_of(struct http_put *put, enum errand_kind kind, const struct blob *blob,
    struct error *err)
{
	struct errand e = { .kind = kind,
		.number = put->number,
		.len = put->bytes };
	struct errand_answer a;

	if (blob != NULL)
		e.blob = *blob;
	return talk(put->remote, &e, &a, err);
}

static int
http_put_data(void *state, const void *buf, size_t len, struct error *err)
{
	struct http_put *put = state;

	if (fd_write(put->remote->share->spool[put->number], buf, len,
		"what is to be sent", err) == -1)
		return -1;
	put->bytes += len;
	if (put->bytes - put->told < TELL_BYTES)
		return 0;
	put->told = put->bytes;
	return talk_of(put, ERRAND_GROWN, NULL, err);
}

static int
http_put_end(void *state, const struct blob *blob, struct error *err)
{
	struct http_put *put = state;

	if (talk_of(put, ERRAND_END, blob, err) == -1)
		return -1;
	put->told = 0; /* nothing is left to be cancelled */
	hook_step("http-blob");
	return 0;
}

static void
http_put_free(void *state)
{
	struct http_put *put = state;

	if (put->told > 0)
		(void)talk_of(put, ERRAND_CANCEL, NULL, NULL);
	put->remote->is_put[put->number] = false;
	free(put);
}

static int
http_get_manifest(void *state, char **text, size_t *len, const struct ref *ref,
    struct error *err)
{
	struct errand e = { .kind = ERRAND_GET_MANIFEST };
	struct http_remote *h = state;
	struct errand_answer a;
	char *p;

	if (ref->has_digest)
		digest_text(e.text, &ref->digest);
	else
		memcpy(e.text, ref_tag(ref), strlen(ref_tag(ref)) + 1);
	if (reach(h, err) == -1 || talk(h, &e, &a, err) == -1)
		return -1;
	p = malloc((size_t)a.len + 1);
	if (p == NULL)
		return error_nomem(err, "manifest");
	memcpy(p, h->share->manifest, (size_t)a.len);
	p[a.len] = '\0';
	*text = p;
	*len = (size_t)a.len;
	return 0;
}

static int
http_put_manifest(void *state, const struct ref *ref, const char *text,
    const struct blob *blob, const struct digest *old, struct error *err)
{
	struct errand e = { .kind = ERRAND_PUT_MANIFEST,
		.blob = *blob,
		.len = blob->bytes };
	struct http_remote *h = state;
	struct errand_answer a;

	assert(blob->bytes <= ARTIFACT_MANIFEST_MAX);
	memcpy(h->share->manifest, text, (size_t)blob->bytes);
	memcpy(e.text, ref_tag(ref), strlen(ref_tag(ref)) + 1);
	e.has_old = old != NULL;
	if (old != NULL)
		e.old = *old;
	hook_step("http-blobs");
	return talk(h, &e, &a, err);
}

static int
http_dirfd(const void *state)
{
	(void)state;
	return -1;
}

const struct transport_ops http_ops = {
	.open = http_open,
	.close = http_close,
	.ask = http_ask,
	.await = http_await,
	.fd = http_fd,
	.has_come = http_has_come,
	.has = http_has,
	.mount = http_mount,
	.put_begin = http_put_begin,
	.put_data = http_put_data,
	.put_end = http_put_end,
	.put_free = http_put_free,
	.get_manifest = http_get_manifest,
	.put_manifest = http_put_manifest,
	.dirfd = http_dirfd,
};
