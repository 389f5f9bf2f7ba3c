/* SPDX-License-Identifier: ISC */
/*
 * A VMM's Unix socket as its client sees it: bytes that came, and a deadline on
 * every wait, which base/sig's signals end, too.
 */
#ifndef VMM_WIRE_H
#define VMM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct wire {
	int fd; /* owned; -1: none */
	char *buf; /* what came and was not used yet */
	size_t len, cap;
};

/*
 * Connects to the socket `name` in the directory `dirfd`; *w is zeroed, its fd
 * -1.  Waits in the queue of who is slow to accept, for others may stand in it;
 * where `is_coming`, also until somebody listens there at all.  With a deadline
 * that is over it tries once.  EX_UNAVAILABLE: nobody listens.  EX_TEMPFAIL:
 * the queue is full.  EX_NOPERM: it is not ours to ask.
 */
int wire_dial(struct wire *w, int dirfd, const char *name, bool is_coming,
    int64_t deadline_ms, struct error *err);

/* Ends the connection, for a process that was forked with it, too. */
void wire_end(struct wire *w);

/* Closes our end of it, and frees the buffer. */
void wire_fini(struct wire *w);

/*
 * Waits for more bytes, and puts them behind those in the buffer, whose size is
 * kept to `max`.  1: there are more; 0: the connection was closed.  EX_TEMPFAIL:
 * out of time.  EX_UNAVAILABLE: the buffer is full.
 */
int wire_fill(struct wire *w, size_t max, int64_t deadline_ms,
    struct error *err);

/* Takes the first `n` bytes out of the buffer. */
void wire_use(struct wire *w, size_t n);

/*
 * Sends all of the bytes, the descriptor `fd` (or -1) with the first of them.
 * 1: they are under way; 0: the connection was closed.  EX_TEMPFAIL: out of
 * time.
 */
int wire_send(struct wire *w, const char *bytes, size_t len, int fd,
    int64_t deadline_ms, struct error *err);

#endif
