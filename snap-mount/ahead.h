/* SPDX-License-Identifier: ISC */
/*
 * What is fetched before it is read: what comes next in a file that is read from
 * one end to the other, what earlier mounts read first, in their order, and
 * then all the rest.
 */
#ifndef AHEAD_H
#define AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define AHEAD_FOLLOW_GROUPS 5u /* of 512 KiB, from where a reader is */
#define AHEAD_PAUSE_MS 5000 /* after a failure */

struct mount;

enum ahead_source { AHEAD_FOLLOW, AHEAD_ORDER, AHEAD_REST, AHEAD_SOURCES };

struct ahead_item { /* pages of one group */
	bool is_set;
	uint32_t file, number;
	unsigned page,
	    last; /* of the group; from `page` on not looked at yet */
	unsigned leaf_asked; /* times */
};

struct ahead { /* ahead_init() */
	struct ahead_item item[AHEAD_SOURCES];
	uint32_t follow_file;
	uint64_t follow_next, follow_end; /* numbers of groups */
	size_t order_at; /* of the order that earlier mounts left */
	uint32_t rest_file;
	size_t rest_group; /* of those that the index lists of that file */
	bool rest_ended; /* or not wanted */
	bool rest_failed; /* some of it did not come: from the start again */
	uint64_t rest_bytes; /* that may still be asked for */
	int64_t not_before_ms;
};

/* `rest`: all the rest, too, as far as the cache holds it. */
void ahead_init(struct ahead *a, bool rest, uint64_t cache_bytes);

/* The file was read up to `off`, from where the last read of it ended. */
void ahead_follow(struct ahead *a, uint32_t file, uint64_t off);

/* Something did not come. */
void ahead_failed(struct ahead *a, int64_t now_ms);

/*
 * Asks for what there is room for.  When there is more to do: now, at some time,
 * or INT64_MAX, once something has come.
 */
int64_t ahead_ask(struct mount *m, int64_t now_ms);

/* Whether all the rest has come. */
bool ahead_has_all(const struct mount *m);

#endif
