/* SPDX-License-Identifier: ISC */
/*
 * Where artifacts lie: blobs by their digests, read by ranges, and manifests by
 * tags.  A transport is a table of functions; layout.c has the one for OCI image
 * layouts on disk, http.c the one for registries.  A transport belongs to one
 * thread.
 */
#ifndef REGISTRY_TRANSPORT_H
#define REGISTRY_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"
#include "registry/part.h"
#include "registry/ref.h"

#define TRANSPORT_READ 0u /* it must be there */
#define TRANSPORT_LOOK                                                         \
	1u /* nothing is changed; one that is not there is empty */
#define TRANSPORT_WRITE 2u /* made where it is not there */

#define TRANSPORT_JOBS 8 /* requests at once, where nobody says how many */
#define TRANSPORT_JOBS_MAX 32

struct transport_how {
	unsigned mode; /* TRANSPORT_READ and so on */
	/* Of a registry: */
	unsigned jobs; /* requests at once; 0: TRANSPORT_JOBS */
	bool plain_http; /* without TLS */
	const char *cacert; /* a file of certificates to trust, too, or NULL */
	/*
	 * NULL: it must answer.  Else why it does not, where it does not, and it
	 * is asked again before anything is read.
	 */
	struct error *away;
};

#define RANGE_BYTES_MAX (4u << 20)
#define RANGE_MORE_MAX (16u << 20) /* of a range and what is behind it */

/* Bytes of a blob that are wanted, and where they go. */
struct range {
	const struct blob *blob; /* borrowed until they are here */
	uint64_t off; /* off + len is within the blob */
	size_t len; /* 1 to RANGE_BYTES_MAX */
	void *buf;
	/*
	 * Bytes behind it that the blob has, too, and that are going to be asked
	 * for next, in order; a hint: one request may bring all.
	 */
	uint64_t more;
	void *state; /* the transport's, between asking and awaiting */
};

struct transport_ops {
	/* As transport_open(). */
	int (*open)(void **state, const struct ref *ref,
	    const struct transport_how *how, struct error *err);
	void (*close)(void *state);
	/* As transport_ask(), transport_await(). */
	int (*ask)(void *state, struct range *range, struct error *err);
	int (*await)(void *state, struct range *range, struct error *err);
	/* As transport_fd(), transport_has_come(); NULL: nobody is waited for. */
	int (*fd)(const void *state);
	bool (*has_come)(void *state, const struct range *range);
	/* Whether a blob of that digest and length is there. */
	int (*has)(void *state, bool *there, const struct blob *blob,
	    struct error *err);
	/* As transport_mount(); NULL: there is no such thing. */
	int (*mount)(void *state, bool *there, const struct blob *blob,
	    const struct ref *from, struct error *err);
	/* A blob whose digest is known at its end; up to PUTS_MAX at once. */
	int (*put_begin)(void *state, void **put, struct error *err);
	int (*put_data)(void *put, const void *buf, size_t len,
	    struct error *err);
	int (*put_end)(void *put, const struct blob *blob, struct error *err);
	/*
	 * Whether what is there under the blob's digest is what was put, and not
	 * damaged: then put_end() puts it in its place.  NULL: it is.
	 */
	bool (*is_whole)(const void *put, const struct blob *blob);
	void (*put_free)(void *put); /* gives up what has not ended */
	/* As transport_get_tag(); NULL: by get_manifest(). */
	int (*get_tag)(void *state, struct digest *digest,
	    const struct ref *ref, struct error *err);
	/* As transport_get_manifest(), transport_put_manifest(). */
	int (*get_manifest)(void *state, char **text, size_t *len,
	    const struct ref *ref, struct error *err);
	int (*put_manifest)(void *state, const struct ref *ref,
	    const char *text, const struct blob *blob, const struct digest *old,
	    struct error *err);
	/*
	 * Directories that it reads and writes beneath, for a sandbox; -1: none.
	 */
	int (*dirfd)(const void *state);
};

extern const struct transport_ops layout_ops, http_ops;

struct transport { /* { 0 } is none */
	const struct transport_ops *ops;
	void *state;
	const struct ref *ref; /* borrowed */
	uint64_t got_bytes; /* that were read, manifests among them */
	uint64_t got_n; /* requests for them */
	const struct blob *more_blob; /* what the last one brings, too: */
	uint64_t more_off; /* where it goes on; NULL: nothing */
	/* Of what was put: new, or there already under its digest. */
	uint64_t moved_bytes, there_bytes;
	size_t moved_n; /* blobs, manifests among them */
};

