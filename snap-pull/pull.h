/* SPDX-License-Identifier: ISC */
/* A snapshot on its way out of a registry. */
#ifndef PULL_H
#define PULL_H

#include <stdbool.h>

#include "base/error.h"
#include "registry/reader.h"
#include "registry/transport.h"
#include "vmm/intake.h"

#include "fetch.h"
#include "options.h"

struct pull { /* { 0 } is none; pull_fini */
	struct transport from; /* the caller's to open */
	struct intake in; /* the caller's to begin */
	struct reader reader;
	struct fetched got;
};

/*
 * Fetches what is not here, and publishes it.  Where an earlier pull of the same
 * was cut, it goes on from there.  EX_TEMPFAIL: another one is at it.
 */
int pull_run(struct pull *p, const struct opts *o, struct error *err);

/* Whether what has failed left something for the next one. */
bool pull_is_kept(const struct pull *p);

/* Ends what --replace has left to do, and prints the record. */
int pull_report(struct pull *p, const struct opts *o, struct error *err);

void pull_fini(struct pull *p);

#endif
