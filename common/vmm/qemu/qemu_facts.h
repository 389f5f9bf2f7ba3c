/* SPDX-License-Identifier: ISC */
/*
 * What the QEMU at hand is and can: asked of the program once, by starting it
 * without a guest, and kept from then on beside what tells the program from
 * every other (device, inode, size and times), below
 * $XDG_CACHE_HOME/instar, else /var/cache/instar for root and ~/.cache/instar
 * for others.  A script in its place is asked each time.
 */
#ifndef VMM_QEMU_FACTS_H
#define VMM_QEMU_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define QEMU_FACTS_MACHINES_MAX 256 /* 11.1 has 15 of the kind, 10.0 34 */
#define QEMU_FACTS_NAME_MAX 32 /* bytes with the NUL */

struct qemu_machine {
	char name[QEMU_FACTS_NAME_MAX]; /* "pc-q35-7.2" */
	int major, minor; /* 7, 2 */
	bool deprecated;
};

struct qemu_facts {
	char version[QEMU_FACTS_NAME_MAX]; /* "10.0.13"; "": nothing is known */
	int major, minor;
	struct qemu_machine *machines; /* those of the family, in its order */
	size_t machines_n;
	/* Entries that it gives virtio-rng's queue: 8, or all that virtio has. */
	uint64_t rng_queue;
};

/*
 * Fills *out, for qemu_facts_fini(); a QEMU that cannot be asked leaves it
 * empty, for starting it will say why.
 */
void qemu_facts_get(struct qemu_facts *out);

void qemu_facts_fini(struct qemu_facts *facts);

/* What was kept of this program is wrong: it is asked again next time. */
void qemu_facts_forget(void);

/* Whether it is known to be of this version, or a later one. */
bool qemu_facts_since(const struct qemu_facts *facts, int major, int minor);

/*
 * The machine of a new VM: `floor` where it is known and will stay, so that
 * snapshots travel to any QEMU, else the oldest later one that will stay.
 * Borrowed from either argument.
 */
const char *qemu_facts_machine(const struct qemu_facts *facts,
    const char *floor);

/* EX_CONFIG: it is known to have no machine of that name. */
int qemu_facts_check_machine(const struct qemu_facts *facts,
    const char *machine, struct error *err);

/*
 * Reads what a QEMU printed on its monitor when it was asked, a JSON object a
 * line.  EX_UNAVAILABLE: it is not that.
 */
int qemu_facts_decode(struct qemu_facts *out, const char *text, size_t len,
    struct error *err);

#endif
