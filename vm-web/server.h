/* SPDX-License-Identifier: ISC */
/*
 * HTTP, by libmicrohttpd: it parses, answers and speaks TLS, and leaves the
 * loop, the one thread and the descriptors to us.  libwebsockets would bring a
 * loop of its own and a protocol that nothing here needs: events go one way,
 * keys come a few bytes at a time.
 */
#ifndef SERVER_H
#define SERVER_H

#include "web.h"

/* Takes requests at web->listen, whose descriptor it takes.  EX_OSERR; EX_DATAERR: --cert or --key. */
int server_start(struct web *web, struct error *err);
void server_stop(struct web *web);

#endif
