/* SPDX-License-Identifier: ISC */
/* What a VM is doing, and the record that tells it. */
#ifndef VMM_STATUS_H
#define VMM_STATUS_H

#include <jansson.h>

#include "base/error.h"
#include "state/vm.h"

enum status {
	STATUS_CREATED,
	STATUS_RUNNING,
	STATUS_PAUSED,
	STATUS_STOPPED,
	STATUS_ERROR
};

const char *status_name(enum status status);

/*
 * Asks the VMM, if it lives.  One that does not answer within VMM_ASK_MS is
 * running: somebody else asks just now, or a save is at work; and so is one
 * that we may not ask.  1, 0 when *status is no more than such a guess just now,
 * -1 when it will never be.  EX_NOPERM.
 */
int status_known(enum status *status, struct vm *vm, int dirfd,
    struct error *err);

/*
 * The record to print (json_decref), which says what status_known() finds, be
 * it a guess; `dir` is the VM's absolute directory.
 */
int status_report(json_t **out, struct vm *vm, int dirfd, const char *dir,
    struct error *err);

/* The same of a VM whose status is known: nobody is asked. */
int status_report_as(json_t **out, struct vm *vm, int dirfd, const char *dir,
    enum status status, struct error *err);

/* Prints it, with `members` as json_report(); `status` or NULL: it is asked. */
int status_print(struct vm *vm, int dirfd, const char *dir,
    const enum status *status, const char *members, struct error *err);

#endif
