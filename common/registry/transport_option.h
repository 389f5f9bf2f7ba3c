/* SPDX-License-Identifier: ISC */
/* How a registry is reached, as the options -j, --plain-http and --cacert say. */
#ifndef REGISTRY_TRANSPORT_OPTION_H
#define REGISTRY_TRANSPORT_OPTION_H

#include <getopt.h>
#include <stdbool.h>

#include "registry/transport.h"

/* For the tool's own opt_next() strings, and its long options. */
#define TRANSPORT_SHORT "j:"
#define TRANSPORT_PLAIN_HTTP 241
#define TRANSPORT_CACERT 242
#define TRANSPORT_LONG                                                         \
	{ "jobs", required_argument, NULL, 'j' },                              \
	    { "plain-http", no_argument, NULL, TRANSPORT_PLAIN_HTTP },         \
	{                                                                      \
		"cacert", required_argument, NULL, TRANSPORT_CACERT            \
	}

/* Whether what opt_next() returned is one of these. */
bool transport_takes(int ch);

/*
 * Takes one of them: 0, or -1, a usage error of which one line has told.  The
 * file's name is borrowed.
 */
int transport_option(struct transport_how *how, int ch, const char *value);

/* What they are together, likewise. */
int transport_check(const struct transport_how *how);

#endif
