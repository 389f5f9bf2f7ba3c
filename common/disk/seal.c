/* SPDX-License-Identifier: ISC */
#include "disk/seal.h"

#include <unistd.h>

#include "disk/sweep.h"

int
seal_file(struct digest *out, int fd, uint64_t size, const char *what,
    struct error *err)
{
	if (sweep_file(out, fd, size, SWEEP_PUNCH, what, err) == -1)
		return -1;
	if (fsync(fd) == -1)
		return error_sys(err, EX_IOERR, "%s", what);
	return 0;
}
