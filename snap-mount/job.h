/* SPDX-License-Identifier: ISC */
/*
 * Answers to the kernel that may have to wait for pages: reads, and questions
 * where data and holes are.
 */
#ifndef JOB_H
#define JOB_H

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mount;
struct job; /* opaque */

/*
 * Reads of file number `file`, which has `off`; up to `len` bytes, no more than
 * MOUNT_READ_MAX.  It is answered now or later.
 */
void job_read(struct mount *m, fuse_req_t req, uint32_t file, uint64_t off,
    size_t len);

/* Where from `off` on, which the file has, the next hole is, or the next data. */
void job_seek(struct mount *m, fuse_req_t req, uint32_t file, uint64_t off,
    bool hole);

/* Does all that can be done now; the job may be gone then. */
void job_step(struct mount *m, struct job *job);

/* Answers EIO and tells the log why; the job is gone. */
void job_fail(struct mount *m, struct job *job, const struct error *why);

int64_t job_deadline_ms(const struct job *job);

/* Those whose time is over fail. */
void jobs_expire(struct mount *m, int64_t now_ms, const struct error *why);

/* When the first one's time is over; INT64_MAX: none waits. */
int64_t jobs_next_ms(const struct mount *m);

#endif
