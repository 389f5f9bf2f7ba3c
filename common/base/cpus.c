/* SPDX-License-Identifier: ISC */
#include "base/cpus.h"

#include <sched.h>

unsigned
cpus_usable(void)
{
	cpu_set_t set;
	int n;

	CPU_ZERO(&set);
	/* Refused where a set has no room for a processor of this machine. */
	if (sched_getaffinity(0, sizeof(set), &set) == -1)
		return 1;
	n = CPU_COUNT(&set);
	return n < 1 ? 1 : (unsigned)n;
}
