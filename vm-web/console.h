/* SPDX-License-Identifier: ISC */
/*
 * A VM's console: what it has printed and prints, out of its log, to any
 * number of clients; and keys, through one vm-console for each VM.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "web.h"

/* Returned owned (console_free).  EX_OSERR. */
int console_new(struct console **out, struct web *web, struct error *err);
void console_free(struct console *c);

/* GET …/output: bytes, from the end of the log on, without an end. */
enum MHD_Result console_output(struct request *r);

/*
 * POST …/keys: bytes for the guest; the first takes the console.  Of clients that
 * say who they are, ?by=, one types: the last that sent none.
 */
enum MHD_Result console_keys(struct request *r);

/* POST …/release: gives it back. */
enum MHD_Result console_release(struct request *r);

#endif
