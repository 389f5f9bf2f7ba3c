/* SPDX-License-Identifier: ISC */
/*
 * What the parts of one server share.  One thread serves all: whatever takes
 * long is a tool that runs, for which the request is set aside.
 */
#ifndef WEB_H
#define WEB_H

#include <microhttpd.h>

#include "base/notify.h"
#include "state/root.h"

#include "feed.h"
#include "guard.h"
#include "job.h"
#include "journal.h"
#include "loop.h"
#include "options.h"
#include "token.h"
#include "url.h"

#define WEB_CONNECTIONS_MAX 512 /* and a descriptor or two each */
#define WEB_JOBS_MAX 64
#define WEB_HEAD_MAX (16 * 1024) /* bytes of a request's head, and of a pool */
#define WEB_BODY_MAX (64 * 1024) /* of JSON, or of keys for a console */
#define WEB_STREAMS_MAX 300 /* event streams */

struct console;
struct watch;
struct tickets;

struct web {
	const struct opts *opts;
	const char *root; /* absolute */
	int rootfd;
	struct loop loop;
	struct listen listen;
	struct notify notify;
	struct guard guard;
	struct token token;
	char cookie[24]; /* its name */
	struct jobs jobs;
	struct journal journal;
	struct feed feed;
	struct watch *watch;
	struct console *consoles;
	struct tickets *tickets;
	struct MHD_Daemon *daemon;
	struct loop_fd server; /* its epoll(7) */
	struct request *requests; /* that are set aside */
	struct peer *peers; /* connections that have not shown a token yet */
	struct loop_timer peer_timer;
	struct loop_timer console_timer;
};

/* One request, from its head on until its answer is sent. */
struct request {
	struct web *web;
	struct MHD_Connection *conn;
	const struct route *route;
	struct url url; /* without the base path */
	char *body; /* what came of it, with a NUL */
	size_t body_len;
	bool body_too_long;
	bool is_late; /* an answer has to wait for its body */
	struct MHD_Response *late; /* that does, or NULL */
	unsigned late_status;
	bool is_suspended;
	struct request *next; /* of these */
	bool is_gone; /* the client is */
	struct job *job; /* that is waited for, or streamed from */
	struct loop_fd line; /* the connection's, for its end while suspended */
	void (*close)(struct request *r); /* NULL: nothing of its own */
	void *own; /* what that ends */
};

/* Sets the request aside; and back, which may be called when it is not. */
void web_suspend(struct request *r);

/*
 * What is at the root's path now, to be read; returns owned (root_close).
 * EX_NOPERM: its owner is not that of the one before, as whom opening it might
 * have this process act from then on.
 */
int web_open_root(struct root **out, const struct web *web, struct error *err);

/* What is large may rest for minutes: whoever has it may be slow. */
void web_be_patient(struct request *r);

void web_resume(struct request *r);

/* job->changed() of a request's job. */
void web_job_changed(struct job *job, void *arg);

/* A query argument, decoded, in out[cap]; "" where it is not there.  False: not UTF-8, or too long. */
bool web_query(const struct request *r, const char *key, char *out, size_t cap);

/* What stands in place of the n-th "*" of its route's path, or NULL. */
const char *web_part(const struct request *r, size_t n);

#endif
