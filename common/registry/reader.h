/* SPDX-License-Identifier: ISC */
/*
 * A snapshot in a registry, to be read page by page.  Nothing that it returns
 * has not been verified up to the manifest: envelope and index by their digests,
 * the index's groups by the fs-verity digests of the envelope, a leaf by its
 * group's hash, a page by its leaf's.
 */
#ifndef REGISTRY_READER_H
#define REGISTRY_READER_H

#include <stddef.h>

#include "base/error.h"
#include "registry/artifact.h"
#include "registry/frame.h"
#include "registry/leaf.h"
#include "registry/page_index.h"
#include "registry/transport.h"
#include "snapshot/envelope.h"
#include "snapshot/signers.h"

#define READER_FRAMES 128 /* kept inflated: 32 MiB where all are largest */

struct reader_frame {
	unsigned char *pages; /* NULL: none */
	uint64_t off;
	uint16_t part;
	uint8_t n;
};

struct reader { /* { 0 } is none */
	struct transport *from; /* borrowed */
	struct digest digest; /* of the manifest */
	struct artifact artifact;
	struct envelope envelope;
	struct page_index index;
	struct frame_coder coder;
	struct reader_frame frame[READER_FRAMES];
};

/*
 * Reads manifest, envelope and index of what `ref` names, and verifies them.
 * On success *out is the caller's (reader_close).  EX_NOINPUT: nothing has that
 * tag.  EX_DATAERR: no snapshot, or not what its digests say.
 */
int reader_open(struct reader *out, struct transport *from,
    const struct ref *ref, struct error *err);

/*
 * The same where `signers` (NULL: whoever it be) must have signed it, which is seen
 * when the envelope has been read, and nothing else.  EX_NOPERM: they have not.
 */
int reader_open_signed(struct reader *out, struct transport *from,
    struct signers *signers, const struct ref *ref, struct error *err);
void reader_close(struct reader *r);

/*
 * The leaf of a group of file number `file`.  EX_DATAERR: not what its hash
 * says.
 */
int reader_leaf(struct leaf *out, struct reader *r, size_t file,
    const struct page_group *group, struct error *err);

/*
 * The same of bytes that somebody else has fetched, group->len of them, from
 * where the group says; nothing of *r is changed.
 */
int reader_check_leaf(struct leaf *out, const struct reader *r, size_t file,
    const struct page_group *group, const void *raw, struct error *err);

/*
 * The page at that place, borrowed until the next call.  Frames are kept for a
 * while: who asks for pages in the order of their places gets each frame once.
 * EX_DATAERR: it has not that hash.
 */
int reader_page(const unsigned char **out, struct reader *r,
    const struct place *place, const struct digest *hash, struct error *err);

#endif
