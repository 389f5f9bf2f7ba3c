/* SPDX-License-Identifier: ISC */
/* The files of a snapshot in a registry, into what is taken in. */
#ifndef FETCH_H
#define FETCH_H

#include <stdint.h>

#include "base/error.h"
#include "registry/reader.h"
#include "vmm/intake.h"

/*
 * Makes each file of what the reader has, sparse and synced, in in->made; then
 * the envelope is the intake's.  Layers that the root has are not fetched: their
 * bytes are *local_bytes.  EX_DATAERR: a page is not what the envelope's digest
 * says.
 */
int fetch_all(struct intake *in, struct reader *r, uint64_t *local_bytes,
    struct error *err);

#endif
