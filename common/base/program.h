/* SPDX-License-Identifier: ISC */
/* Where a program is that will be run. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

/*
 * The path of the program as a shell finds it: `name` itself when it has a
 * slash, else the first of that name in PATH that we may run.  The caller frees
 * it.  NULL: there is none, or no memory.
 */
char *program_find(const char *name);

#endif
