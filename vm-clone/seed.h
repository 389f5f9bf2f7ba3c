/* SPDX-License-Identifier: ISC */
/* What the clones are told by cloud-init, where it is not what was saved. */
#ifndef SEED_H
#define SEED_H

#include "seed/cidata.h"
#include "state/vm_seed.h"

#include "clone.h"

/*
 * What the snapshot's seed was made from, with what the options say; *out is
 * the caller's (vm_seed_fini).  *given: they say something.  A warning is told
 * by diag().  EX_USAGE: a host name that is none; EX_NOINPUT, EX_DATAERR.
 */
int seed_read(struct vm_seed *out, bool *given, const struct clone_how *how,
    int snap_dirfd, struct error *err);

/* With room for a name that a number makes too long. */
#define SEED_HOSTNAME_SIZE (CIDATA_HOSTNAME_MAX + 24)

/*
 * The host name of clone `number`, counted from 1, in out[SEED_HOSTNAME_SIZE];
 * "": none was asked for.
 */
void seed_hostname(char *out, const struct clone_how *how, size_t number);

#endif
