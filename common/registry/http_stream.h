/* SPDX-License-Identifier: ISC */
/*
 * Ranges that are asked for one behind the other, by one request: what comes
 * fills slots as they are given, and waits where there is none.  Whatever is
 * odd about it, each range is asked for by itself then.  In the courier alone.
 */
#ifndef REGISTRY_HTTP_STREAM_H
#define REGISTRY_HTTP_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/errand.h"
#include "registry/http_client.h"

#define STREAMS 8 /* on their way at once */

struct stream {
	struct streams *all;
	struct request r;
	bool is_open;
	struct blob blob;
	uint64_t off, end; /* asked for */
	uint64_t next; /* where the next errand begins, if it is of it */
	struct job *queue[ERRAND_SLOTS_MAX]; /* that wait, a ring */
	unsigned first, n;
	size_t filled; /* of the first one's slot */
	size_t again; /* bytes that are taken, and will be told once more */
	bool has_come; /* something of it */
	bool is_paused, is_wrong;
	bool is_whole; /* all of the blob comes, by a 200 */
	uint64_t used; /* when it was last given something */
};

struct streams { /* streams_init; they end with their process */
	struct stream v[STREAMS];
	uint64_t uses;
	bool is_useless; /* this registry does not do it */
};

void streams_init(struct streams *s, struct http *h);

/*
 * Gives the job, which is not busy, a range to go on, if it goes on where a
 * stream is or others will go on behind it; false: it is for job_start().
 */
bool streams_take(struct streams *s, struct job *job,
    const struct errand *errand);

#endif
