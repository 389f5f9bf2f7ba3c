/* SPDX-License-Identifier: ISC */
/* What users call a snapshot, as the options -n, -d and --replace have it. */
#ifndef STATE_LABEL_H
#define STATE_LABEL_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/id.h"
#include "snapshot/envelope.h"
#include "state/root.h"

enum replace {
	REPLACE_NOT, /* the name must be free */
	REPLACE_KEEP, /* what has it stays, under its id */
	REPLACE_RM /* what has it is removed */
};

struct label { /* { 0 } says nothing; texts are borrowed from argv */
	const char *name; /* -n, or NULL */
	const char *description; /* -d, or NULL */
	enum replace replace; /* --replace[=rm] */
};

#define LABEL_WAIT_MS 10000 /* for those that read what is to be removed */

/* For the tool's own opt_next() strings, and its long options. */
#define LABEL_SHORT "n:d:"
#define LABEL_REPLACE 240
#define LABEL_LONG                                                             \
	{ "name", required_argument, NULL, 'n' },                              \
	    { "description", required_argument, NULL, 'd' },                   \
	{                                                                      \
		"replace", optional_argument, NULL, LABEL_REPLACE              \
	}

/* Whether what opt_next() returned is one of these. */
bool label_takes(int ch);

/* Takes one of them: 0, or -1, a usage error of which one line has told. */
int label_option(struct label *label, int ch, const char *value);

/* What they are together, likewise.  `may_clear`: "" is a name, none. */
int label_check(const struct label *label, bool may_clear);

/*
 * Whether `text` can be a description: EX_USAGE says of the option -d what one
 * is.
 */
int label_check_description(const char *text, struct error *err);

/* Name and description where they are given; "" takes away.  EX_OSERR. */
int label_put(struct envelope_config *config, const struct label *label,
    struct error *err);

/* root_new_begin() of a snapshot, or root_new_begin_over(). */
int label_begin(struct root_new *out, const struct root *root,
    const struct label *label, struct error *err);

/*
 * What is left to do once the name has moved: with REPLACE_RM `old_id` ("":
 * there was none) is removed.  EX_TEMPFAIL: somebody reads it; it stays, without
 * a name.
 */
int label_finish(const struct root *root, const char *old_id,
    const struct label *label, struct error *err);

/* "replaced": the id, where there was one. */
int label_report(json_t *report, const char *old_id, struct error *err);

#endif
