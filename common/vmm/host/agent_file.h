/* SPDX-License-Identifier: ISC */
/* A guest's files by its agent. */
#ifndef VMM_AGENT_FILE_H
#define VMM_AGENT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vmm/host/agent.h"

#define AGENT_CHUNK 65536 /* bytes in one question: more is hardly faster */

/*
 * Opens `path` in the way that fopen(3) calls `mode`; *handle is the agent's number
 * of it, which it keeps until it is closed.  EX_UNAVAILABLE: it refuses.
 */
int agent_file_open(struct agent *a, uint64_t *handle, const char *path,
    const char *mode, struct error *err);

/* Closes it; what the guest's disk had to say comes then. */
int agent_file_close(struct agent *a, uint64_t handle, struct error *err);

/*
 * Reads up to AGENT_CHUNK bytes into buf; *got is 0 at the end alone.
 * EX_UNAVAILABLE.
 */
int agent_file_read(struct agent *a, uint64_t handle, void *buf, size_t *got,
    struct error *err);

/* Writes all of the bytes, AGENT_CHUNK at most. */
int agent_file_write(struct agent *a, uint64_t handle, const void *buf,
    size_t len, struct error *err);

#endif
