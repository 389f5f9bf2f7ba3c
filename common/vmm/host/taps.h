/* SPDX-License-Identifier: ISC */
/*
 * The taps of a VM whose VMM opens them itself, by name.  One on a bridge is
 * made for it, stays until it has it, and goes away with it.
 */
#ifndef VMM_TAPS_H
#define VMM_TAPS_H

#include "state/vm.h"

struct taps {
	char names[NIC_MAX][NIC_IFNAME_MAX + 1]; /* of each NIC */
	size_t n;
};

/*
 * Makes a tap for each NIC that is on a bridge; those of others must be there,
 * or the VMM makes them.  What is to have no link gets none.  EX_TEMPFAIL:
 * another process has the tap, which is left as it is.
 */
int taps_make(struct taps *taps, const struct vm *vm, struct error *err);

/* The VMM has them open: from here on they go away with it. */
int taps_give(const struct taps *taps, const struct vm *vm, struct error *err);

/* The VMM never got them. */
void taps_drop(const struct taps *taps, const struct vm *vm);

#endif
