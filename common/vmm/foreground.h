/* SPDX-License-Identifier: ISC */
/*
 * A tool that stays until its VM has ended: a signal stops the VM, its console
 * may be copied, and the tool's end is the guest's.  The VM's lock is held by
 * nobody meanwhile but by who brings the end about.
 */
#ifndef VMM_FOREGROUND_H
#define VMM_FOREGROUND_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/id.h"
#include "base/notify.h"
#include "base/opt.h"

/* Rows of the tool's long options, and what they return. */
enum {
	FOREGROUND = 240,
	FOREGROUND_CONSOLE,
	FOREGROUND_ON_KILL,
	FOREGROUND_STOP_TIMEOUT,
	FOREGROUND_RM
};
#define FOREGROUND_ROWS                                                        \
	{ "foreground", no_argument, NULL, FOREGROUND },                       \
	    { "console", no_argument, NULL, FOREGROUND_CONSOLE },              \
	    { "on-kill", required_argument, NULL, FOREGROUND_ON_KILL },        \
	{                                                                      \
		"stop-timeout", required_argument, NULL,                       \
		    FOREGROUND_STOP_TIMEOUT                                    \
	}
#define FOREGROUND_ROW_RM                                                      \
	{                                                                      \
		"rm", no_argument, NULL, FOREGROUND_RM                         \
	}

struct foreground {
	bool wanted; /* --foreground */
	bool console; /* its bytes go to standard output, and no record does */
	bool removes; /* --rm: the VM is removed when it has ended */
	const char *on_kill; /* "leave" or NULL, or "stop" */
	struct opt_time timeout; /* as vm-stop's */
	const char *root; /* -R, or NULL */
	struct notify notify;
	char id[ID_LEN + 1]; /* "": there is no VM yet */
	unsigned told; /* so many VMs */
	pid_t watcher; /* 0: none */
	int word; /* to the watcher */
};

#define FOREGROUND_NONE                                                        \
	{                                                                      \
		.notify.fd = -1, .word = -1                                    \
	}

/* Whether opt_next() returned one of ours. */
bool foreground_is_opt(int ch);

/* Takes such a one; -1: a usage error (told). */
int foreground_opt(struct foreground *f, int ch);

/* Whether they fit each other, and -p (`members`, or NULL).  -1, told. */
int foreground_opt_check(const struct foreground *f, const char *members);

/*
 * Before the VM is started, and before any thread: says where it is watched from.
 * Unless --on-kill is "leave" a process of its own waits from now on for a tool
 * that is gone before its VM has ended, and ends the VM (and removes it) in its
 * place.  Without --foreground nothing is done but that NOTIFY_SOCKET is read.
 * A supervisor that cannot be told is no error, but a line.  EX_OSERR.
 */
int foreground_begin(struct foreground *f, const char *root, struct error *err);

/*
 * Whether the VM is to be removed at its end also where this tool and who watches
 * it are gone then, with the host or the container that they ran in: the record
 * is to say so (auto_remove).  After foreground_begin().
 */
bool foreground_auto_removes(const struct foreground *f);

/* Which one it is: before anybody can see the VM, or when it is locked. */
void foreground_tell(struct foreground *f, const char *id);

/*
 * The tool's end, `code` being what it came to so far; the VM is not locked by
 * it.  With --foreground: tells the supervisor that the VM runs, waits until it
 * has ended, and returns how: 0 when the guest has turned itself off; what the
 * VMM ended with, where that is the guest's to say; else 1.  EX_IOERR: the
 * console could not be written.  Where `code` is no EX_OK the VM is stopped, and
 * that is returned.  Without --foreground: tells the supervisor of a single VM.
 */
int foreground_stay(struct foreground *f, int code);

#endif
