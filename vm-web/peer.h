/* SPDX-License-Identifier: ISC */
/*
 * Connections whose client has shown no token so far: each is cut after a
 * while, however slowly it sends or reads.
 */
#ifndef PEER_H
#define PEER_H

#include "web.h"

#define PEER_UNKNOWN_MS 30000
#define PEER_UNKNOWN_MAX 128 /* of all; then the oldest is cut */

void peer_init(struct web *web);

/* MHD's own call for each connection. */
void peer_notify(void *cls, struct MHD_Connection *conn, void **context,
    enum MHD_ConnectionNotificationCode code);

/* It has shown the token. */
void peer_is_known(struct request *r);

#endif
