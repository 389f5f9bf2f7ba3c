/* SPDX-License-Identifier: ISC */
/*
 * The members of the records of VMs and snapshots, as vm_report(),
 * status_report() and snap_report() write them, and what some tools add.
 */
#ifndef STATE_MEMBERS_H
#define STATE_MEMBERS_H

#include "base/members.h"

extern const struct members vm_members;
extern const struct members snap_members;

/* snap_members, and what label_report() adds. */
extern const struct members label_members;

#endif
