/* SPDX-License-Identifier: ISC */
/* The commands by which a guest makes things new. */
#ifndef VMM_REFRESH_COMMAND_H
#define VMM_REFRESH_COMMAND_H

#include "vmm/refresh_guest.h"

/*
 * Starts the one of g->step, of all of g->group, or the script (g->is_script): g->pid, and g->word
 * where the guest is to say that.  As agent_exec_start().
 */
int refresh_command_start(struct refresh_guest *g, int64_t deadline_ms,
    struct error *err);

#endif
