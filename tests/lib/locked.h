/* SPDX-License-Identifier: ISC */
#ifndef TESTS_LIB_LOCKED_H
#define TESTS_LIB_LOCKED_H

#include <sys/file.h>

#include <errno.h>
#include <stdbool.h>

/* Whether somebody else holds a lock on the open directory or file `fd`. */
static bool
is_locked(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		return errno == EWOULDBLOCK;
	flock(fd, LOCK_UN);
	return false;
}

#endif
