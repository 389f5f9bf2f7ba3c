/* SPDX-License-Identifier: ISC */
#include "registry/http_serve.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "registry/artifact.h"
#include "registry/http_auth.h"
#include "registry/http_client.h"
#include "registry/http_stream.h"
#include "registry/http_upload.h"
#include "registry/http_url.h"
#include "registry/http_warm.h"

#define RUN_MS 1000 /* then signals are looked for */

/*
 * What names and certificates are found by: the C library's files, what may
 * stand behind /etc/resolv.conf, and where OpenSSL's are.
 */
static const char *const readable[] = { "/dev/null", "/dev/random",
	"/dev/urandom", "/etc", "/gnu/store", "/lib", "/lib32", "/lib64",
	"/nix/store", "/run/NetworkManager", "/run/connman", "/run/nscd",
	"/run/resolvconf", "/run/systemd/resolve", "/usr",
	"/var/run/NetworkManager" };

#define READABLE_N (sizeof(readable) / sizeof(readable[0]))

/* What tags, digests and names of repositories have. */
#define TEXT                                                                   \
	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._:/"

struct server {
	struct http http;
	struct http_auth auth;
	const struct courier_share *share;
	int wire;
	struct job range[ERRAND_SLOTS_MAX], other;
	struct streams streams;
	struct warm warm;
	struct upload upload[ERRAND_UPLOADS];
	struct errand asked[ERRAND_UPLOADS]; /* of each upload, the last */
	bool is_over; /* nobody listens */
};

static void
answer(void *arg, const struct errand_answer *a)
{
	struct server *s = arg;

	/* There is room for an answer to all that can be asked at once. */
	if (send(s->wire, a, sizeof(*a), MSG_NOSIGNAL) != (ssize_t)sizeof(*a))
		s->is_over = true;
}

static void
answer_upload(struct server *s, unsigned number, const struct error *err)
{
	struct errand_answer a;

	memset(&a, 0, sizeof(a));
	a.kind = s->asked[number].kind;
	a.number = number;
	if (err != NULL)
		a.err = *err;
	answer(s, &a);
}

/* Which of the uploads it is stands in its place in the server. */
struct upload_place {
	struct server *server;
	unsigned number;
};

static void
upload_told(void *arg, const struct error *err)
{
	const struct upload_place *place = arg;

	answer_upload(place->server, place->number, err);
}

static void
go_on_upload(struct server *s, const struct errand *e)
{
	struct upload *u = &s->upload[e->number];
	struct error err = { 0 };

	s->asked[e->number] = *e;
	switch (e->kind) {
	case ERRAND_GROWN:
		if (upload_grown(u, e->len, &err) == -1)
			answer_upload(s, e->number, &err);
		else
			answer_upload(s, e->number, NULL);
		break;
	case ERRAND_END:
		upload_end(u, &e->blob);
		break;
	default:
		upload_cancel(u);
		break;
	}
}

static void
go(struct server *s, const struct errand *e)
{
	switch (e->kind) {
	case ERRAND_RANGE:
		if (!streams_take(&s->streams, &s->range[e->number], e))
			job_start(&s->range[e->number], e);
		break;
	case ERRAND_GROWN:
	case ERRAND_END:
	case ERRAND_CANCEL:
		go_on_upload(s, e);
		break;
	default:
		job_start(&s->other, e);
		break;
	}
}

/*
 * Who reads a registry's bytes may be led by them: what he says is bounded here,
 * where the logins are.
 */
static bool
is_errand(const struct server *s, const struct errand *e)
{
	if (memchr(e->text, '\0', sizeof(e->text)) == NULL ||
	    e->text[strspn(e->text, TEXT)] != '\0')
		return false;
	switch (e->kind) {
	case ERRAND_RANGE:
		return e->number < s->share->slots_n &&
		    !s->range[e->number].is_busy && e->len > 0 &&
		    e->len <= ERRAND_SLOT_BYTES &&
		    num_in_range(e->off, e->len, e->blob.bytes) &&
		    e->more <= e->blob.bytes - e->off - e->len;
	case ERRAND_GROWN:
	case ERRAND_END:
	case ERRAND_CANCEL:
		return e->number < ERRAND_UPLOADS &&
		    s->share->spool[e->number] != -1;
	case ERRAND_HAS:
	case ERRAND_MOUNT:
		return !s->other.is_busy && e->blob.bytes > 0;
	case ERRAND_PING:
	case ERRAND_GET_MANIFEST:
	case ERRAND_PUT_MANIFEST:
		return !s->other.is_busy && e->len <= ARTIFACT_MANIFEST_MAX;
	default:
		return false;
	}
}

