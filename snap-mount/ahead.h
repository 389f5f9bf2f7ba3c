/* SPDX-License-Identifier: ISC */
/*
 * What is fetched before it is read: what lies around what a read waits for,
 * what comes next in a file that is read from one end to the other, what earlier
 * mounts read first, in their order, and then all the rest.
 */
#ifndef AHEAD_H
#define AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define AHEAD_FOLLOW_GROUPS 8u /* of 512 KiB, from where a reader is */
#define AHEAD_PAUSE_MS 5000 /* after a failure */
#define AHEAD_AROUND_MIN (128u << 10) /* bytes of a pack around a read */
#define AHEAD_AROUND_MAX (4u << 20)
#define AHEAD_AROUNDS 8u /* reads that are not looked after yet */
#define AHEAD_QUIET_MS 500 /* without such a read the rest is hurried */

struct mount;

enum ahead_source { AHEAD_FOLLOW, AHEAD_ORDER, AHEAD_REST, AHEAD_SOURCES };

struct ahead_block { /* bytes of a pack */
	uint16_t part;
	uint64_t off, end;
};

struct ahead_item { /* pages of one group */
	bool is_set;
	uint32_t file, number;
	unsigned page,
	    last; /* of the group; from `page` on not looked at yet */
	unsigned leaf_asked; /* times */
};

struct ahead { /* ahead_init() */
	struct ahead_item item[AHEAD_SOURCES];
	struct ahead_block around[AHEAD_AROUNDS]; /* a ring */
	unsigned around_first, around_n;
	uint32_t around_bytes; /* of one: more where they are of use */
	uint64_t got_bytes; /* asked for around reads */
	int64_t missed_ms; /* when a read last waited; 0: none has */
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

/* A read waits for what is there in a pack, and is not here. */
void ahead_around(struct mount *m, uint16_t part, uint64_t off, int64_t now_ms);

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
