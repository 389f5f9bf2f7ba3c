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
 * without an entry there has the group `gid` alone, and no HOME.  Only root can do it, before any thread, and before anything is
 * open that the user is not to have.  EX_NOPERM: not this one.
 */
int user_become(uid_t uid, gid_t gid, struct error *err);

#endif
