/* SPDX-License-Identifier: ISC */
/*
 * One table of what must hold before a snapshot is loaded.  Nothing is written
 * and no VM is touched.
 */
#ifndef VMM_PREFLIGHT_H
#define VMM_PREFLIGHT_H

#include <stdbool.h>

#include "base/error.h"
#include "format/sidecar.h"
#include "state/root.h"
#include "state/snap.h"
#include "state/vm.h"

#define PREFLIGHT_SMALL_BYTES                                                  \
	(8u << 20) /* files up to this are always hashed */

struct preflight {
	const struct snap *snap; /* borrowed, as the rest */
	const struct root *root;
	const struct sidecar *sidecar;
	const struct vm *vm; /* the VM to restore into; NULL: a clone */
	bool verify; /* digests of all files, not only of small ones */
};

/*
 * Runs every check.  EX_DATAERR: the snapshot is not whole, or its parts do
 * not agree.  EX_CONFIG: it does not fit this host, or the VM.
 */
int preflight_run(const struct preflight *p, struct error *err);

#endif
