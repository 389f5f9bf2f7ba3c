/* SPDX-License-Identifier: ISC */
/*
 * Whether somebody who counts has signed a snapshot.  Who counts says a file of
 * allowed signers (ssh-keygen(1), ALLOWED SIGNERS), and ssh-keygen is asked: by a
 * process of its own, which is started before its maker encloses itself and reads
 * nothing of what is taken in but what is handed on to ssh-keygen.
 */
#ifndef SNAPSHOT_SIGNERS_H
#define SNAPSHOT_SIGNERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "snapshot/envelope.h"

#define SIGNERS_ENV "INSTAR_SIGNERS" /* the file, where none is given */
#define SIGNERS_FILE_MAX (16u << 20) /* bytes of it, and of what is revoked */

struct signers_how { /* { 0 }: $INSTAR_SIGNERS says it; borrowed from argv */
	const char *allowed; /* --signed-by */
	const char *principal; /* --as: no other counts; or NULL */
	const char *revoked; /* --revoked: a KRL, or public keys; or NULL */
};

/* For the tool's own long options, and what opt_next() returned of them. */
#define SIGNERS_ALLOWED 230
#define SIGNERS_AS 231
#define SIGNERS_REVOKED 232
#define SIGNERS_LONG                                                           \
	{ "signed-by", required_argument, NULL, SIGNERS_ALLOWED },             \
	    { "as", required_argument, NULL, SIGNERS_AS },                     \
	{                                                                      \
		"revoked", required_argument, NULL, SIGNERS_REVOKED            \
	}
#define SIGNERS_USAGE "[--signed-by file] [--as name] [--revoked file]"

bool signers_takes(int ch);

/* Takes one of them, or sees to all: 0, or -1, a usage error that was told. */
int signers_option(struct signers_how *how, int ch, const char *value);
int signers_check_option(const struct signers_how *how);

/* Whether it is asked who has signed: by an option, or the environment. */
bool signers_are_asked(const struct signers_how *how);

struct signers; /* NULL where nobody asks: everything counts then */

/*
 * Reads the files and starts the process, before there is another thread.  *out is
 * the caller's (signers_end), or NULL: nobody asks.  EX_NOINPUT, EX_NOPERM,
 * EX_DATAERR: a file that cannot be had; EX_OSERR.
 */
int signers_begin(struct signers **out, const struct signers_how *how,
    struct error *err);
void signers_end(struct signers *s);

/* The line to the process, for who closes all others; -1: none. */
int signers_fd(const struct signers *s);

/*
 * Whether one of the signatures in the `len` bytes at `text` (NULL: there are
 * none) is one of the envelope, by a key that counts.  EX_NOPERM says of each who
 * made it, and why it does not count.  EX_UNAVAILABLE: ssh-keygen cannot be run.
 * EX_TEMPFAIL: it does not answer.
 */
int signers_check(struct signers *s, const struct envelope *e, const char *text,
    size_t len, struct error *err);

/* The same of the file in the snapshot's directory. */
int signers_check_dir(struct signers *s, int dirfd, const struct envelope *e,
    struct error *err);

/* EX_NOPERM: what must stand right behind the envelope does not; `name` does. */
int signers_refuse_order(const char *name, struct error *err);

#endif
