/* SPDX-License-Identifier: ISC */
/*
 * One guest that goes on from a snapshot, and what it is asked to make new, step
 * by step: it is not waited for here, so that many can be asked at once.
 */
#ifndef VMM_REFRESH_GUEST_H
#define VMM_REFRESH_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "seed/cidata.h"
#include "state/vm.h"
#include "vmm/host/agent_exec.h"

struct refresh_guest {
	/* The caller's; what the guest says goes into vm->identity. */
	struct vm *vm;
	int dirfd;
	unsigned steps; /* REFRESH_BIT() of each that is left; thaw by itself */
	const char *hostname; /* its new one */
	const char *script; /* to be run behind the steps, or NULL */
	size_t script_len;
	int64_t deadline_ms; /* base/clock */
	bool is_default; /* where nobody listens nothing is asked, or said */

	bool is_over;
	int64_t look_ms; /* else: when to look next */
	struct agent_end end; /* of the script, has_ended */
	int64_t script_us; /* that it took */
	/* The first that failed: code, and "random: why". */
	struct error err;
	bool is_frozen; /* it is not known to be thawed */

	struct agent *agent;
	bool runs; /* a command of the guest's number `pid` */
	bool is_script; /* it is the script, not `step` */
	unsigned
	    group; /* REFRESH_BIT() of the steps that it is of; 0: `step` */
	bool is_single; /* it has refused more than one at once */
	int tries; /* to set the clock */
	bool was_thawed; /* as it was frozen unsaid */
	enum vm_refresh step;
	uint64_t pid;
	int64_t start_us;
	int nap_ms;
	char word[40]; /* what the guest is to say */
};

/* Done by the guest as far as it can be just now.  A signal makes it is_over. */
void refresh_guest_look(struct refresh_guest *g);

/* Asks it nothing more, for the cause `why`; what runs there is ended. */
void refresh_guest_end(struct refresh_guest *g, const struct error *why);

void refresh_guest_fini(struct refresh_guest *g);

#endif
