/* SPDX-License-Identifier: ISC */
/* A processor's forms of a kernel; private to kernel.c. */
#ifndef FOREIGN_KERNEL_ARCH_H
#define FOREIGN_KERNEL_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define KERNEL_HEAD_BYTES 0x250 /* in which both forms are told */

struct kernel_arch {
	const char *plain, *packed; /* what the two are called */
	/* By the first `len` bytes of a file or of what was unpacked. */
	bool (*is_plain)(const unsigned char *p, size_t len);
	bool (*is_packed)(const unsigned char *p, size_t len);
	/*
	 * Where in a packed one, by its KERNEL_HEAD_BYTES, the plain one stands,
	 * compressed, and how long that is.  EX_DATAERR: it does not tell.
	 */
	int (*find_payload)(uint64_t *off, uint64_t *bytes,
	    const unsigned char *head, const char *what, struct error *err);
};

extern const struct kernel_arch kernel_x86;

/* The one of the processor that this is built for. */
#define KERNEL_ARCH kernel_x86

#endif
