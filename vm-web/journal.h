/* SPDX-License-Identifier: ISC */
/* What was done from here: the last commands, as a shell would have them. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdint.h>

#include "feed.h"
#include "job.h"

#define JOURNAL_MAX 256 /* commands */
#define JOURNAL_TEXT_MAX 8192 /* bytes of output that are kept of each */

struct journal {
	char *line[JOURNAL_MAX]; /* JSON; a ring */
	uint64_t n; /* ever */
	struct feed *feed;
};

void journal_fini(struct journal *j);

/* Notes one that has ended, and tells the feed: an event `did`. */
void journal_add(struct journal *j, const struct job *job);

/* All as JSON lines, the oldest first; the caller frees it.  NULL: no memory. */
char *journal_text(const struct journal *j);

#endif
