/* SPDX-License-Identifier: ISC */
/*
 * Steps at which a test can stop, kill or fail a tool.  Without TEST_HOOKS
 * nothing of this is compiled in.
 */
#ifndef BASE_HOOK_H
#define BASE_HOOK_H

#ifdef TEST_HOOKS
/*
 * INSTAR_HOOK is "NAME=ACTION": at hook_step("NAME") the process does ACTION,
 * "kill" (SIGKILL to itself), "stop" (SIGSTOP to itself), "exit" (status 99),
 * "open:FILE" (status 98 when it can be opened to read, 97 when it is refused)
 * or "sleep:MS".  Several are separated by commas.
 */
void hook_step(const char *name);

/* How long something lasts: what INSTAR_HOOK has as "NAME=ms:N", else `ms`. */
int hook_ms(const char *name, int ms);
#else
#define hook_step(name) ((void)0)
#define hook_ms(name, ms) (ms)
#endif

#endif
