/* SPDX-License-Identifier: ISC */
/*
 * What a guest's /bin/sh is given for each step, with the words that it takes.
 * 0: done, and standard output says what is true in the guest now.
 */
#ifndef VMM_REFRESH_SCRIPTS_H
#define VMM_REFRESH_SCRIPTS_H

extern const char refresh_clock[]; /* SECONDS NANOSECONDS since 1970 */
extern const char refresh_random[]; /* reads fresh bytes: reseeded or mixed */
extern const char refresh_hostname[]; /* NAME: what the kernel has */
extern const char refresh_machine_id[]; /* ID: what the file has */
extern const char refresh_ssh_keys[];
extern const char refresh_network[];

/*
 * one NAME [WORD]...: runs the function NAME, and writes "NAME STATUS TEXT": the last
 * line of what that wrote, or the first where it failed.
 */
extern const char refresh_one_of[];

extern const char refresh_run[]; /* reads a program, and runs it */

#endif
