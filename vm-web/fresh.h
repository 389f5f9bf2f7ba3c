/* SPDX-License-Identifier: ISC */
/*
 * Records of what has changed, asked of vm-ls or snap-ls, many at a time and
 * one tool at a time, and told as events `vm` and `snap`; and the processes of
 * VMs that run, whose end no file tells.
 */
#ifndef FRESH_H
#define FRESH_H

#include "web.h"

struct fresh;

/* `ended` is told of a VM whose process has; returned owned (fresh_free). */
int fresh_new(struct fresh **out, struct web *web, bool is_vm,
    void (*ended)(void *arg, const char *id), void *arg, struct error *err);
void fresh_free(struct fresh *f);

void fresh_mark(struct fresh *f, const char *id);

/* Asks for those that are marked, now or once the one that runs has ended. */
void fresh_ask(struct fresh *f);

/* Finds the processes of all VMs that run. */
void fresh_scan(struct fresh *f);

/* Forgets marks and processes. */
void fresh_stop(struct fresh *f);

#endif
