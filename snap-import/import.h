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

/*
 * Ends what --replace has left to do, and prints the record of what was
 * published.
 */
int import_report(struct intake *in, const char *members,
    const struct label *label, struct error *err);

#endif
