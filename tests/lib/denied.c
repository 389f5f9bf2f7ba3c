/* SPDX-License-Identifier: ISC */
/*
 * usage: denied filters|listing|merging|records|signals COMMAND [ARGUMENT]...
 * Runs the command where the kernel takes no filter that leaves speculation
 * alone (ENOSYS), directories cannot be read (EIO), no memory is merged (EINVAL),
 * no file takes the place of another (EIO), or no signal may be sent by a pidfd
 * (EPERM).
 */
#include "lib/denied.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char *argv[])
{
	static const struct {
		const char *what;
		unsigned number, sys;
	} table[] = {
		{ "merging", SYS_prctl, EINVAL },
		{ "listing", SYS_getdents64, EIO },
		{ "records", SYS_renameat, EIO },
		{ "signals", SYS_pidfd_send_signal, EPERM },
	};
	size_t i;

	if (argc > 2 && strcmp(argv[1], "filters") == 0 &&
	    denied_flags(SYS_seccomp, SECCOMP_FILTER_FLAG_SPEC_ALLOW, ENOSYS) ==
		0)
		execvp(argv[2], argv + 2);
	for (i = 0; argc > 2 && i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(argv[1], table[i].what) == 0 &&
		    denied(table[i].number, table[i].sys) == 0) {
			execvp(argv[2], argv + 2);
			break;
		}
	perror("denied");
	return 125;
}
