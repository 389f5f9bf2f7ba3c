/* SPDX-License-Identifier: ISC */
#include "base/merge.h"

#include <sys/prctl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"

#ifndef PR_SET_MEMORY_MERGE /* Linux 6.4, include/uapi/linux/prctl.h */
#define PR_SET_MEMORY_MERGE 67
#endif

int
merge_allow(struct error *err)
{
	if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) == 0)
		return 0;
	return errno == EINVAL
	    ? error_set(err, EX_UNAVAILABLE,
		  "this kernel merges no memory of "
		  "processes: Linux 6.4 with KSM does")
	    : error_sys(err, error_code_of(errno), "merging of memory");
}

/* Whether the kernel looks for equal pages at all, which is root's to say. */
static bool
is_on(void)
{
	int fd = open("/sys/kernel/mm/ksm/run", O_RDONLY | O_CLOEXEC);
	char ch = '0';

	if (fd == -1)
		return false;
	(void)!read(fd, &ch, 1);
	fd_drop(&fd);
	return ch == '1';
}

int
merge_begin(struct error *err)
{
	if (merge_allow(err) == -1)
		return error_wrap(err, "--merge");
	if (!is_on())
		diag("warning: --merge: nobody looks for equal pages: "
		     "/sys/kernel/mm/ksm/run is not 1");
	return 0;
}
