/* SPDX-License-Identifier: ISC */
/*
 * Whether an ssh server answers.  A connection alone proves nothing: the
 * network of a user-mode NIC takes every one at once, and asks the guest
 * afterwards.  What counts is the server's first line.
 */
#ifndef VMM_ANSWER_H
#define VMM_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/host/route.h"

#define ANSWER_TRIES 6 /* at a time; sshd(8) turns some of ten away */
#define ANSWER_BYTES_MAX 4096 /* of lines before the one that counts */

/* One connection under way. */
struct answer_try {
	int fd; /* -1: none */
	char text[ANSWER_BYTES_MAX];
	size_t len;
};

struct answer {
	struct answer_try tries[ANSWER_TRIES];
	unsigned made; /* since answer_init() */
	int sys; /* errno of the one that failed last, or 0 */
};

enum answer_seen {
	ANSWER_NOTHING, /* nobody has said anything */
	ANSWER_REFUSED, /* one was closed: nobody listens, or no ssh server */
	ANSWER_SERVER
};

void answer_init(struct answer *a);

/* Ends all that is under way. */
void answer_fini(struct answer *a);

/*
 * Begins one more.  A server may need seconds for its line, and a connection
 * that was made before there was one may never get any: so some are kept for
 * long while new ones are made.
 * False: it was refused at once, and errno is in a->sys.
 */
bool answer_try(struct answer *a, const struct route *route);

/* Looks at all until one is answered, until `until_ms` (base/clock) or a signal. */
enum answer_seen answer_look(struct answer *a, int64_t until_ms);

#endif
