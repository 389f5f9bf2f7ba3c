/* SPDX-License-Identifier: ISC */
/* One call of the tool: what it has open, and its two halves. */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>

#include "base/error.h"
#include "base/outfile.h"

#include "restore.h"
#include "vmtarget.h"

struct job {
	const char *what; /* the MIRN file, for messages */
	int in, old; /* the MIRN file, what is in the image's place */
	unsigned flags; /* of base/outfile */
	struct outfile image; /* not open: nothing is to be restored */
	struct vmtarget target; /* where the image is a VM's disk */
	struct mirn_reader *reader;
};

/* What job_close() ignores. */
#define JOB_NONE                                                               \
	((struct job){ NULL, -1, -1, 0, OUTFILE_NONE, VMTARGET_NONE, NULL })

/*
 * Opens everything: `file` (NULL: standard input), and with `image` that file,
 * or with `vm` too that disk of the VM.  As restore_open(), outfile_open(),
 * restore_claim() and vmtarget_open().
 */
int job_open(struct job *j, const char *file, const char *image, const char *vm,
    const char *root, unsigned flags, struct error *err);

/* Reads the header.  EX_DATAERR, also for what no VM takes as a disk. */
int job_read(struct job *j, struct error *err);

/* Reads the rest, and publishes the image if there is to be one. */
int job_restore(struct job *j, bool quiet, struct error *err);

void job_close(struct job *j);

#endif
