/* SPDX-License-Identifier: ISC */
/*
 * A save, in the order of its parts: everything that can be done while the
 * guest runs (plan, prepare), the pause, and what is done with frozen files
 * afterwards (publish).
 */
#ifndef SAVE_H
#define SAVE_H

#include <sys/types.h>

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#include "base/error.h"
#include "base/strv.h"
#include "state/label.h"
#include "state/root.h"
#include "state/vm_at.h"
#include "vmm/freeze.h"
#include "vmm/vmm.h"

#define SAVE_PHASES_MAX 24

/* How the guest's memory gets into the snapshot. */
enum memory_way {
	MEMORY_REFLINK,
	MEMORY_COPY,
	MEMORY_OWN_PAGES,
	MEMORY_LINK, /* with --stop: the VMM's file is the snapshot's */
	MEMORY_VMM /* the VMM writes it with its state */
};

struct save {
	struct vm_at *at;
	struct vmm *vmm;
	struct root_new snap; /* the hidden directory that is being made */
	bool stop;
	struct timespec now;

	struct freeze freeze; /* of the disks; ended: the VMM, with --stop */
	enum memory_way memory;
	int memory_fd; /* what is copied, or -1 */
	int image_fd; /* memory.raw of the snapshot, or -1 */
	struct strv copied; /* files that the VM has in place */

	struct sidecar sidecar; /* as things are at the pause */
	struct envelope envelope;

	struct {
		const char *name;
		double ms;
	} phases[SAVE_PHASES_MAX];
	size_t phases_n;
	int64_t phase_us; /* when the present one began */
	int64_t pause_us; /* when the pause did */
	double pause_ms;
};

/* step.c: ends the phase that began with the last call and gives it its name. */
void save_phase(struct save *s, const char *name);

/* EX_IOERR: a copy of `need` bytes has no room. */
int save_need_room(const struct save *s, uint64_t need, struct error *err);

/*
 * A file of the VM's that nobody writes into the snapshot: shared by
 * what `may` allows, but copied where it lies in place.
 */
int save_share(struct save *s, const char *name, unsigned may,
    struct error *err);

/* disks.c: what to do with each disk, and the files that stand still. */
int disks_plan(struct save *s, struct error *err);
int disks_reflink(struct save *s, struct error *err); /* guest stands still */
int disks_link(struct save *s, struct error *err); /* afterwards */

/* memory.c: the same for the guest's memory. */
int memory_plan(struct save *s, struct error *err);
int memory_prepare(struct save *s, struct error *err);
int memory_flush(struct save *s, struct error *err);
int memory_capture(struct save *s, struct error *err); /* guest stands still */
int memory_link(struct save *s, struct error *err); /* the VMM ends next */

/* publish.c: files sealed, envelope written, snapshot made visible. */
int publish_describe(struct save *s, const char *description,
    struct error *err); /* under the VM's lock */
int publish_check_disks(struct save *s, struct error *err);
int publish(struct save *s, bool quiet, struct error *err);

/* What the user wants of a save. */
struct save_how {
	struct label label; /* -n, -d, --replace */
	bool stop; /* --stop */
	struct quiesce quiesce; /* --freeze */
	bool quiet; /* -q */
};

/*
 * Saves the VM `at`, whose lock is held and given up on the way.  *report is
 * the record to print, the caller's.
 */
int save_vm(json_t **report, struct vm_at *at, const struct save_how *how,
    struct error *err);

#endif
