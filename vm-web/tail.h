/* SPDX-License-Identifier: ISC */
/* Logs of consoles that are followed: inotify(7) tells of more. */
#ifndef TAIL_H
#define TAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/id.h"

#include "loop.h"

#define TAIL_BYTES (64 * 1024) /* of the log, that are shown at first */

struct tail {
	struct tail *next;
	struct tails *all;
	char id[ID_LEN + 1]; /* the VM's */
	int fd, wd;
	uint64_t off;
	void (*wake)(void *arg); /* there may be more */
	void *arg;
};

struct tails {
	struct loop *loop;
	int rootfd; /* borrowed */
	struct loop_fd notify; /* fd -1: nobody follows */
	struct tail *first;
};

void tails_init(struct tails *all, struct loop *loop, int rootfd);
void tails_fini(struct tails *all);
bool tails_has(const struct tails *all, const char *id);

/* Returned owned (tail_close).  EX_NOINPUT: it has no log yet.  EX_OSERR. */
int tail_open(struct tail **out, struct tails *all, const char *id,
    void (*wake)(void *arg), void *arg, struct error *err);
void tail_close(struct tails *all, struct tail *tail);

/* What comes next, 0: nothing now, -1: the log is gone. */
ssize_t tail_read(struct tail *tail, char *buf, size_t max);

#endif
