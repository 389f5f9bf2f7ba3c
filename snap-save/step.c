/* SPDX-License-Identifier: ISC */
/* What each step of a save asks and says. */
#include "save.h"

#include <inttypes.h>

#include "base/clock.h"
#include "disk/fs.h"
#include "state/inplace.h"

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

int
save_share(struct save *s, const char *name, unsigned may, struct error *err)
{
	const char *dir = s->at->vm.depends_on;

	if (inplace_is_link(dir, s->at->dirfd, name) &&
	    strv_add(&s->copied, err, "%s", name) == -1)
		return -1;
	return inplace_copy(s->snap.dirfd, name, dir, s->at->dirfd, name, may,
	    err);
}
