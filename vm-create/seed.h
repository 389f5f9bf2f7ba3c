/* SPDX-License-Identifier: ISC */
/* What the guest is to be told by cloud-init, as the options say it. */
#ifndef SEED_H
#define SEED_H

#include "config.h"

/*
 * Reads the files named and hashes the password, into plan->seed.  EX_USAGE
 * names the option, EX_NOINPUT a file that is missing, EX_DATAERR one that is
 * not what it should be.
 */
int seed_read(struct plan *plan, const struct wishes *w, struct error *err);

#endif
