/* SPDX-License-Identifier: ISC */
/* What is told of a command that ran in a guest. */
#ifndef VMM_AGENT_REPORT_H
#define VMM_AGENT_REPORT_H

#include <jansson.h>

#include "base/error.h"
#include "vmm/host/agent_exec.h"

/*
 * Puts status, stdout and stderr of one that has ended; in the texts what is not
 * UTF-8 is U+FFFD.  EX_OSERR.
 */
int agent_report_end(json_t *record, const struct agent_end *end,
    struct error *err);

#endif
