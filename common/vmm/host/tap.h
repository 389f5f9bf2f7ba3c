/* SPDX-License-Identifier: ISC */
/* Tap devices for guests (Linux Documentation/networking/tuntap.rst). */
#ifndef VMM_TAP_H
#define VMM_TAP_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Opens the existing or new tap `name` (takes a busy one for an error).
 * EX_NOPERM: it is another user's, or not there, and we lack CAP_NET_ADMIN; the
 * message says how to make one that will do.  EX_TEMPFAIL: another process has it.
 */
int tap_open(int *out, const char *name, struct error *err);

/*
 * A new tap on the bridge `bridge`, up; it goes away with its descriptor.
 * EX_NOINPUT: no such bridge.  EX_NOPERM, as above: never without
 * CAP_NET_ADMIN.
 */
int tap_open_on_bridge(int *out, const char *bridge, struct error *err);

/*
 * The same, kept without a descriptor until tap_remove(), or until somebody
 * who has it open says that it need not stay; its name in name[16].
 */
int tap_keep_on_bridge(char name[16], const char *bridge, struct error *err);
void tap_remove(const char *name);

/* Whether frames go through the interface.  EX_NOPERM, EX_NOINPUT. */
int tap_set_up(const char *name, bool up, struct error *err);

#endif
