/* SPDX-License-Identifier: ISC */
/*
 * Files on their way into a registry: pages that neither this artifact nor the
 * one it builds on has go into packs, leaves into a tree.
 */
#ifndef REGISTRY_PACKER_H
#define REGISTRY_PACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "registry/artifact.h"
#include "registry/page_index.h"
#include "registry/reader.h"

struct packer; /* opaque */

/*
 * Writes to `to`, or with `dry` only counts, and builds on `parent` (NULL: on nothing),
 * whose leaves are all read; both are borrowed.  Returns owned (packer_free).
 * EX_DATAERR: the parent is damaged.  EX_OSERR.
 */
int packer_new(struct packer **out, struct transport *to, bool dry,
    struct reader *parent, struct error *err);
void packer_free(struct packer *p);

/* Told how many bytes of files have been read so far. */
typedef void packer_progress(void *arg, uint64_t done_bytes);
void packer_show(struct packer *p, packer_progress *progress, void *arg);

/*
 * The next file of the envelope, of `size` bytes, which nobody changes; each
 * byte of data is read once.  *digest is its fs-verity digest.  EX_IOERR.
 * EX_DATAERR: it is shorter.
 */
int packer_file(struct packer *p, struct digest *digest, const char *name,
    int fd, uint64_t size, struct error *err);

/*
 * The same for a file that need not be read: one of that name, length and digest
 * that the parent has.  1: it was so; 0: there is none, and nothing is done.
 */
int packer_same(struct packer *p, const char *name, uint64_t size,
    const struct digest *digest, struct error *err);

/* Behind the last file: what is begun ends. */
int packer_end(struct packer *p, struct error *err);

/*
 * What came of it, borrowed: the index, and the parts, those of the parent first
 * with the same numbers.
 */
const struct page_index *packer_index(const struct packer *p);
const struct artifact *packer_artifact(const struct packer *p);

#endif
