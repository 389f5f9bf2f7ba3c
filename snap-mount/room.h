/* SPDX-License-Identifier: ISC */
/*
 * Memory for what may be large: a file without a name in the cache's directory,
 * mapped, so that the kernel can have it back whenever it needs memory.
 */
#ifndef ROOM_H
#define ROOM_H

#include <stddef.h>

#include "base/error.h"

#define ROOM_SMALL (1u << 20) /* bytes; less is ordinary memory */

struct room { /* { 0 } is none */
	void *at;
	size_t len;
};

/* `len` zero bytes, 0 among them (room_fini).  EX_OSERR. */
int room_init(struct room *out, int dirfd, size_t len, struct error *err);
void room_fini(struct room *room);

/* It is not used for now. */
void room_rest(const struct room *room);

#endif
