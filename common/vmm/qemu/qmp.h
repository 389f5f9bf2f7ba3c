/* SPDX-License-Identifier: ISC */
/*
 * QEMU's machine protocol (QEMU docs/interop/qmp-spec.txt): one JSON object a
 * line over a Unix socket.  Every exchange has a deadline, and takes no answer but
 * its own: QEMU says what it owes to a client that has left to the next one.
 */
#ifndef VMM_QMP_H
#define VMM_QMP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/jdoc.h"

#define QMP_LINE_MAX (4u << 20) /* bytes; the largest message seen has 60 KB */

struct qmp;

/*
 * Connects to the socket `name` in the directory `dirfd` and is greeted.
 * Returns owned (qmp_close).  EX_UNAVAILABLE: nobody answers there, or what
 * answers is no QEMU.  EX_TEMPFAIL: out of time (another client has it).
 */
int qmp_open(struct qmp **out, int dirfd, const char *name, int64_t deadline_ms,
    struct error *err);
void qmp_close(struct qmp *qmp);

/* Whether QEMU has closed the connection, as it does when it ends. */
bool qmp_is_closed(const struct qmp *qmp);

/* "7.2.22" of the greeting, borrowed. */
const char *qmp_version(const struct qmp *qmp);

struct qmp_version {
	unsigned major, minor, micro;
};

/* The version in QEMU's greeting; false: the message is none. */
bool qmp_version_decode(struct qmp_version *out, const struct jdoc *message);

/*
 * Sends a command and waits for its answer; takes `args` (NULL: none) in any
 * case.  *answer, when not NULL, is the caller's (jdoc_free): what was asked for
 * is its member "return".  EX_UNAVAILABLE: QEMU's own words, or the connection
 * closed.  EX_TEMPFAIL: out of time.
 */
int qmp_call(struct qmp *qmp, const char *command, json_t *args,
    struct jdoc **answer, int64_t deadline_ms, struct error *err);

/* The member "return" of an answer. */
uint32_t qmp_return(const struct jdoc *answer);

/* The two halves of it, for who has others to ask before the answer is there. */
int qmp_ask(struct qmp *qmp, const char *command, json_t *args,
    int64_t deadline_ms, struct error *err);
int qmp_answer(struct qmp *qmp, const char *command, struct jdoc **answer,
    int64_t deadline_ms, struct error *err);

/* The same with a descriptor to ride along (-1: none). */
int qmp_call_fd(struct qmp *qmp, const char *command, json_t *args, int fd,
    struct jdoc **answer, int64_t deadline_ms, struct error *err);

#endif
