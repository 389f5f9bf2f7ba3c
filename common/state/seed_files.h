/* SPDX-License-Identifier: ISC */
/* The files that a user names for a seed; "-" is standard input. */
#ifndef STATE_SEED_FILES_H
#define STATE_SEED_FILES_H

#include "base/error.h"
#include "seed/userdata.h"
#include "state/vm_seed.h"

/*
 * Reads at most `max` bytes of the file into *text, which is the caller's and
 * has a NUL behind it.  Messages begin with `option`.  EX_NOINPUT, EX_NOPERM;
 * EX_DATAERR: more than max.  EX_IOERR.
 */
int seed_files_text(char **text, size_t *len, const char *path, size_t max,
    const char *option, struct error *err);

/* Appends the keys in the file of --ssh-key.  EX_DATAERR, EX_NOINPUT. */
int seed_files_add_keys(struct vm_seed *seed, const char *path,
    struct error *err);

/*
 * Puts the file of --user-data in the place of what is there.  doubt: why
 * cloud-init will ignore it, or "".  EX_DATAERR: it is not UTF-8.
 */
int seed_files_user_data(struct vm_seed *seed, const char *path,
    char doubt[USERDATA_DOUBT_MAX], struct error *err);

#endif
