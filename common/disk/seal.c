/* SPDX-License-Identifier: ISC */
#include "disk/seal.h"
#include "disk/verity.h"

#include <sys/stat.h>

#include <unistd.h>

#include "base/num.h"
#include "disk/extent.h"
#include "disk/sweep.h"

/* Blocks of the filesystem's own, and those it keeps at a file's end. */
#define SEAL_SLACK NUM_MIB

/*
 * Gives back what was allocated ahead and never written: it reads as a hole,
 * so the sweep does not come by.
 */
static int
give_back(int fd, uint64_t size, const char *what, struct error *err)
{
	struct extent e = { 0 };
	struct stat st;
	uint64_t data, off;
	int more = 1, rc = 1;

	if (extent_data_bytes(&data, fd, size, what, err) == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return error_sys(err, EX_IOERR, "%s", what);
	if ((uint64_t)st.st_blocks * 512 <= data + SEAL_SLACK)
		return 0;
	for (off = 0; more == 1 && rc == 1; off = e.off + e.len) {
		more = extent_next(&e, fd, off, size, what, err);
		if (more == 0)
			e.off = num_round_up(size, VERITY_BLOCK);
		if (more != -1 && e.off > off)
			rc = extent_punch(fd, off, e.off - off, what, err);
	}
	return more == -1 || rc == -1 ? -1 : 0;
}

int
seal_file(struct digest *out, int fd, uint64_t size, const char *what,
    struct error *err)
{
	if (sweep_file(out, fd, size, SWEEP_PUNCH, NULL, what, err) == -1 ||
	    give_back(fd, size, what, err) == -1)
		return -1;
	if (fsync(fd) == -1)
		return error_sys(err, EX_IOERR, "%s", what);
	return 0;
}
