/* SPDX-License-Identifier: ISC */
#include "disk/writeback.h"

#include <fcntl.h>

#define WRITEBACK_STEP (UINT64_C(8) << 20)

void
writeback_to(struct writeback *w, uint64_t off)
{
	if (w->fd == -1 || off < w->started + WRITEBACK_STEP)
		return;
	(void)sync_file_range(w->fd, (off_t)w->started,
	    (off_t)(off - w->started), SYNC_FILE_RANGE_WRITE);
	w->started = off;
}
