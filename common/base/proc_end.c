/* SPDX-License-Identifier: ISC */
/* How a process has ended. */
#include "base/proc.h"

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <errno.h>

#include "base/clock.h"

#define PROC_TOLD_MS 500 /* for the parent of one that is no child of ours */
#define PROC_TOLD_NAP_MS 10

/* Linux include/uapi/linux/pidfd.h: PIDFD_GET_INFO, PIDFD_INFO_EXIT. */
struct pidfd_told {
	uint64_t mask, cgroup_id;
	uint32_t ids[11];
	int32_t exit_code;
};
#define PIDFD_TELL _IOWR(0xff, 11, struct pidfd_told)
#define PIDFD_TOLD_EXIT (UINT64_C(1) << 3)

/* Of a child: -1 where it is none, or was waited for already. */
static int
end_of_child(int pidfd)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) == -1 ||
	    info.si_pid == 0)
		return -1;
	return info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status & 0xff, 0)
					  : W_EXITCODE(0, info.si_status);
}

int
proc_end(int pidfd)
{
	int64_t deadline_ms = clock_ms() + PROC_TOLD_MS;
	int status = end_of_child(pidfd);
	struct pidfd_told told;

	while (status == -1) {
		told = (struct pidfd_told){ .mask = PIDFD_TOLD_EXIT };
		errno = 0;
		if (ioctl(pidfd, PIDFD_TELL, &told) == 0 &&
		    (told.mask & PIDFD_TOLD_EXIT) != 0)
			return told.exit_code;
		if (errno == ENOTTY || errno == EINVAL ||
		    clock_left(deadline_ms) == 0)
			break;
		clock_nap(PROC_TOLD_NAP_MS);
	}
	return status;
}
