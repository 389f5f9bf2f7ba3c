/* SPDX-License-Identifier: ISC */
#include "base/sandbox.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/sandbox_impl.h"

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

/* linux/landlock.h, of a kernel that may be newer than the headers here. */
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_DIR (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_MAKE_SYM (UINT64_C(1) << 12)
#define FS_FIRST ((UINT64_C(1) << 13) - 1) /* all of the first interface */
#define FS_REFER (UINT64_C(1) << 13)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define NET_BIND_TCP UINT64_C(1)
#define NET_CONNECT_TCP UINT64_C(2)
#define SCOPE_ABSTRACT UINT64_C(1)
#define SCOPE_SIGNAL UINT64_C(2)

#define READING (FS_READ_FILE | FS_READ_DIR)
#define WRITING                                                                \
	(READING | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE |            \
	    FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)

/* struct landlock_ruleset_attr; an older kernel takes it with zeros at the end. */
struct ruleset {
	uint64_t fs, net, scoped;
};

/* What the kernel can be asked to refuse, by the version of its interface. */
static struct ruleset
all_of(long abi, const struct sandbox *s)
{
	struct ruleset all = { .fs = FS_FIRST };

	if (abi >= 2)
		all.fs |= FS_REFER;
	if (abi >= 3)
		all.fs |= FS_TRUNCATE;
	if (abi >= 4)
		all.net = NET_BIND_TCP | (s->may_connect ? 0 : NET_CONNECT_TCP);
	if (abi >= 5)
		all.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		all.scoped = SCOPE_ABSTRACT |
		    (s->may_signal ? 0 : SCOPE_SIGNAL);
	return all;
}

static int
allow_beneath(int ruleset, const int *dirfds, size_t n, uint64_t rights,
    struct error *err)
{
	struct landlock_path_beneath_attr rule;
	struct stat st;
	size_t i;

	for (i = 0; i < n; i++) {
		if (fstat(dirfds[i], &st) == -1)
			return error_sys(err, EX_OSERR, "Landlock rule");
		memset(&rule, 0, sizeof(rule));
		rule.allowed_access = S_ISDIR(st.st_mode)
		    ? rights
		    : rights & (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE);
		rule.parent_fd = dirfds[i];
		if (syscall(SYS_landlock_add_rule, ruleset,
			LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == -1)
			return error_sys(err, EX_OSERR, "Landlock rule");
	}
	return 0;
}

static int
restrict_paths(const struct sandbox *s, struct error *err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset all;
	int ruleset, rc = -1;

	if (abi < 1) /* ENOSYS, or EOPNOTSUPP: not at this boot */
		return 0;
	all = all_of(abi, s);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all),
	    0);
	if (ruleset == -1)
		return error_sys(err, EX_OSERR, "Landlock");
	if (allow_beneath(ruleset, s->dirfds, s->n, all.fs & WRITING, err) ==
		0 &&
	    allow_beneath(ruleset, s->read_dirfds, s->read_n, READING, err) ==
		0) {
		rc = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
		if (rc == -1)
			error_sys(err, EX_OSERR, "Landlock");
	}
	fd_drop(&ruleset);
	return rc;
}

int
sandbox_enter_as(const struct sandbox *s, struct error *err)
{
	if (SANDBOX_OFF)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return error_sys(err, EX_OSERR, "no_new_privs");
	if (restrict_paths(s, err) == -1 || sandbox_filter(s, err) == -1)
		return -1;
	hook_step("enclosed");
	return 0;
}

int
sandbox_enter(const int *dirfds, size_t n, struct error *err)
{
	const struct sandbox s = { .dirfds = dirfds, .n = n };

	return sandbox_enter_as(&s, err);
}
