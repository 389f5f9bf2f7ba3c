/* SPDX-License-Identifier: ISC */
/*
 * How Linux tells in /proc/cpuinfo what a processor can do: its words differ
 * from one architecture to the next.  Private to processor.c.
 */
#ifndef VMM_PROCESSOR_ARCH_H
#define VMM_PROCESSOR_ARCH_H

struct processor_arch {
	const char *flags; /* the line with the flags begins so */
	/* With one of these flags it runs guests; NULL ends them. */
	const char *const *runs_guests;
};

extern const struct processor_arch processor_x86;

/* The one of the processor that this is built for. */
#define PROCESSOR_ARCH processor_x86

#endif
