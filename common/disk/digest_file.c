/* SPDX-License-Identifier: ISC */
#include "disk/digest_file.h"

#include <stddef.h>

#include "disk/sweep.h"

int
digest_file(struct digest *out, int fd, uint64_t size, const char *what,
    struct error *err)
{
	return sweep_file(out, fd, size, 0, NULL, what, err);
}

int
digest_file_shown(struct digest *out, int fd, uint64_t size,
    struct progress *progress, const char *what, struct error *err)
{
	return sweep_file(out, fd, size, 0, progress, what, err);
}
