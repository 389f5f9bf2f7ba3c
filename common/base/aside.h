/* SPDX-License-Identifier: ISC */
/*
 * What nobody vouches for is read by an enclosed process of its own, which has
 * no descriptors but those that it needs and answers in a few bytes.
 *
 * A process, for a thread shares its memory: whoever makes a parser in a thread
 * write where it should not has what the others may do, and Landlock encloses
 * the one thread alone.  The tool itself can be enclosed for ever only where
 * nothing comes after the reading, as in an import: a clone goes on to start a
 * VMM.  Measured for a tool without a dynamic loader, medians of a thousand:
 * fork, pipe and end 0.13 ms; Landlock 0.01; the filter of system calls 0.10;
 * 0.24 ms together, to which the reading comes.  So whoever counts milliseconds
 * has it done while a VMM starts, and a clone does nothing of it before.
 *
 * The answer is no more to be trusted than the file: it is bounded, and whoever
 * asked checks what is in it.
 */
#ifndef BASE_ASIDE_H
#define BASE_ASIDE_H

#include <stddef.h>

#include "base/error.h"
#include "base/sandbox.h"

/* In the process: what it answers, in memory of its own. */
struct aside_answer {
	const void *data;
	size_t len;
};

struct aside {
	const char *what; /* "unpacking": what is said to have ended */
	/* Run in the process.  -1: *err is the answer. */
	int (*run)(void *arg, struct aside_answer *answer, struct error *err);
	void *arg;
	struct sandbox sandbox;
	/* Kept open there besides the sandbox's directories and stderr. */
	const int *fds;
	size_t fds_n;
};

#define ASIDE_FDS_MAX 32 /* all of them together */

/*
 * Runs it and waits for its end; it ends with us, too, and by a signal to us.
 * To be called while there is no other thread.  *out, of *len bytes and a NUL
 * behind them, is the caller's to free.  EX_OSERR: it cannot be run, ended
 * without a word, or said more than `max` bytes.  Else its own error.
 */
int aside_run(const struct aside *a, void **out, size_t *len, size_t max,
    struct error *err);

/* The same where the answer is `len` bytes into *out, no more and no less. */
int aside_ask(const struct aside *a, void *out, size_t len, struct error *err);

#endif
