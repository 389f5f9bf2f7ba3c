/* SPDX-License-Identifier: ISC */
/*
 * A blob on its way into a registry, while it is being made: in chunks, in
 * order, of a file that grows.  A small one goes in one piece.  In the courier
 * alone.
 *
 * A connection that is cut takes the session with it in some registries
 * (distribution 2.8); others tell how far they got.  So the session is asked,
 * and where it is dead, all is sent anew: the file has it.
 */
#ifndef REGISTRY_HTTP_UPLOAD_H
#define REGISTRY_HTTP_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "registry/http_request.h"
#include "registry/part.h"

#define UPLOAD_CHUNK_MIN (8u << 20) /* less than that waits for more */
#define UPLOAD_CHUNK_MAX (64u << 20)
#define UPLOAD_WHOLE_MAX (16u << 20) /* goes in one piece if all is there */
#define UPLOAD_STEP_MIN (64u << 10) /* less is no step forward: HTTP_TRIES */

enum upload_step {
	UPLOAD_NONE, /* nothing is on its way */
	UPLOAD_OPEN,
	UPLOAD_CHUNK,
	UPLOAD_ASK, /* how far a session got */
	UPLOAD_CLOSE,
	UPLOAD_LOOK, /* whether it is there, where closing had no answer */
	UPLOAD_CANCEL
};

struct upload { /* upload_init; it ends with its process */
	struct http *http;
	int fd; /* the file, borrowed */
	/* Of an end or a cancelling: once; err NULL: all is well. */
	void (*tell)(void *arg, const struct error *err);
	void *arg;
	/* The rest is http_upload.c's. */
	struct request r;
	enum upload_step step; /* what r is on its way for */
	uint64_t have; /* bytes in the file */
	bool is_ended;
	struct blob blob; /* of one that is ended */
	char *session; /* NULL: none */
	uint64_t acked; /* bytes that the session has */
	uint64_t chunk; /* bytes on their way */
	uint64_t chunk_min;
	uint64_t furthest; /* that any session has had */
	unsigned tries; /* since there was a step forward */
	struct error err; /* why it is given up */
	char byte;
};

void upload_init(struct upload *u, struct http *h, int fd,
    void (*tell)(void *arg, const struct error *err), void *arg);

/* The file has `bytes` by now.  -1: it is given up, and why. */
int upload_grown(struct upload *u, uint64_t bytes, struct error *err);

/* That is all, and is `blob`; `tell` tells what came of it. */
void upload_end(struct upload *u, const struct blob *blob);

/* It is not wanted; `tell` says when the registry has heard of it. */
void upload_cancel(struct upload *u);

#endif
