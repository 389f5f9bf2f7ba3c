/* SPDX-License-Identifier: ISC */
#include "base/ruleset.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define FS_FIRST ((UINT64_C(1) << 13) - 1) /* all of the first interface */
#define SCOPE_ABSTRACT UINT64_C(1)
#define SCOPE_SIGNAL UINT64_C(2)
#define RULE_TYPE_PORT 2

/* struct landlock_ruleset_attr; an older kernel takes it with zeros at the end. */
struct all {
	uint64_t fs, net, scoped;
};

/* struct landlock_net_port_attr */
struct port {
	uint64_t allowed_access, port;
};

int
ruleset_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 1 ? 0 : (int)abi; /* ENOSYS, or EOPNOTSUPP: at this boot */
}

/* What the kernel can be asked to refuse, by the version of its interface. */
static struct all
all_of(int abi, const struct ruleset_open *left)
{
	struct all all = { .fs = FS_FIRST };

	if (abi >= 2)
		all.fs |= RULE_REFER;
	if (abi >= 3)
		all.fs |= RULE_TRUNCATE;
	if (abi >= 4)
		all.net = (left->bind ? 0 : RULE_BIND_TCP) |
		    (left->connect ? 0 : RULE_CONNECT_TCP);
	if (abi >= 5)
		all.fs |= RULE_IOCTL_DEV;
	if (abi >= 6)
		all.scoped = (left->sockets ? 0 : SCOPE_ABSTRACT) |
		    (left->signals ? 0 : SCOPE_SIGNAL);
	return all;
}

int
ruleset_begin(struct ruleset *out, const struct ruleset_open *left,
    struct error *err)
{
	struct all all;

	*out = (struct ruleset)RULESET_NONE;
	out->abi = ruleset_abi();
	if (out->abi == 0)
		return 0;
	all = all_of(out->abi, left);
	out->fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all),
	    0);
	if (out->fd == -1)
		return error_sys(err, EX_OSERR, "Landlock");
	out->fs = all.fs;
	out->net = all.net;
	return 0;
}

void
ruleset_fini(struct ruleset *r)
{
	fd_drop(&r->fd);
}

int
ruleset_allow(struct ruleset *r, int fd, uint64_t rights, struct error *err)
{
	struct landlock_path_beneath_attr rule;
	struct stat st;

	if (r->fd == -1)
		return 0;
	if (fstat(fd, &st) == -1)
		return error_sys(err, EX_OSERR, "Landlock rule");
	memset(&rule, 0, sizeof(rule));
	rule.allowed_access = rights & r->fs;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= RULE_OF_FILES;
	rule.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, r->fd, LANDLOCK_RULE_PATH_BENEATH,
		&rule, 0) == -1)
		return error_sys(err, EX_OSERR, "Landlock rule");
	return 0;
}

int
ruleset_allow_at(struct ruleset *r, int dirfd, const char *path,
    uint64_t rights, struct error *err)
{
	int fd, rc;

	if (r->fd == -1)
		return 0;
	fd = openat(dirfd, path, O_PATH | O_CLOEXEC);
	if (fd == -1)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM
		    ? error_sys(err, EX_OSERR, "%s", path)
		    : 0;
	rc = ruleset_allow(r, fd, rights, err);
	fd_drop(&fd);
	return rc == -1 ? error_wrap(err, "%s", path) : 0;
}

int
ruleset_allow_port(struct ruleset *r, uint16_t port, uint64_t rights,
    struct error *err)
{
	struct port rule = { rights & r->net, port };

	if (r->fd == -1 || rule.allowed_access == 0)
		return 0;
	if (syscall(SYS_landlock_add_rule, r->fd, RULE_TYPE_PORT, &rule, 0) ==
	    -1)
		return error_sys(err, EX_OSERR, "Landlock rule");
	return 0;
}

int
ruleset_enter(const struct ruleset *r, struct error *err)
{
	return r->fd == -1 || syscall(SYS_landlock_restrict_self, r->fd, 0) == 0
	    ? 0
	    : error_sys(err, EX_OSERR, "Landlock");
}
