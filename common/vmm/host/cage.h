/* SPDX-License-Identifier: ISC */
/*
 * What a VMM may still do once it runs; private to vmm/.
 *
 * It is enclosed before it is the program: Landlock's rules for the files that
 * it opens by name, for TCP, signals and abstract sockets; a filter of system
 * calls for what these leave open; no capabilities, no new privileges, no core.
 * The rules follow files, not names, and cannot be widened: what the VMM is to
 * open later for writing is handed to it in a directory of its own, where it has
 * a name only as long as that takes (vmm/host/handover.h), or as a descriptor.
 */
#ifndef VMM_CAGE_H
#define VMM_CAGE_H

#include "base/ruleset.h"
#include "state/vm.h"

/*
 * Of the environment: "/a:/b", what else every VMM may read, and run: the parts
 * of a program that is installed in an unusual way.
 */
#define CAGE_READS "INSTAR_VMM_READS"

/* What one VMM needs besides its VM's files and the system's. */
struct cage_needs {
	bool writes_template; /* opens it so, though it never writes it */
	bool writes_console; /* VM_CONSOLE_LOG, by name */
	const char *log; /* a file of its own that it writes, or NULL */
	bool makes_sockets; /* in the VM's directory; it connects to none */
	bool opens_taps; /* by name: as root with CAP_NET_ADMIN */
	bool finds_disks; /* under names that are not its VM's */
	/* Folders with its data, NULL behind the last; or NULL. */
	const char *const *beside; /* beside the one called bin that it is in */
	const char *const *built; /* in its own, where it was not installed */
};

struct cage {
	struct ruleset rules;
	bool is_open; /* --unconfined: nothing of all this */
	bool keeps_net_admin;
	/* What its calls are filtered by. */
	bool makes_sockets, has_user_nets, refuses_huge;
};

/*
 * Makes the rules for the VM whose directory is `dirfd`, and notes in
 * vm->confined what will be in force.  *out is the caller's (cage_fini).
 * EX_OSERR.
 */
int cage_prepare(struct cage *out, struct vm *vm, int dirfd,
    const struct cage_needs *needs, const char *program, struct error *err);
void cage_fini(struct cage *cage);

/*
 * In the process, in the VM's directory, with nothing left to open: from here
 * on, and for what it becomes.  -1 with errno.  A kernel without Landlock is
 * told of in a line on stderr, and no error.
 */
int cage_enter(struct cage *cage);

/*
 * Of the system what every VMM reads, and what came with its program; with
 * `resolver` where the name servers are told.
 */
int cage_allow_system(struct ruleset *r, const char *program,
    const struct cage_needs *needs, bool resolver, struct error *err);

/* The filter of cage_enter().  -1 with errno. */
int cage_filter_calls(const struct cage *cage);

#endif
