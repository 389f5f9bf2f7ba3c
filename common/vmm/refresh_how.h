/* SPDX-License-Identifier: ISC */
/*
 * What is to be new in a guest that goes on from a snapshot: --refresh, --run and
 * their deadline.
 */
#ifndef VMM_REFRESH_HOW_H
#define VMM_REFRESH_HOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/opt.h"
#include "state/vm.h"

#define REFRESH_BIT(what) (1u << (what))

/* What is new by default, where somebody answers. */
#define REFRESH_DEFAULT                                                        \
	(REFRESH_BIT(VM_REFRESH_CLOCK) | REFRESH_BIT(VM_REFRESH_RANDOM) |      \
	    REFRESH_BIT(VM_REFRESH_HOSTNAME))

#define REFRESH_RUN_MAX (1u << 20) /* bytes of a script */

struct refresh_how { /* { 0 }: the default */
	bool is_said; /* by --refresh */
	unsigned steps; /* REFRESH_BIT() of each, then */
	const char *run; /* --run's file, or NULL; borrowed */
	char *script; /* what is in it: owned */
	size_t script_len;
	struct opt_time timeout;
};

void refresh_how_fini(struct refresh_how *how);

/*
 * The values of --refresh, --run and --refresh-timeout.  -1: a usage error, told;
 * nothing is twice given.
 */
int refresh_opt(struct refresh_how *how, const char *value);
int refresh_opt_run(struct refresh_how *how, const char *value);
int refresh_opt_timeout(struct refresh_how *how, const char *value);

/*
 * Whether a guest is certainly asked.  -1: it is, and `excluder`, an option that
 * keeps it from running, was given, too (told); NULL: none.
 */
int refresh_opt_check(const struct refresh_how *how, const char *excluder);

/* Whether a guest is to be asked, whoever answers or not. */
bool refresh_is_asked_for(const struct refresh_how *how);

/* Reads --run's file, if there is one.  EX_NOINPUT, EX_DATAERR: too long. */
int refresh_how_read(struct refresh_how *how, struct error *err);

/*
 * Whether the VM can ever be asked for what is asked for: before it is made.
 * EX_UNAVAILABLE: it has no channel for an agent.
 */
int refresh_can_be(const struct refresh_how *how, const struct vm *vm,
    struct error *err);

#endif
