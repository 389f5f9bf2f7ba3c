/* SPDX-License-Identifier: ISC */
/* What is told of a command in one of several VMs. */
#ifndef REPORT_H
#define REPORT_H

#include "base/error.h"

#include "job.h"

/*
 * Prints a line: {id, name, status, stdout, stderr} of one that has ended, else
 * {id, name, pid}.  In the texts what is not UTF-8 is U+FFFD.  `members` as of
 * json_report().  EX_IOERR.
 */
int report_job(const struct job *job, const char *members, struct error *err);

#endif
