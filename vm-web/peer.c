/* SPDX-License-Identifier: ISC */
#include "peer.h"

#include <sys/socket.h>

#include <stdlib.h>

#include "base/clock.h"

struct peer {
	struct peer *next;
	int fd; /* the connection's, borrowed */
	int64_t since_ms;
	bool known, cut;
};

static void
on_timer(void *arg)
{
	struct web *web = arg;
	struct peer *p;
	int64_t now = clock_ms(), next = 0, end;

	for (p = web->peers; p != NULL; p = p->next) {
		if (p->known || p->cut)
			continue;
		end = p->since_ms + PEER_UNKNOWN_MS;
		if (end <= now) {
			/* The server finds it at its end. */
			shutdown(p->fd, SHUT_RDWR);
			p->cut = true;
		} else if (next == 0 || end < next)
			next = end;
	}
	web->peer_timer.at_ms = next;
}

void
peer_init(struct web *web)
{
	web->peer_timer.ready = on_timer;
	web->peer_timer.arg = web;
	loop_add_timer(&web->loop, &web->peer_timer);
}

/* One more than are borne: strangers must leave room for who is known. */
static void
make_room(struct web *web)
{
	struct peer *p, *oldest = NULL;
	unsigned n = 0;

	for (p = web->peers; p != NULL; p = p->next)
		if (!p->known && !p->cut) {
			n++;
			oldest = p;
		}
	if (n >= PEER_UNKNOWN_MAX) {
		shutdown(oldest->fd, SHUT_RDWR);
		oldest->cut = true;
	}
}

static void
begin(struct web *web, struct MHD_Connection *conn, void **context)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn,
	    MHD_CONNECTION_INFO_CONNECTION_FD);
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL || info == NULL) {
		free(p);
		return;
	}
	make_room(web);
	p->fd = info->connect_fd;
	p->since_ms = clock_ms();
	p->next = web->peers;
	web->peers = p;
	if (web->peer_timer.at_ms == 0)
		web->peer_timer.at_ms = p->since_ms + PEER_UNKNOWN_MS;
	*context = p;
}

void
peer_notify(void *cls, struct MHD_Connection *conn, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	struct web *web = cls;
	struct peer **at;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		begin(web, conn, context);
		return;
	}
	for (at = &web->peers; *at != NULL && *at != *context;)
		at = &(*at)->next;
	if (*at != NULL)
		*at = (*at)->next;
	free(*context);
	*context = NULL;
}

void
peer_is_known(struct request *r)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->conn,
	    MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct peer *p = info == NULL ? NULL : info->socket_context;

	if (p != NULL)
		p->known = true;
}
