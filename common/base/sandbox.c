/* SPDX-License-Identifier: ISC */
#include "base/sandbox.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_OFF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_OFF 1
#endif
#endif
#ifndef SANDBOX_OFF
#define SANDBOX_OFF 0
#endif

/* Rights of the first version of the interface, known to every kernel. */
#define SANDBOX_RIGHTS ((UINT64_C(1) << 13) - 1)

static int
allow_beneath(int ruleset, int dirfd, struct error *err)
{
	struct landlock_path_beneath_attr rule;

	memset(&rule, 0, sizeof(rule));
	rule.allowed_access = SANDBOX_RIGHTS;
	rule.parent_fd = dirfd;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		&rule, 0) == -1)
		return error_sys(err, EX_OSERR, "Landlock rule");
	return 0;
}

int
sandbox_enter(const int *dirfds, size_t n, struct error *err)
{
	struct landlock_ruleset_attr attr;
	int ruleset, rc = -1;
	size_t i;

	if (SANDBOX_OFF)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return error_sys(err, EX_OSERR, "no_new_privs");
	memset(&attr, 0, sizeof(attr));
	attr.handled_access_fs = SANDBOX_RIGHTS;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr),
	    0);
	if (ruleset == -1) {
		if (errno == ENOSYS || errno == EOPNOTSUPP || errno == EINVAL)
			return 0;
		return error_sys(err, EX_OSERR, "Landlock");
	}
	for (i = 0; i < n; i++)
		if (allow_beneath(ruleset, dirfds[i], err) == -1)
			goto out;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) == -1) {
		error_sys(err, EX_OSERR, "Landlock");
		goto out;
	}
	hook_step("enclosed");
	rc = 0;
out:
	fd_drop(&ruleset);
	return rc;
}
