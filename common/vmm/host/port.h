/* SPDX-License-Identifier: ISC */
/* Who has a port of the host; private to vmm/. */
#ifndef VMM_PORT_H
#define VMM_PORT_H

#include "base/error.h"

/*
 * Why a VMM could not listen at the TCP port `port` of `addr` (dotted).  The
 * process that does so already is named, where /proc tells.  EX_UNAVAILABLE with
 * that; -1.  0, and nothing is set: nobody listens there.
 */
int port_taken(const char *addr, unsigned port, struct error *err);

#endif
