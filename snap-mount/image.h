/* SPDX-License-Identifier: ISC */
/*
 * What is mounted: manifest, envelope and index of a snapshot in a registry,
 * verified up to the manifest's digest, from the cache where that has them.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "registry/artifact.h"
#include "registry/cache.h"
#include "registry/page_index.h"
#include "registry/transport.h"
#include "snapshot/envelope.h"
#include "snapshot/signers.h"

#include "room.h"

struct image { /* { 0 } is none */
	struct digest digest; /* of the manifest */
	struct artifact artifact;
	struct envelope envelope;
	char *text; /* the envelope, byte for byte */
	size_t text_len;
	struct page_index index;
	struct room groups; /* those of the index */
	struct timespec created; /* the envelope's created_at, or 0 */
};

/*
 * The index is kept beneath the cache's directory `dirfd`, without a name, where
 * it is large.  On success *out is the caller's (image_fini).  EX_NOINPUT: nothing has that
 * tag.  EX_DATAERR: no snapshot, or not what its digests say.  EX_NOPERM: what
 * `signers` have not signed; nothing but the envelope was read of it.
 */
int image_open(struct image *out, struct transport *from, struct cache *cache,
    struct signers *signers, int dirfd, const struct ref *ref,
    struct error *err);
void image_fini(struct image *image);

/* Bytes of artifact.signatures; 0: it has none. */
size_t image_signatures_bytes(const struct image *image);

/* The parts, borrowed. */
struct part_list image_parts(const struct image *image);

/* Bytes that all files have, and those of groups that hold data. */
uint64_t image_bytes(const struct image *image);
uint64_t image_data_bytes(const struct image *image, uint32_t file);

#endif
