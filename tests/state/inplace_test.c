/* SPDX-License-Identifier: ISC */
#include "state/inplace.h"

#include <sys/sysmacros.h>

#include <atf-c.h>

#define UID 1000

/* A line of mountinfo: fuse.instar at device 0:57, where not said otherwise. */
#define LINE(source, options)                                                  \
	"42 25 0:57 / /mnt rw,nosuid - fuse.instar " source " " options "\n"

static bool
is_ours(const char *line)
{
	return inplace_is_our_line(line, makedev(0, 57), UID);
}

ATF_TC_WITHOUT_HEAD(mount__ours);
ATF_TC_BODY(mount__ours, tc)
{
	ATF_CHECK(is_ours(LINE("instar", "ro,user_id=1000,group_id=1000")));
	ATF_CHECK(is_ours(LINE("instar", "ro,user_id=0,group_id=0")));
	ATF_CHECK(is_ours(LINE("instar", "user_id=1000")));
	ATF_CHECK(is_ours("42 25 0:57 / /mnt ro shared:1 - fuse instar "
			  "ro,user_id=1000,group_id=0,allow_other"));
}

/* Whoever may mount at all may call it as ours are called. */
ATF_TC_WITHOUT_HEAD(mount__of_others);
ATF_TC_BODY(mount__of_others, tc)
{
	ATF_CHECK(!is_ours(LINE("instar", "ro,user_id=1001,group_id=1000")));
	ATF_CHECK(!is_ours(LINE("instar", "ro,user_id=10000,group_id=1000")));
	ATF_CHECK(!is_ours(LINE("instar", "ro,group_id=1000,allow_other")));
	ATF_CHECK(!is_ours(LINE("instar", "ro,not_user_id=1000")));
	ATF_CHECK(!is_ours(LINE("instar", "ro,user_id=")));
	ATF_CHECK(!is_ours(LINE("instar", "ro,user_id=-1")));
	ATF_CHECK(!is_ours(LINE("other", "ro,user_id=1000")));
	ATF_CHECK(!is_ours("42 25 0:57 / /mnt rw - ext4 instar user_id=1000"));
	ATF_CHECK(!is_ours("42 25 0:58 / /mnt rw - fuse instar user_id=1000"));
	ATF_CHECK(!is_ours("42 25 0:57 / /mnt rw"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, mount__ours);
	ATF_TP_ADD_TC(tp, mount__of_others);
	return atf_no_error();
}
