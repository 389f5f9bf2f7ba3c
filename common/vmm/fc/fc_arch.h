/* SPDX-License-Identifier: ISC */
/*
 * What Firecracker is asked for by the processor of the host, which is that of
 * its guests; everything else of the driver is the same for all of them.
 */
#ifndef VMM_FC_ARCH_H
#define VMM_FC_ARCH_H

struct fc_arch {
	/*
	 * Where the user says nothing; without it Firecracker's own, which has
	 * no console.  A guest that ends is to end the process.
	 */
	const char *cmdline;
	/*
	 * The action that asks a guest to shut down (NULL: there is none), and
	 * how many of them fill the queue of the device that it is, so that one
	 * more is refused while nobody reads it.
	 */
	const char *button;
	int button_fill;
};

extern const struct fc_arch fc_x86;

/* The one of the processor that this is built for. */
#define FC_ARCH fc_x86

#endif
