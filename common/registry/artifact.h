/* SPDX-License-Identifier: ISC */
/*
 * The manifest of a snapshot in a registry: an OCI image manifest (OCI Image
 * Format Specification 1.1) that lists the envelope, the index and the parts;
 * instar-registry(5), Manifest.
 */
#ifndef REGISTRY_ARTIFACT_H
#define REGISTRY_ARTIFACT_H

#include <stddef.h>

#include "base/error.h"
#include "registry/part.h"

#define ARTIFACT_TYPE "application/vnd.instar.snapshot.v1"
#define ARTIFACT_CONFIG "application/vnd.instar.snapshot.v1+json"
#define ARTIFACT_INDEX "application/vnd.instar.snapshot.index.v1"
#define ARTIFACT_TREE "application/vnd.instar.snapshot.tree.v1"
#define ARTIFACT_PACK "application/vnd.instar.snapshot.pack.v1+zstd"
#define ARTIFACT_SIGNATURES "vnd.instar.snapshot.signatures" /* annotation */
#define ARTIFACT_MANIFEST "application/vnd.oci.image.manifest.v1+json"

/* What the registries take that we know: distribution's limit. */
#define ARTIFACT_MANIFEST_MAX (4u << 20) /* bytes */

struct artifact { /* { 0 } is empty */
	struct blob envelope, index;
	struct part *parts; /* on the heap */
	size_t parts_n;
	char *signatures; /* snapshot.sig, on the heap, or NULL */
};

void artifact_fini(struct artifact *a);

/* Appends a part and returns its number by *number.  EX_OSERR; EX_DATAERR: too many. */
int artifact_add_part(struct artifact *a, size_t *number,
    const struct part *part, struct error *err);

/*
 * The manifest's text, which the caller frees, the same for the same artifact;
 * `created_at` is the envelope's, "": it says nothing.  EX_OSERR.
 */
int artifact_encode(char **text, size_t *len, const struct artifact *a,
    const char *created_at, struct error *err);

/* Members that we do not know are passed over.  EX_DATAERR: none of ours. */
int artifact_decode(struct artifact *out, const char *text, size_t len,
    struct error *err);

#endif