/*
 * Opens where `ref` lies, which is borrowed.  A registry is asked whether it is
 * there, by a process of its own that ends with the transport: so this comes
 * before the tool encloses itself, and before it has another thread.
 * EX_NOINPUT: it is not there.  EX_CANTCREAT: it is something else.
 * EX_UNAVAILABLE: nobody answers there, or no registry; EX_TEMPFAIL: not in time
 * (neither with how->away).
 */
int transport_open(struct transport *out, const struct ref *ref,
    const struct transport_how *how, struct error *err);
void transport_close(struct transport *t);

/* The directory that a layout lies in, borrowed; -1: none. */
int transport_dirfd(const struct transport *t);

/*
 * Asks for a range, and goes on; several may be on their way at once.  Each that
 * was asked for, and no other, is awaited, in any order, whatever became of the
 * others; until then *range and its buffer stay where they are.  The bytes are
 * not verified.  EX_DATAERR: the blob is not there, or not as long.  EX_IOERR.
 * EX_TEMPFAIL, EX_UNAVAILABLE: a registry cannot give it, now or at all.
 */
int transport_ask(struct transport *t, struct range *range, struct error *err);
int transport_await(struct transport *t, struct range *range,
    struct error *err);

/*
 * For who waits for other things, too: readable when a range may have come; -1:
 * awaiting one is reading a disk.
 */
int transport_fd(const struct transport *t);

/* Whether awaiting the range, which was asked for, waits for nobody any more. */
bool transport_has_come(struct transport *t, const struct range *range);

/* Both, for `len` bytes at `off`, which must lie within the blob; of any length. */
int transport_get(struct transport *t, void *buf, size_t len,
    const struct blob *blob, uint64_t off, struct error *err);

/*
 * Reads all of a blob, which the caller has bounded, and verifies it; the caller
 * frees *buf, which has a NUL behind it.  `what` names it.  EX_DATAERR.
 */
int transport_get_all(struct transport *t, char **buf, const struct blob *blob,
    const char *what, struct error *err);

/* Whether the blob is there: the last byte of it has been seen, or its file. */
int transport_has(struct transport *t, bool *there, const struct blob *blob,
    struct error *err);

/* The same of `n` parts, of many at once: there[n]. */
int transport_has_all(struct transport *t, bool *there,
    const struct part *parts, size_t n, struct error *err);

/*
 * Whether a blob that `from`, which is in the same place, has under another name
 * is there by now without having been moved; `dry`: would be, if the registry
 * goes along.
 */
int transport_mount(struct transport *t, bool dry, bool *there,
    const struct blob *blob, const struct ref *from, struct error *err);

/*
 * The manifest that the reference names, by its digest where it has one (which
 * is verified), else by its tag, else by "latest", or the only one.  The caller
 * frees *text; *digest is its own.  EX_NOINPUT: none.  EX_DATAERR: damaged, or
 * several.
 */
int transport_get_manifest(struct transport *t, char **text, size_t *len,
    struct digest *digest, const struct ref *ref, struct error *err);

/*
 * The digest of the manifest that the reference's tag leads to, whether that is
 * there or not.  EX_NOINPUT: none.
 */
int transport_get_tag(struct transport *t, struct digest *digest,
    const struct ref *ref, struct error *err);

/*
 * The manifest gets the reference's tag, in one step, if the tag is still that
 * of `old` (NULL: is not there).  All that it names is there already.
 * EX_TEMPFAIL: the tag has moved.
 */
int transport_put_manifest(struct transport *t, const struct ref *ref,
    const char *text, size_t len, const struct digest *old, struct error *err);

#define PUTS_MAX 4 /* blobs that are written at once to one transport */

/* A blob being written. */
struct put { /* { 0 } is none */
	struct transport *to;
	void *state; /* NULL: it is only counted */
	struct sha256 sha256;
	uint64_t bytes;
	bool is_open;
};

/* put_end() or put_drop() ends it.  `dry`: nothing is written. */
int put_begin(struct put *put, struct transport *to, bool dry,
    struct error *err);
int put_data(struct put *put, const void *buf, size_t len, struct error *err);

/*
 * It is there, synced where that means something, and *blob what it is.  What is
 * there already under its digest, and not seen to be damaged, is not put again.
 */
int put_end(struct put *put, struct blob *blob, struct error *err);
void put_drop(struct put *put);

/* All of them for one buffer. */
int put_all(struct transport *to, bool dry, struct blob *blob, const void *buf,
    size_t len, struct error *err);

#endif
