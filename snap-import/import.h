/* SPDX-License-Identifier: ISC */
/* An archive becomes a snapshot of the store. */
#ifndef IMPORT_H
#define IMPORT_H

#include "vmm/intake.h"

/* Reads and checks the archive at `fd`, and publishes the snapshot. */
int import_archive(struct intake *in, int fd, const struct intake_how *how,
    struct error *err);

/* intake_publish(), as made now. */
int import_publish(struct intake *in, const struct intake_how *how,
    struct error *err);

/* Prints the record of what was published. */
int import_report(struct intake *in, const char *members, struct error *err);

#endif
