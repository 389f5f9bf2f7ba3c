/* SPDX-License-Identifier: ISC */
/*
 * Kernels as VMMs want them: some take only the uncompressed one that stands
 * packed in the image which distributions install.
 */
#ifndef FOREIGN_KERNEL_H
#define FOREIGN_KERNEL_H

#include <stdint.h>

#include "base/error.h"

/* An unpacked kernel of Debian has 70 MiB; with debug information 500. */
#define KERNEL_BYTES_MAX (UINT64_C(1) << 30)

enum kernel_form {
	KERNEL_PLAIN, /* uncompressed: for x86-64 an ELF file */
	KERNEL_PACKED, /* that in an image: for x86-64 a bzImage */
	KERNEL_OTHER /* a 32-bit ELF, something else */
};

/* What lies in `fd`, by its head.  EX_IOERR. */
int kernel_form(enum kernel_form *out, int fd, uint64_t size, const char *what,
    struct error *err);

/*
 * Writes the plain kernel inside of the packed one `from` of `size` bytes to
 * `to`, from where that stands.  EX_DATAERR: no such image, packed in a form
 * that we do not know (LZO, the kernel's LZ4), damaged, no kernel in it, or
 * more than KERNEL_BYTES_MAX.
 */
int kernel_unpack(int to, int from, uint64_t size, const char *what,
    struct error *err);

/*
 * Makes the file `name` in `dirfd`, which is ours to replace, a plain kernel
 * where it is a packed one; messages call it `what`.  EX_DATAERR: it is neither;
 * the file is as it was.
 */
int kernel_make_plain(int dirfd, const char *name, const char *what,
    struct error *err);

#endif
