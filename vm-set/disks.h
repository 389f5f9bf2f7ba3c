/* SPDX-License-Identifier: ISC */
/* Disks that are added, removed, or become larger. */
#ifndef DISKS_H
#define DISKS_H

#include "change.h"

/* The record's disks as wished; what there is to be done is noted in *c. */
int disks_plan(struct change *c, struct error *err);

/*
 * Makes the new disks in the new directory `dirfd`, and of those that grow with
 * their filesystem a larger copy.  EX_UNAVAILABLE: a program of e2fsprogs is
 * missing or fails.
 */
int disks_make(struct change *c, int dirfd, struct error *err);

/*
 * Makes the others larger, which both directories have: the last thing to do,
 * and nothing that an older record would not put up with.
 */
int disks_stretch(const struct change *c, int dirfd, struct error *err);

/* Takes that back, or warns, where what came after it failed. */
void disks_shrink(const struct change *c, int dirfd);

/* Whether the file is not to be taken over as it is. */
bool disks_is_remade(const struct change *c, const char *name);

#endif
