/* SPDX-License-Identifier: ISC */
/*
 * Caches that stand before a registry: until one has a blob itself it answers a
 * range with all of the blob (distribution's proxy mode does), and by ranges from
 * then on.  All of it is fetched once and thrown away; then the cache is asked for
 * a byte until it has put away what it has sent, which lasts about as long as
 * that did, and who waited asks again.  In the courier alone.
 */
#ifndef REGISTRY_HTTP_WARM_H
#define REGISTRY_HTTP_WARM_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/errand.h"
#include "registry/http_client.h"

#define WARM_BLOBS 64 /* that are known; of a snapshot there are few */

struct warm { /* warm_init; it ends with its process */
	struct request r;
	struct blob blob; /* that comes */
	bool is_open;
	int64_t begun_ms; /* when it was asked for */
	int64_t until_ms; /* it may be put away; when all of it has come */
	int nap_ms; /* before the next question */
	char byte;
	struct job
	    *queue[ERRAND_SLOTS_MAX]; /* that wait, for this or another */
	unsigned n;
	struct digest known[WARM_BLOBS]; /* that have come, a ring */
	unsigned known_n;
};

void warm_init(struct warm *w, struct http *h);

/*
 * The job's range, of a blob of more than HTTP_WHOLE_MAX, was answered by a 200:
 * it waits until the blob has come.  False: that was so before, and no help.
 */
bool warm_take(struct warm *w, struct job *job);

#endif
