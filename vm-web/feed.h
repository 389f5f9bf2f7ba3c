/* SPDX-License-Identifier: ISC */
/*
 * Events for every page that looks: each message is kept once, for all, until a
 * ring of them is full.  Who falls behind it is told to begin anew.
 */
#ifndef FEED_H
#define FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FEED_MAX 4096 /* messages */
#define FEED_BYTES_MAX (16u << 20) /* of all of them */

struct feed_message {
	char *text; /* "id: N\nevent: NAME\ndata: …\n\n" */
	size_t len;
};

/* One that listens; it stands in what owns it. */
struct feed_client {
	struct feed_client *next;
	uint64_t seq; /* the message that comes next */
	size_t off; /* bytes of it that are sent */
	bool lost; /* to be told that it missed some */
	bool greeted; /* it has had its first bytes */
	void (*wake)(void *arg); /* there is more */
	void *arg;
};

struct feed {
	struct feed_message ring[FEED_MAX];
	uint64_t first, next; /* of the messages that are kept */
	size_t bytes;
	struct feed_client *clients;
	size_t clients_n;
	char boot[17]; /* which server this is: part of each id */
};

void feed_fini(struct feed *f);

/* A message for all, in one line: it has no newline in it. */
void feed_tell(struct feed *f, const char *event, const char *data, size_t len);

/*
 * From now on it listens; from behind the message `last`, "BOOT-N", or NULL,
 * where that is kept still.
 */
void feed_join(struct feed *f, struct feed_client *c, const char *last);
void feed_part(struct feed *f, struct feed_client *c);

/* Copies what it has to be told into buf[max]: the bytes, 0: nothing. */
size_t feed_read(struct feed *f, struct feed_client *c, char *buf, size_t max);

#endif
