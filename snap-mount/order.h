/* SPDX-License-Identifier: ISC */
/*
 * The order in which the pages of a snapshot were first read, by units of 64 KiB,
 * kept in the cache as HEX-order with the manifest's digest:
 *
 *	"INSTAROR", version 1 and count (4 bytes each), then for each unit the
 *	number of its file and its own (4 bytes each), little-endian
 *
 * What is in it is worth nothing but time.
 */
#ifndef ORDER_H
#define ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"

#define ORDER_UNIT UINT64_C(65536) /* bytes: a frame of ours */
#define ORDER_MAX 65536u /* 4 GiB of what is read first: 512 KiB of file */
#define ORDER_SAVE_MS 5000 /* after a change */

struct order_unit {
	uint32_t file, number;
};

struct order { /* order_init(), order_fini() */
	struct order_unit *v; /* ORDER_MAX */
	size_t n, loaded_n; /* all, and those of earlier mounts before them */
	uint32_t *slots; /* by hash: 1 + index in v, 0: free */
	int64_t save_ms; /* when it is to be written; 0: it is as on disk */
	int dirfd; /* of the cache; borrowed */
	char name[2 * DIGEST_BYTES + 8];
};

/* With what is there of earlier mounts.  EX_OSERR. */
int order_init(struct order *o, const struct image *image, int dirfd,
    struct error *err);
void order_fini(struct order *o);

/* These bytes of the file are read. */
void order_touch(struct order *o, uint32_t file, uint64_t off, size_t len);

/* Writes it where it has changed; one that cannot be written is no fault. */
void order_save(struct order *o);

#endif
