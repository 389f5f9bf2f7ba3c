/* SPDX-License-Identifier: ISC */
/* The artifact that a push builds on. */
#ifndef PARENT_H
#define PARENT_H

#include "push.h"

#define PARENT_NONE "--parent none builds on nothing"

/*
 * Opens it as p->parent, with all of its parts at the target: what --parent
 * names, else the nearest ancestor that is there, else what the tag leads to.
 * p->parent.from stays NULL where there is none, or a chain that is too long.
 * EX_DATAERR, EX_NOINPUT: it is damaged.
 */
int parent_find(struct push *p, struct error *err);

/* Where what is there is damaged, *err says by `text` how one does without; -1. */
int parent_hint(struct error *err, const char *text);

#endif
