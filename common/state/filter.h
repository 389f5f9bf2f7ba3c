/* SPDX-License-Identifier: ISC */
/*
 * Which records a listing prints: those of which every wish is true.  A wish of
 * a member that a record lacks is not.
 */
#ifndef STATE_FILTER_H
#define STATE_FILTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/error.h"
#include "base/opt.h"
#include "state/root.h"

#define FILTER_WISHES_MAX 6

struct filter_wish {
	const char *option; /* "--state" */
	const char *member, *else_member; /* in its place; or NULL */
	/* One of these three; borrowed from argv. */
	const char *words; /* its text is one of "a,b" */
	struct opt_time age; /* it is a time so long ago, or longer */
	const char *ref; /* it is the id that this stands for */
	enum root_kind kind; /* of the reference */
	char id[ID_LEN + 1]; /* from filter_resolve() on */
};

struct filter {
	struct filter_wish v[FILTER_WISHES_MAX];
	size_t n;
};

/*
 * The wish of the option is that the member's text is one of the words "a,b";
 * `known` has all that there are, from 0, and NULL behind them.  Usage errors
 * (-1, told): another word, or a second wish of the option.  So with the others.
 */
int filter_words(struct filter *f, const char *option, const char *member,
    const char *words, const char *(*known)(size_t i));

/* That the member, else `else_member`, is a time that long ago. */
int filter_age(struct filter *f, const char *option, const char *member,
    const char *else_member, const char *duration);

/* That it is the id of the VM or snapshot `ref`. */
int filter_origin(struct filter *f, const char *option, const char *member,
    enum root_kind kind, const char *ref);

/*
 * Finds what references stand for, before the first record is asked about.  A
 * whole id may be of something that is removed.  As root_resolve().
 */
int filter_resolve(struct filter *f, const struct root *root,
    struct error *err);

/* Whether the record is to be printed; ages are up to `now`. */
bool filter_fits(const struct filter *f, const json_t *record,
    const struct timespec *now);

#endif
