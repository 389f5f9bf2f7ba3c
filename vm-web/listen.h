/* SPDX-License-Identifier: ISC */
/* The socket that clients come to. */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define LISTEN_HOST_MAX 64 /* bytes, with the NUL: an address in digits */
#define LISTEN_PATH_MAX 108 /* the same of a Unix socket: unix(7) */

struct listen {
	int fd; /* -1: none; listens, does not block */
	char host[LISTEN_HOST_MAX]; /* the address, in [] where it is IPv6 */
	uint16_t port; /* 0: a Unix socket */
	char path[LISTEN_PATH_MAX]; /* of that, or "" */
	bool is_ours; /* the path: removed by listen_close() */
};

/* What listen_close() ignores. */
#define LISTEN_NONE ((struct listen){ .fd = -1 })

/*
 * The socket that a supervisor has opened, as sd_listen_fds(3) describes it; with
 * none *out is as it was, and that is no error.  What says so is taken out of the
 * environment.  EX_USAGE: several, or one that is neither TCP nor a path, or that
 * others reach and not `tls`.
 */
int listen_given(struct listen *out, bool tls, struct error *err);

/*
 * Listens at `text`, "ADDRESS:PORT" or "[ADDRESS]:PORT" in digits, or localhost;
 * port 0 takes a free one.  EX_USAGE: no such address; another than this host's
 * own, and not `tls`.  EX_CANTCREAT: taken.
 */
int listen_tcp(struct listen *out, const char *text, bool tls,
    struct error *err);

/*
 * Listens at a Unix socket (0600).  One that nobody listens at any more is
 * replaced.  EX_CANTCREAT: taken.  EX_USAGE: too long.
 */
int listen_unix(struct listen *out, const char *path, struct error *err);

void listen_close(struct listen *l);

#endif
