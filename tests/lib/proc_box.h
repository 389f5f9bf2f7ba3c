/* SPDX-License-Identifier: ISC */
/* A shell's command as another process, and its log. */
#ifndef TESTS_PROC_BOX_H
#define TESTS_PROC_BOX_H

#include <atf-c.h>
#include <fcntl.h>
#include <stdint.h>

#define LONG_MS 60000
#define LOG "log"

/* A shell's command in argv's form. */
#define SHELL(text)                                                            \
	{                                                                      \
		(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",            \
		    (char *)(uintptr_t)(text), NULL                            \
	}

static inline int
open_log(void)
{
	int fd = open(LOG, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ATF_REQUIRE(fd != -1);
	return fd;
}

#endif
