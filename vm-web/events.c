/* SPDX-License-Identifier: ISC */
#include "events.h"

#include <stdlib.h>

#include "reply.h"
#include "watch.h"

#define BLOCK_BYTES 4096

static void
wake(void *arg)
{
	web_resume(arg);
}

static ssize_t
read_events(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct request *r = cls;
	size_t n;

	(void)pos;
	if (r->is_gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = feed_read(&r->web->feed, r->own, buf, max);
	if (n > 0)
		return (ssize_t)n;
	web_suspend(r);
	return 0;
}

static void
leave(struct request *r)
{
	feed_part(&r->web->feed, r->own);
	free(r->own);
	r->own = NULL;
	if (r->web->feed.clients == NULL)
		watch_stop(r->web->watch);
}

enum MHD_Result
events_run(struct request *r)
{
	struct error err = { 0 };
	struct MHD_Response *response;
	struct feed_client *c;

	if (r->web->feed.clients_n >= WEB_STREAMS_MAX)
		return reply_error(r, 503, "too many look already");
	watch_check(r->web->watch);
	if (watch_start(r->web->watch, &err) == -1)
		return reply_failure(r, &err);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return MHD_NO;
	c->wake = wake;
	c->arg = r;
	feed_join(&r->web->feed, c,
	    MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND,
		"Last-Event-ID"));
	r->own = c;
	r->close = leave;
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
	    BLOCK_BYTES, read_events, r, NULL);
	if (response != NULL)
		MHD_add_response_header(response, "X-Accel-Buffering", "no");
	return reply_send(r, 200, "text/event-stream", response);
}
