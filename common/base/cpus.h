/* SPDX-License-Identifier: ISC */
/* How much work at once there are processors for. */
#ifndef BASE_CPUS_H
#define BASE_CPUS_H

/* Processors that this process may use, at least 1: those of its affinity. */
unsigned cpus_usable(void);

#endif
