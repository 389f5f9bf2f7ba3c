/* SPDX-License-Identifier: ISC */
/* Tap devices for guests (Linux Documentation/networking/tuntap.rst). */
#ifndef VMM_TAP_H
#define VMM_TAP_H

#include "base/error.h"

/*
 * Opens the existing or new tap `name` (takes a busy one for an error).
 * EX_NOPERM: needs CAP_NET_ADMIN.  EX_TEMPFAIL: another process has it.
 */
int tap_open(int *out, const char *name, struct error *err);

/*
 * A new tap on the bridge `bridge`, up; it goes away with its descriptor.
 * EX_NOINPUT: no such bridge.
 */
int tap_open_on_bridge(int *out, const char *bridge, struct error *err);

#endif
