/* SPDX-License-Identifier: ISC */
/*
 * Where a program is that will be run.  Of PATH only directories that are absolute
 * count: what runs a program may stand in a directory of somebody else's files
 * by then, a snapshot's, and an empty part or "." would mean that one.
 */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

/*
 * The path of the program: `name` itself when it has a slash, else the first of
 * that name in PATH that we may run.  The caller frees it.  NULL: there is none,
 * or no memory.
 */
char *program_find(const char *name);

/*
 * Becomes the program argv[0], found in the same way; returns only when that
 * fails, with errno.  For children: it allocates nothing.
 */
void program_become(char *const argv[]);

#endif
