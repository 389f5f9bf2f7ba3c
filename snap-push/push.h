/* SPDX-License-Identifier: ISC */
/* A snapshot on its way into a registry. */
#ifndef PUSH_H
#define PUSH_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/progress.h"
#include "registry/packer.h"
#include "registry/transport.h"
#include "snapshot/envelope.h"
#include "state/layer_files.h"
#include "state/snap.h"

#define PUSH_ANCESTORS_MAX 16 /* that are asked for */

struct push { /* push_init() is none; push_fini() */
	const struct snap *snap; /* borrowed */
	struct envelope envelope;
	struct layer_files layers; /* that go along */
	char *signatures; /* go along, too; or NULL */
	char note[ERROR_MSG_MAX + 16]; /* "", or why they do not */
	struct transport to, from; /* `from`: of --parent */
	const struct ref *target, *parent_ref; /* NULL: what is found */
	bool is_dry_run, has_no_parent;
	/* Manifests of its ancestors at the target, the nearest first. */
	struct digest ancestors[PUSH_ANCESTORS_MAX];
	size_t ancestors_n;
	char *place; /* the target's, by which they were noted; or NULL */
	int notes_fd; /* artifacts_open()'s; -1: none */
	bool has_old; /* the tag is there */
	struct digest old; /* its manifest */
	struct reader parent; /* .from NULL: it builds on nothing */
	struct progress progress; /* the caller's to begin */
	/* What came of it. */
	struct digest digest;
	uint64_t inherited_bytes; /* of the parent's parts */
	uint32_t depth;
};

void push_init(struct push *p);

/*
 * Learns which ancestors of the snapshot are known to be at the target, which is
 * open, and where to note that it is.  EX_IOERR.
 */
int push_look_back(struct push *p, const struct root *root, struct error *err);

/*
 * Opens what is to be read of the snapshot and its layers.  EX_NOINPUT: a layer
 * is not here.
 */
int push_begin(struct push *p, const struct root *root, const struct snap *snap,
    struct error *err);

/* Bytes of all its files, holes among them. */
uint64_t push_bytes(const struct push *p);

/*
 * Pushes what `to` lacks, and moves the tag, last.  EX_DATAERR: a file is not
 * what was saved, or the parent is damaged.  EX_TEMPFAIL: somebody else has
 * moved the tag meanwhile.
 */
int push_run(struct push *p, struct error *err);

/* Notes for its descendants where the snapshot is now.  EX_IOERR. */
int push_note(const struct push *p, struct error *err);
void push_fini(struct push *p);

/* The record (json_decref): `ref` as the user gave it. */
int push_report(json_t **out, const struct push *p, const char *ref,
    struct error *err);

#endif
