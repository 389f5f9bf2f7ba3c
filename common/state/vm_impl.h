/* SPDX-License-Identifier: ISC */
/* What the halves of state/vm share. */
#ifndef STATE_VM_IMPL_H
#define STATE_VM_IMPL_H

#include <jansson.h>

#include "state/vm.h"

/*
 * What vm.json says, checked like a stranger's.  On success *out is the
 * caller's to vm_fini(); otherwise it is as it was.  EX_DATAERR.
 */
int vm_decode(struct vm *out, const json_t *record, struct error *err);

/* The members identity and confined, and thaw, which is only stored. */
int vm_put_identity(json_t *record, const struct vm_identity *id,
    struct error *err);
int vm_get_identity(struct vm_identity *id, const json_t *record,
    struct error *err);
int vm_put_confined(json_t *record, const struct vm_confined *c,
    struct error *err);
int vm_get_confined(struct vm_confined *c, const json_t *record,
    struct error *err);
int vm_put_thaw(json_t *record, enum vm_thaw thaw, struct error *err);
int vm_get_thaw(enum vm_thaw *out, const json_t *record, struct error *err);

#endif
