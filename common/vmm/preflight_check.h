/* SPDX-License-Identifier: ISC */
/* The checks of the preflight's table; private to it. */
#ifndef VMM_PREFLIGHT_CHECK_H
#define VMM_PREFLIGHT_CHECK_H

#include "vmm/preflight.h"

typedef int preflight_check(struct preflight *p, struct error *err);

/*
 * The size of a file that must be there, and a regular one.  EX_DATAERR: it is
 * not.
 */
int preflight_size(uint64_t *out, const struct preflight *p, const char *name,
    struct error *err);

/* NULL when no layer is called so. */
const struct layer *preflight_layer(const struct preflight *p,
    const char *name);

/* preflight_form.c */
preflight_check preflight_files, preflight_unlisted, preflight_sidecar,
    preflight_storage, preflight_digests;

/* preflight_fit.c: the host and the VM */
preflight_check preflight_hypervisor, preflight_processors, preflight_roles,
    preflight_nics, preflight_layers, preflight_space;

/* preflight_parts.c: what the hypervisor will load */
preflight_check preflight_memory, preflight_boot_files, preflight_state;

#endif
