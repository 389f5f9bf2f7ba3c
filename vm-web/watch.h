/* SPDX-License-Identifier: ISC */
/*
 * What changes in the root, told to who looks: inotify(7) says which VM or
 * snapshot, its tool says what it is now.  While nobody looks nothing is
 * watched.  What changes no file (a guest that another paused) is not seen.
 *
 * A root that goes is looked for at its path whenever something is asked; another
 * one of its owner that is there then is taken in its place.
 */
#ifndef WATCH_H
#define WATCH_H

#include "web.h"

/* Returned owned (watch_free).  EX_OSERR. */
int watch_new(struct watch **out, struct web *web, struct error *err);
void watch_free(struct watch *w);

/* Somebody looks, or nobody does any more.  EX_OSERR. */
int watch_start(struct watch *w, struct error *err);
void watch_stop(struct watch *w);

/* Whether the root is where it was, and what to watch: else all begins anew. */
void watch_check(struct watch *w);

/* Looks at what a job that has ended was told to change. */
void watch_look(struct watch *w, const struct job *job);

#endif
