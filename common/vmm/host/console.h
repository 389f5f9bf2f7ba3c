/* SPDX-License-Identifier: ISC */
/*
 * The console of a VM whose VMM has none to offer but its own stdin and stdout,
 * or keeps no bound of its log: it gets a terminal, or a connected socket, and a
 * small process that outlives the tool keeps the other end.  That process
 *
 *   appends to console.log all that the guest prints, with a client or without,
 *	and keeps the log's bound, where it has one (console_log.h);
 *   serves console.sock for one client at a time: others wait in its queue
 *	until that one leaves, then the next is served;
 *   lets a client miss what it does not read, rather than let the guest wait;
 *   keeps what the log has no room for (64 KiB) and tries anew each second;
 *   ends when the VMM has, after the last byte is in the log.
 *
 * It ignores INT, TERM and HUP.  If it is killed the guest goes on without a
 * console until its next start: the VMM's writes fail.
 *
 * What it is doing can be seen on console.lock, by locks that die with it
 * (fcntl(2), open file description locks): on byte 0 while it has a client,
 * on byte 1 as long as it may still write to the log.
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "state/vm.h"
#include "vmm/host/console_log.h"

/* What it is made of, before it is a process. */
struct console_parts {
	int tty; /* the VMM's end */
	int master; /* the other one */
	int listener, lock;
	struct console_log log;
};

#define CONSOLE_NONE                                                           \
	((struct console_parts){ -1, -1, -1, -1, CONSOLE_LOG_NONE })

enum console_kind {
	CONSOLE_TERMINAL, /* raw; the VMM's stdin and stdout to be */
	CONSOLE_SOCKET /* the caller hands it down, and `tty` is -1 then */
};

/*
 * Makes all of it for the VM whose directory is `dirfd`; files are made anew or
 * appended to there.  Notes in `vm` where its new run begins in the log.  `c` is
 * CONSOLE_NONE, and owned afterwards (console_drop).  EX_OSERR, EX_NOPERM,
 * EX_IOERR, EX_DATAERR: the log is no file.
 */
int console_open(struct console_parts *c, enum console_kind kind, struct vm *vm,
    int dirfd, struct error *err);

/*
 * Starts the process, and waits until it serves and holds none of the caller's
 * descriptors and streams.  The VMM may run already: what it prints waits.  Before any thread is started.  EX_OSERR.
 */
int console_run(const struct console_parts *c, pid_t *pid, struct error *err);

/*
 * Closes what the caller has of it: the process ends when nobody has the
 * VMM's end open any more.
 */
void console_drop(struct console_parts *c);

/* Whether no client has the console; true where no such process runs. */
bool console_is_free(int dirfd);

/*
 * Whether there may be more to come in console.log, though the VMM has ended;
 * false where no such process runs.
 */
bool console_is_writing(int dirfd);

/* Waits until that is false, at most until `deadline_ms`. */
void console_await_end(int dirfd, int64_t deadline_ms);

#endif
