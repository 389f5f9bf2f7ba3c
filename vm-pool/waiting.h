/* SPDX-License-Identifier: ISC */
/* The clones that wait in a pool, and whether they live. */
#ifndef WAITING_H
#define WAITING_H

#include <stddef.h>
#include <stdint.h>

#include "state/root.h"

struct waiting_one {
	char id[ID_LEN + 1];
	int pidfd; /* of its VMM */
};

struct waiting { /* { 0 } has none */
	struct waiting_one *v;
	size_t n;
	uint64_t made, taken, died; /* since it was begun */
};

/*
 * What lies in `dirfd` (state/standby.h) now.  One whose VMM has died is
 * removed; one that is gone while its VMM lives was taken.
 */
int waiting_look(struct waiting *w, const struct root *root, int dirfd,
    struct error *err);

/* Ends and removes all that nobody takes just now. */
void waiting_end(struct waiting *w, const struct root *root, int dirfd);

void waiting_fini(struct waiting *w);

#endif