/* Takes all errands that have come; one that is none ends it. */
static void
listen_to(struct server *s)
{
	struct errand e;
	ssize_t n;

	while (!s->is_over) {
		n = recv(s->wire, &e, sizeof(e), MSG_DONTWAIT);
		if (n == (ssize_t)sizeof(e) && is_errand(s, &e))
			go(s, &e);
		else if (n == -1 && errno == EINTR)
			continue;
		else if (n == -1 && errno == EAGAIN)
			return;
		else
			s->is_over = true;
	}
}

static bool
take_unranged(void *arg, struct job *job)
{
	return warm_take(arg, job);
}

static void
init_range(struct job *job, struct server *s)
{
	job_init(job, &s->http, s->share, answer, s);
	job->unranged = take_unranged;
	job->unranged_arg = &s->warm;
}

static void
init(struct server *s, struct upload_place *places)
{
	unsigned i;

	for (i = 0; i < ERRAND_SLOTS_MAX; i++)
		init_range(&s->range[i], s);
	job_init(&s->other, &s->http, s->share, answer, s);
	warm_init(&s->warm, &s->http);
	streams_init(&s->streams, &s->http);
	for (i = 0; i < ERRAND_UPLOADS; i++) {
		places[i] = (struct upload_place){ s, i };
		upload_init(&s->upload[i], &s->http, s->share->spool[i],
		    upload_told, &places[i]);
	}
}

/* Nothing is written from here on, and only this is read. */
static int
enclose(struct error *err)
{
	struct sandbox sandbox = { .may_connect = true };
	int fds[READABLE_N], rc;
	size_t i, n = 0;

	for (i = 0; i < READABLE_N; i++) {
		fds[n] = open(readable[i], O_PATH | O_CLOEXEC);
		if (fds[n] != -1)
			n++;
	}
	sandbox.read_dirfds = fds;
	sandbox.read_n = n;
	rc = sandbox_enter_as(&sandbox, err);
	for (i = 0; i < n; i++)
		fd_drop(&fds[i]);
	return rc;
}

/* Nothing can be done: the first errand is told why. */
static void
refuse(struct server *s, const struct error *err)
{
	struct errand_answer a;
	struct errand e;

	if (recv(s->wire, &e, sizeof(e), 0) != (ssize_t)sizeof(e))
		return;
	memset(&a, 0, sizeof(a));
	a.kind = e.kind;
	a.number = e.number;
	a.err = *err;
	answer(s, &a);
}

/* Learns who we are, which may run programs, and gives up what is not needed. */
static int
prepare(struct server *s, const struct http_site *site, struct error *err)
{
	if (http_init(&s->http, err) == -1)
		return -1;
	http_auth_init(&s->auth, &s->http, site->is_push);
	return enclose(err);
}

void
http_serve(void *arg, const struct courier_share *share, int wire)
{
	const struct http_site *site = arg;
	struct upload_place places[ERRAND_UPLOADS];
	struct error err = { 0 };
	struct server s;

	memset(&s, 0, sizeof(s));
	s.share = share;
	s.wire = wire;
	s.http.host = site->ref->place;
	s.http.name = site->ref->name;
	s.http.plain = site->plain_http;
	s.http.ca = site->ca;
	s.http.ca_len = site->ca_len;
	if (prepare(&s, site, &err) == -1) {
		refuse(&s, &err);
		return;
	}
	init(&s, places);
	s.other.may_be_plain = site->ca == NULL &&
	    http_host_is_loopback(site->ref->place);
	/* All of it goes with the process, which waits for nothing then. */
	while (!s.is_over && sig_check(NULL) == 0) {
		if (http_run(&s.http, wire, RUN_MS, &err) == -1)
			break;
		listen_to(&s);
	}
}
