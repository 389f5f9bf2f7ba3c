/* SPDX-License-Identifier: ISC */
/*
 * Rules of Landlock (landlock(7)): what a process may still do with files it has
 * not opened yet, with TCP, and with other processes.  A kernel that has none,
 * or a part, gives that part.
 */
#ifndef BASE_RULESET_H
#define BASE_RULESET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* linux/landlock.h, of a kernel that may be newer than the headers here. */
#define RULE_EXECUTE UINT64_C(1)
#define RULE_WRITE_FILE (UINT64_C(1) << 1)
#define RULE_READ_FILE (UINT64_C(1) << 2)
#define RULE_READ_DIR (UINT64_C(1) << 3)
#define RULE_REMOVE_DIR (UINT64_C(1) << 4)
#define RULE_REMOVE_FILE (UINT64_C(1) << 5)
#define RULE_MAKE_DIR (UINT64_C(1) << 7)
#define RULE_MAKE_REG (UINT64_C(1) << 8)
#define RULE_MAKE_SOCK (UINT64_C(1) << 9)
#define RULE_MAKE_SYM (UINT64_C(1) << 12)
#define RULE_REFER (UINT64_C(1) << 13) /* linked from elsewhere: 5.19 */
#define RULE_TRUNCATE (UINT64_C(1) << 14) /* 6.2 */
#define RULE_IOCTL_DEV (UINT64_C(1) << 15) /* 6.10 */
#define RULE_BIND_TCP UINT64_C(1) /* 6.7 */
#define RULE_CONNECT_TCP UINT64_C(2)

/* What of them a file that is no directory can have. */
#define RULE_OF_FILES                                                          \
	(RULE_EXECUTE | RULE_WRITE_FILE | RULE_READ_FILE | RULE_TRUNCATE |     \
	    RULE_IOCTL_DEV)

/* What is left open, besides what rules allow. */
struct ruleset_open {
	bool bind, connect; /* TCP */
	bool signals; /* to processes outside */
	bool sockets; /* abstract ones of processes outside */
};

/* Rules on their way. */
struct ruleset {
	int fd; /* -1: none */
	int abi; /* version of the kernel's interface; 0: it has none */
	uint64_t fs, net; /* what it can refuse of both, and does */
};

#define RULESET_NONE                                                           \
	{                                                                      \
		.fd = -1                                                       \
	}

/* The version of the kernel's interface; 0: it has none. */
int ruleset_abi(void);

/*
 * Refuses everything that the kernel can but `left`, from when it is entered.
 * *out is the caller's (ruleset_fini); a kernel without leaves fd at -1, and
 * the rest does nothing.  EX_OSERR.
 */
int ruleset_begin(struct ruleset *out, const struct ruleset_open *left,
    struct error *err);
void ruleset_fini(struct ruleset *r);

/*
 * Allows `rights` of the file or directory that is open as `fd` (O_PATH will
 * do), and of what is beneath it; those that do not fit it are left out.
 */
int ruleset_allow(struct ruleset *r, int fd, uint64_t rights,
    struct error *err);

/* The same by name beneath `dirfd`; what is not there is left out. */
int ruleset_allow_at(struct ruleset *r, int dirfd, const char *path,
    uint64_t rights, struct error *err);

/* Allows RULE_BIND_TCP or RULE_CONNECT_TCP with the port; 0: any free one. */
int ruleset_allow_port(struct ruleset *r, uint16_t port, uint64_t rights,
    struct error *err);

/* From here on, with no_new_privs set already.  EX_OSERR. */
int ruleset_enter(const struct ruleset *r, struct error *err);

#endif
