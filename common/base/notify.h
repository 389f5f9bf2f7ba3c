/* SPDX-License-Identifier: ISC */
/*
 * What a supervisor is told through the datagram socket that NOTIFY_SOCKET
 * names, as sd_notify(3) describes it: lines NAME=VALUE.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdbool.h>

#include "base/error.h"

struct notify { /* { .fd = -1 }: nobody asks */
	int fd;
};

/*
 * Connects to who asks, and takes NOTIFY_SOCKET out of the environment, for no
 * program that we start is meant.  EX_UNAVAILABLE: nobody listens there, or it is
 * neither a path nor an abstract name ("@").
 */
int notify_open(struct notify *n, struct error *err);

/* Sends the lines, if somebody asks.  EX_UNAVAILABLE: they were not taken. */
int notify_say(const struct notify *n, const char *lines, struct error *err);

/*
 * Waits until all that was said is read, a second at most: for who ends right
 * behind it, and whose service would not be found any more.
 */
void notify_flush(const struct notify *n);

void notify_close(struct notify *n);

#endif
