/* SPDX-License-Identifier: ISC */
/* A bounded log for tests, of lines that are numbered. */
#ifndef TESTS_BOUNDED_LOG_H
#define TESTS_BOUNDED_LOG_H

#include <sys/stat.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>

#include <atf-c.h>

#include "state/vm.h"
#include "vmm/host/console_log.h"

#define MAX MACHINE_CONSOLE_MIN
#define LINE_FORMAT "line %011u\n"
#define LINE_BYTES 17 /* which no file is a multiple of */

/* Appends the line of that number. */
static inline void
number(struct console_log *log, unsigned n)
{
	char line[LINE_BYTES + 1];

	snprintf(line, sizeof(line), LINE_FORMAT, n);
	ATF_REQUIRE_EQ(LINE_BYTES, console_log_append(log, line, LINE_BYTES));
}

static inline void
open_log(struct console_log *log, struct vm *vm, int dirfd)
{
	struct error err = { 0 };

	*log = CONSOLE_LOG_NONE;
	ATF_REQUIRE_EQ_MSG(0, console_log_open(log, vm, dirfd, &err), "%s",
	    err.msg);
}

static inline uint64_t
size_of(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0
	    ? (uint64_t)st.st_size
	    : 0;
}

static inline uint64_t
sizes_of(int dirfd)
{
	return size_of(dirfd, VM_CONSOLE_LOG) + size_of(dirfd, VM_CONSOLE_OLD);
}

static inline void
new_vm(struct vm *vm, int *dirfd, const char *dir, uint64_t max_bytes)
{
	vm_init(vm);
	vm->machine.console_max_bytes = max_bytes;
	ATF_REQUIRE(mkdir(dir, 0700) == 0);
	*dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_REQUIRE(*dirfd != -1);
}

#endif
