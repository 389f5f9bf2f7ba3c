/* SPDX-License-Identifier: ISC */
/*
 * Other processes: which one it is (a pid alone is not enough), whether it
 * lives, and helpers run by argument vector.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define PROC_BOOT_ID_MAX 40 /* bytes, with the NUL; a UUID has 36 */
#define PROC_KEEP_MAX 32 /* descriptors: a lock for each disk of a VM */
#define PROC_NUMBER_MAX 63 /* the highest number that one gets */

/* What tells one process from every other, also after a reboot. */
struct proc_id {
	pid_t pid; /* 0: none */
	uint64_t start_ticks; /* proc(5), stat, field 22 */
	char boot_id[PROC_BOOT_ID_MAX]; /* /proc/sys/kernel/random/boot_id */
	uint64_t pid_ns; /* inode of /proc/self/ns/pid */
};

/* Fills *out for the process `pid`.  EX_NOINPUT: there is none. */
int proc_identify(struct proc_id *out, pid_t pid, struct error *err);

/* Whether it runs; a zombie, and one of another boot or namespace, does not. */
bool proc_is_alive(const struct proc_id *id);

/*
 * Whether it is of this boot, but of another PID namespace (a container's, or the
 * host's): whether it runs cannot be seen from here.
 */
bool proc_is_elsewhere(const struct proc_id *id);

/*
 * A pidfd (O_CLOEXEC) of the process when it is alive, else -1 with
 * EX_NOINPUT: signals through it can reach no other process.
 */
int proc_open(int *pidfd, const struct proc_id *id, struct error *err);

/* Sends `number`; a process that has ended is no error. */
int proc_signal(int pidfd, int number, struct error *err);

/* Waits for its end, and reaps a child.  EX_TEMPFAIL: the time is over. */
int proc_wait(int pidfd, int64_t deadline_ms, struct error *err);

/*
 * How the process has ended, as wait(2) tells a child's end; -1: nobody tells.
 * For one that is no child of ours a kernel of 6.15 or later knows, once its
 * parent does.  A child is reaped.
 */
int proc_end(int pidfd);

struct proc_spawn {
	char *const *argv; /* argv[0] is looked up in PATH */
	int dirfd; /* working directory, or -1 */
	int log_fd; /* stdout and stderr */
	int tty_fd; /* stdin and stdout in their place; 0: none */
	/* Pairs: our descriptor, its number there, 3 to PROC_NUMBER_MAX. */
	const int *keep;
	size_t keep_n; /* pairs, up to PROC_KEEP_MAX */
	/*
	 * Called (when not NULL) with the process before it becomes the
	 * program: -1 ends it.  If we are killed meanwhile, it ends, too.
	 */
	int (*note)(void *arg, pid_t pid, struct error *err);
	void *arg;
	/*
	 * Called (when not NULL) in the process, in its directory, right before
	 * it becomes the program: -1 with errno ends it.
	 */
	int (*enter)(void *arg);
	void *enter_arg;
};

/*
 * Starts a process that outlives us: a session of its own, stdin /dev/null,
 * default signals, no descriptors but those named.  *pidfd is the caller's.
 * EX_UNAVAILABLE: the program is missing or cannot be run.
 */
int proc_spawn(pid_t *pid, int *pidfd, const struct proc_spawn *how,
    struct error *err);

/*
 * In a child that goes on by itself: the descriptors 0 to `last`, one of the
 * standard ones, are /dev/null's from here on, and nobody's pipe is held.  -1
 * with errno.
 */
int proc_silence(int last);

struct proc_run {
	char *const *argv; /* argv[0] is looked up in PATH */
	int dirfd; /* working directory, or -1 */
	int stdin_fd; /* or -1: /dev/null */
	const char *input; /* written to its stdin when not NULL: short text */
	char *out; /* its stdout, NUL-terminated; NULL: not wanted */
	size_t out_cap; /* bytes of `out`; more output is an error */
	int64_t deadline_ms; /* base/clock */
	bool first_line; /* it tells the cause first, and then what fails */
	bool is_heard; /* our own stderr gets what it says on its own, too */
	/* Pairs as those of struct proc_spawn. */
	const int *keep;
	size_t keep_n;
	/*
	 * Not NULL: its exit status, which is no failure then whatever it is, and,
	 * where `said` is not NULL, what it said on stderr, cut.
	 */
	int *status;
	char *said;
	size_t said_cap;
};

/*
 * Runs a helper to its end, which is ours if that comes first, unless the
 * program is one that changes ids.  EX_UNAVAILABLE: missing, failed (its last line
 * on stderr is quoted, or the first) or printed too much.  EX_TEMPFAIL: out of time; it was
 * killed.
 */
int proc_run(const struct proc_run *how, struct error *err);

#endif
