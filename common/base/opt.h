/* SPDX-License-Identifier: ISC */
/* The options that every tool has, and the wording of usage errors. */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/members.h"
#include "base/strv.h"

#define INSTAR_VERSION "0.1"

/* A duration that was given, or stands for one that was not. */
struct opt_time {
	bool given;
	uint64_t ms; /* as num_duration() has it */
};

struct opt_common {
	const char *root; /* -R, or NULL: borrowed from argv */
	bool quiet; /* -q */
	bool allow_empty; /* --allow-empty, of tools that take lists */
	bool all; /* --all, in place of operands */
	struct opt_time wait; /* --wait, for a lock of somebody else's */
};

/* For the tool's own opt_next() strings: OPT_SHORT "n:" and so on. */
#define OPT_SHORT "hVqR:"
#define OPT_SHORT_STATELESS "hVq"

/* For the beginning of the tool's own long options. */
#define OPT_LONG_STATELESS                                                     \
	[0] = { "help", no_argument, NULL, 'h' },                              \
	[1] = { "version", no_argument, NULL, 'V' },                           \
	[2] = { "quiet", no_argument, NULL, 'q' }
#define OPT_LONG                                                               \
	OPT_LONG_STATELESS, [3] = { "root", required_argument, NULL, 'R' }

/* "--options" was all: the table of them has been printed. */
#define OPT_TABLE 200

/* The same for tools to which "-" is a list of references. */
#define OPT_ALLOW_EMPTY 250
#define OPT_LONG_LIST                                                          \
	OPT_LONG, [4] = { "allow-empty", no_argument, NULL, OPT_ALLOW_EMPTY }

/* For a row of tools that can do what they do to all of a root. */
#define OPT_ALL 251
#define OPT_ROW_ALL                                                            \
	{                                                                      \
		"all", no_argument, NULL, OPT_ALL                              \
	}

/* For a row of tools that lock a VM or a snapshot. */
#define OPT_WAIT 252
#define OPT_ROW_WAIT                                                           \
	{                                                                      \
		"wait", required_argument, NULL, OPT_WAIT                      \
	}

/* Long options without a letter start here. */
#define OPT_OWN 256

/*
 * As getopt_long(3), but that a long option is given by its whole name: what an
 * abbreviation means would change with every option that is added.  '?': what
 * is wrong has been told in one line.  With a '+' before the letters the first
 * operand ends the options.  Where "--options" is all that is given, what the
 * tool has is printed, a line each, for completion and for tests.
 */
int opt_next(int argc, char *argv[], const char *letters,
    const struct option *longopts);

/*
 * Handles what opt_next() returned and the tool does not know: 0 go on, 1
 * done (help or version printed), -1 a usage error of which opt_next() or this
 * has told in one line.
 */
int opt_common(struct opt_common *c, int ch, void (*usage)(FILE *));

/*
 * The exit status where parsing the options was all: `rc` is -1, a usage error,
 * or 1 after -h or -V, with EX_IOERR and a line that tells why for a text that
 * nobody got.
 */
int opt_end(int rc);

/* Prints "tool: text" and returns -1: for usage errors in parse_opts. */
int opt_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Whether `n` operands are right: some, or none with --all.  -1, told; `kind` is
 * what they name, "VM".
 */
int opt_operands(const struct opt_common *c, size_t n, const char *kind);

/*
 * Until when a lock is waited for from now on (base/lock): as long as --wait
 * says, else `ms`; 0: not at all.
 */
int64_t opt_deadline(const struct opt_common *c, uint64_t ms);

/* Sets *slot to `value`; a second time is a usage error (-1, told). */
int opt_once(const char **slot, const char *value, const char *name);

/*
 * Standard input can be read once: who comes second would find it empty.  Where
 * `value` is "-", `name` reads it; *first is NULL, or who does already.  EX_USAGE.
 */
int opt_reads_stdin(const char **first, const char *value, const char *name,
    struct error *err);

/*
 * Reads the duration `value` of the option `name`.  A second time, or what is
 * no duration, is a usage error (-1, told).
 */
int opt_duration(struct opt_time *t, const char *value, const char *name);

/* Appends a copy of `value`, for what may be given again; -1, told: no memory. */
int opt_again(struct strv *list, const char *value);

/*
 * As opt_once() for -p, a list "a,b.c" of members that `known` has.  -1, told,
 * names what is none.
 */
int opt_members(const char **slot, const char *value,
    const struct members *known);

/*
 * Where one stream goes: *out is what -o names, and NULL afterwards when that
 * is standard output, as "-" or without -o.  That must not be a terminal, and
 * takes no record for -p, whose list is `members`: usage errors (-1, told).
 * `what` is the stream, "archive".
 */
int opt_output(const char **out, const char *members, const char *what);

#endif
