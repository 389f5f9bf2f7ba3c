/* SPDX-License-Identifier: ISC */
/*
 * Blobs that an artifact lists by number, in the order of its manifest's
 * layers; instar-registry(5), Parts.
 */
#ifndef REGISTRY_PART_H
#define REGISTRY_PART_H

#include <stddef.h>
#include <stdint.h>

#include "disk/digest.h"

#define PART_MAX 1024 /* some 250 bytes each in a manifest of at most 4 MiB */
#define PART_BYTES_MAX (UINT64_C(1) << 40) /* what 40 bits of an offset reach */

/* Bytes that a registry knows by their plain SHA-256. */
struct blob {
	struct digest digest;
	uint64_t bytes;
};

enum part_kind { PART_TREE, PART_PACK };

struct part {
	enum part_kind kind;
	struct blob blob;
};

/* Borrowed. */
struct part_list {
	const struct part *v;
	size_t n;
};

#endif
