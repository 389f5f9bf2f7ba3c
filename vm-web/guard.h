/* SPDX-License-Identifier: ISC */
/*
 * Who is let in, by what a request's head says: the host that it was sent to
 * (another site's name that leads here is none), the page that sent it, and how
 * many there were of late.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strv.h"

#include "listen.h"

struct guard_rate { /* a bucket that fills up again */
	unsigned left, max, per_second;
	int64_t at_ms; /* base/clock, when it was filled up last */
};

struct guard {
	const struct listen *listen; /* borrowed, as the next */
	const struct strv *origins;
	struct guard_rate unknown,
	    actions; /* no token; what changes anything */
};

void guard_init(struct guard *g, const struct listen *listen,
    const struct strv *origins);

/* Whether one more may be now. */
bool guard_take(struct guard_rate *rate);

/*
 * Whether `host`, the header, names us: this host's own names and addresses,
 * with any port (a tunnel has one of its own), the address that was given, or
 * an origin's.  NULL: not given, which is wrong.
 */
bool guard_host(const struct guard *g, const char *host);

/*
 * Whether a request with these headers, NULL: not given, comes from a page of
 * ours or from none.
 */
bool guard_origin(const struct guard *g, const char *origin, const char *host,
    const char *fetch_site);

#endif
