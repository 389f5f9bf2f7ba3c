/* SPDX-License-Identifier: ISC */
/*
 * Kernels as VMMs want them: some take only the uncompressed ELF file that
 * stands packed in the image which distributions install.  Sources: Linux
 * Documentation/arch/x86/boot.rst, elf(5).
 */
#ifndef FOREIGN_KERNEL_H
#define FOREIGN_KERNEL_H

#include <stdint.h>

#include "base/error.h"

/* An unpacked kernel of Debian has 70 MiB; with debug information 500. */
#define KERNEL_BYTES_MAX (UINT64_C(1) << 30)

enum kernel_form {
	KERNEL_ELF64, /* x86-64 */
	KERNEL_BZIMAGE,
	KERNEL_OTHER /* a 32-bit ELF, something else */
};

/* What lies in `fd`, by its head.  EX_IOERR. */
int kernel_form(enum kernel_form *out, int fd, uint64_t size, const char *what,
    struct error *err);

/*
 * Writes the x86-64 ELF file inside of the bzImage `from` of `size` bytes to
 * `to`, from where that stands.  EX_DATAERR: no such image, packed in a form
 * that we do not know (LZO, the kernel's LZ4), damaged, no ELF in it, or more
 * than KERNEL_BYTES_MAX.
 */
int kernel_unpack(int to, int from, uint64_t size, const char *what,
    struct error *err);

/*
 * Makes the file `name` in `dirfd`, which is ours to replace, an ELF file
 * where it is a bzImage; messages call it `what`.  EX_DATAERR: it is neither;
 * the file is as it was.
 */
int kernel_make_elf(int dirfd, const char *name, const char *what,
    struct error *err);

#endif
