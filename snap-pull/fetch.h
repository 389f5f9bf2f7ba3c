/* SPDX-License-Identifier: ISC */
/* The files of a snapshot in a registry, into what is taken in. */
#ifndef FETCH_H
#define FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "registry/reader.h"
#include "vmm/intake.h"

/* What came from where; what else there is came from the registry. */
struct fetched {
	uint64_t resumed_bytes; /* that a pull which was cut had left */
	uint64_t local_bytes; /* of snapshots and layers that the root has */
	bool has_any; /* something is in in->made, whatever has failed */
};

/*
 * Makes each file of what the reader has, sparse and synced, in in->made, where
 * they may have been begun; then the envelope is the intake's.  `ranges` as
 * gather_init() has it.  EX_DATAERR: a page is not what the envelope's digest
 * says.
 */
int fetch_all(struct intake *in, struct reader *r, unsigned ranges,
    struct fetched *got, struct error *err);

#endif
