/* SPDX-License-Identifier: ISC */
/*
 * The process of a tool that talks to a registry.  It is made before the tool
 * encloses itself, so that who reads a registry's bytes has no socket and no
 * password, and who has these reads only HTTP.  It ends with the tool.
 *
 *	tool --- errand ----> courier ---- https ----> registry
 *	  <---- answer -----     |
 *	  <---- slots (shared memory) -- bytes of blobs, a manifest
 *	  ----- files without a name --> bytes of what is put
 *
 * What is put goes through a file, for a session of an upload may end with its
 * connection, and then everything is sent anew: 512 MiB are not kept in memory.
 */
#ifndef REGISTRY_COURIER_H
#define REGISTRY_COURIER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "registry/errand.h"

struct courier; /* opaque */

/* What both sides have. */
struct courier_share {
	unsigned char *slots; /* slots_n of ERRAND_SLOT_BYTES */
	size_t slots_n;
	unsigned char *manifest; /* of ARTIFACT_MANIFEST_MAX bytes */
	int spool[ERRAND_UPLOADS]; /* files; -1: nothing is put */
};

struct courier_how {
	const char *what; /* whom it talks to, for messages */
	size_t slots_n; /* up to ERRAND_SLOTS_MAX */
	bool puts; /* something will be put */
	/*
	 * Run in the process, which has but `wire`, stderr and what is shared,
	 * until the other end of `wire` is closed.
	 */
	void (*serve)(void *arg, const struct courier_share *share, int wire);
	void *arg;
};

/*
 * Starts it; *out is the caller's (courier_end).  To be called while there is no
 * other thread.  EX_OSERR.  EX_IOERR: no room in $TMPDIR, or /var/tmp.
 */
int courier_start(struct courier **out, const struct courier_how *how,
    struct error *err);

/* Ends it; NULL is none. */
void courier_end(struct courier *c);

const struct courier_share *courier_share(const struct courier *c);

/*
 * Sends an errand; receives the next answer.  EX_OSERR: the courier has ended.  A
 * signal ends the waiting with its code.
 */
int courier_send(struct courier *c, const struct errand *errand,
    struct error *err);
int courier_receive(struct courier *c, struct errand_answer *answer,
    struct error *err);

#endif
