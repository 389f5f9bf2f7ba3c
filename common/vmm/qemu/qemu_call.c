/* SPDX-License-Identifier: ISC */
#include "vmm/qemu/qemu.h"

#include "base/clock.h"

int
qemu_call(struct vmm *vmm, const char *command, json_t *args,
    struct jdoc **answer, struct error *err)
{
	struct qemu *q = vmm->own;

	return qmp_call(q->qmp, command, args, answer, clock_ms() + VMM_CALL_MS,
	    err);
}
