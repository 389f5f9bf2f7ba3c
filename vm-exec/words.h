/* SPDX-License-Identifier: ISC */
/* The words that a guest's agent is to run. */
#ifndef WORDS_H
#define WORDS_H

#include "base/error.h"
#include "base/strv.h"

#include "options.h"

/*
 * Those of the command; with --env or --cwd, which no agent knows, behind a shell
 * of the guest that sees to them and becomes the command.  *out is the
 * caller's (strv_fini).  EX_USAGE: not UTF-8.
 */
int words_make(struct strv *out, const struct opts *o, struct error *err);

#endif
