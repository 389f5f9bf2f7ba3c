/* SPDX-License-Identifier: ISC */
/*
 * What a tool and its courier say to one another: records of one size, by a
 * socket that keeps them apart.  Bytes of blobs never go that way: they lie in
 * memory that both have, or in a file.  Either side bounds what the other says.
 */
#ifndef REGISTRY_ERRAND_H
#define REGISTRY_ERRAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "registry/part.h"
#include "registry/ref.h"

#define ERRAND_SLOT_BYTES (512u << 10) /* of one range on its way */
#define ERRAND_SLOTS_MAX 32 /* 16 MiB of a tool's memory */
#define ERRAND_UPLOADS 4 /* a pack, a tree, and what is put beside them */

enum errand_kind {
	ERRAND_PING, /* whether there is a registry */
	ERRAND_RANGE, /* `len` bytes at `off` of a blob into slot `number` */
	ERRAND_HAS, /* whether a blob is there: .there */
	ERRAND_MOUNT, /* a blob of the repository `text`: .there */
	ERRAND_GET_MANIFEST, /* of the tag or digest `text`: .len */
	ERRAND_PUT_MANIFEST, /* of `len` bytes, under the tag `text` */
	/* Of the upload `number`: */
	ERRAND_GROWN, /* its file has `len` bytes by now */
	ERRAND_END, /* these are all, and are the blob */
	ERRAND_CANCEL,
	ERRAND_KINDS
};

struct errand {
	enum errand_kind kind;
	unsigned number;
	struct blob blob;
	uint64_t off, len;
	uint64_t more; /* bytes behind a range, likely asked for next */
	bool has_old; /* of a manifest: what the tag leads to until then */
	struct digest old;
	char text[REF_NAME_MAX + 1];
};

/* To each errand one; those of ranges in any order. */
struct errand_answer {
	enum errand_kind kind;
	unsigned number;
	bool there;
	uint64_t len;
	struct error err; /* .code 0: none */
};

#endif
