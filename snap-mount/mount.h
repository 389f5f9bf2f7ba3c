/* SPDX-License-Identifier: ISC */
/*
 * A snapshot that is mounted: the one process that answers the kernel.  It is
 * one loop; only the fetcher is a thread of its own.
 */
#ifndef MOUNT_H
#define MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ahead.h"
#include "arrivals.h"
#include "fetcher.h"
#include "image.h"
#include "log.h"
#include "order.h"
#include "pages.h"
#include "wants.h"

#define MOUNT_READ_MAX (1u << 20) /* bytes of one read */
#define MOUNT_HELD_MAX                                                         \
	(16u << 20) /* of reads that wait: then no more are taken */

struct job; /* job.h */
struct fuse_session;
struct undo; /* undo.h */

struct mount {
	/* What it is. */
	const char *ref, *dir; /* as given; absolute: borrowed */
	const char *log_path;
	int pid; /* of the process that looks after this one */
	uint64_t timeout_ms; /* for a page to come */
	struct signers *signers; /* until it is known who has signed it */
	struct image image;
	/* What it has. */
	struct transport from;
	struct error away; /* why the registry did not answer first */
	int cachefd;
	uint64_t cache_bytes;
	struct cache *cache;
	struct pages pages;
	struct log log;
	struct fuse_session *session;
	struct fetcher *fetcher;
	struct undo *undo;
	/* What it does. */
	struct wants wants;
	struct arrivals arrivals;
	int64_t
	    wait_ms; /* of a read that begins now; no more than timeout_ms */
	struct ahead ahead;
	struct order order;
	struct job *jobs; /* reads that wait */
	size_t held_bytes; /* for them */
	uint64_t *ends; /* of each file: where its last read ended */
	uint64_t failed_n; /* reads that were answered with EIO */
	bool cache_failed; /* the disk said no, and that has been told */
};

#endif
