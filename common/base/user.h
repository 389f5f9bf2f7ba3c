/* SPDX-License-Identifier: ISC */
/* Another user than root, for good. */
#ifndef BASE_USER_H
#define BASE_USER_H

#include <sys/types.h>

#include "base/error.h"

/*
 * From here on this process is the user `uid`, and so are those that it starts:
 * real, effective and saved ids, the groups that /etc/group gives, and HOME, as
 * /etc/passwd has them; a TMPDIR that is not the user's to write to goes.  One
 * without an entry there has no HOME, and the group `gid` alone, or, where that
 * is 0, which is nobody's choice, the one without rights (65534).  Only root
 * can do it, before any thread, and before anything is open that the user is
 * not to have.  EX_NOPERM: not this one, or root without the capabilities to;
 * everything is as it was.
 */
int user_become(uid_t uid, gid_t gid, struct error *err);

#endif
