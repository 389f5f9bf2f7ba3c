/* SPDX-License-Identifier: ISC */
/* What each step of a save asks and says. */
#include "save.h"

#include <inttypes.h>

#include "base/clock.h"
#include "disk/fs.h"

void
save_phase(struct save *s, const char *name)
{
	int64_t now_us = clock_us();

	if (s->phases_n < SAVE_PHASES_MAX) {
		s->phases[s->phases_n].name = name;
		s->phases[s->phases_n++].ms = (double)(now_us - s->phase_us) /
		    1000;
	}
	s->phase_us = now_us;
}

int
save_need_room(const struct save *s, uint64_t need, struct error *err)
{
	uint64_t left;

	if (fs_free_bytes(&left, s->snap.dirfd, err) == -1)
		return -1;
	if (left < need)
		return error_set(err, EX_IOERR,
		    "no space: %" PRIu64 " bytes needed, %" PRIu64 " free",
		    need, left);
	return 0;
}
