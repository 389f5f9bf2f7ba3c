/* SPDX-License-Identifier: ISC */
/*
 * REST as VMMs speak it: HTTP/1.1 over a Unix socket, bodies of JSON (their
 * published API descriptions).  Every call has a deadline, and ends early when
 * base/sig has noted a signal.
 */
#ifndef VMM_REST_H
#define VMM_REST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/jdoc.h"

#define REST_BODY_MAX (16u << 20) /* bytes of an answer; seen: 60 KB */
#define REST_HEAD_MAX (64u << 10) /* bytes of its head; seen: 150 */
#define REST_WORDS_MAX 440 /* bytes that a message quotes of an error */

struct rest;

/*
 * Connects to the socket `name` in the directory `dirfd`, which it borrows
 * until rest_close(); waits, and fails, as wire_dial() does.  Returns owned
 * (rest_close).
 */
int rest_open(struct rest **out, int dirfd, const char *name, bool is_coming,
    int64_t deadline_ms, struct error *err);

/* Closes the connection.  Takes NULL. */
void rest_close(struct rest *rest);

/*
 * Sends one request, and takes the answer.  The connection is kept for the
 * next call, and made anew when it was lost between two; a request is never
 * sent twice.  Takes `body` (NULL: none) in any case; *reply is the caller's
 * (jdoc_free).  Without `reply` the answer may have no body.
 * EX_UNAVAILABLE: the program's own words (any status but 2xx), an answer that
 * is none or is too large, or the connection was closed.  EX_TEMPFAIL: out of
 * time; what was asked for may still be done.
 */
int rest_call(struct rest *rest, const char *method, const char *path,
    json_t *body, struct jdoc **reply, int64_t deadline_ms, struct error *err);

/* HTTP status of the last call's answer; 0: there was none. */
int rest_status(const struct rest *rest);

#endif
