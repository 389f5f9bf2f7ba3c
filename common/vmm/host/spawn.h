/* SPDX-License-Identifier: ISC */
/* A VMM's process: what every driver needs to start one; private to vmm/. */
#ifndef VMM_SPAWN_H
#define VMM_SPAWN_H

#include <stdint.h>
#include <time.h>

#include "base/proc.h"
#include "vmm/driver.h"
#include "vmm/host/cage.h"
#include "vmm/host/rest.h"

struct console_parts; /* vmm/console.h */

#define SPAWN_FDS_MAX PROC_KEEP_MAX

/* What is handed down to the VMM: our descriptor, its number there. */
struct spawn_fds {
	int pairs[2 * SPAWN_FDS_MAX];
	size_t n;
	/* Called in the process before it is the VMM, or NULL: base/proc.h. */
	int (*enter)(void *arg);
	void *arg;
	struct cage_needs needs; /* vmm/host/cage.h */
};

/* Takes `fd`, which is to be `number` (3 to PROC_NUMBER_MAX) there. */
void spawn_hand(struct spawn_fds *fds, int fd, int number);

/* Closes ours of them. */
void spawn_drop(struct spawn_fds *fds);

/*
 * Hands down a listening socket `name`, made anew in the VM's directory: by its
 * name there, so that a program that removes its sockets when it ends does so with
 * this one, wherever the directory is by then.
 */
int spawn_listen(struct spawn_fds *fds, int dirfd, const char *name, int number,
    struct error *err);

/*
 * memory.raw of the VM's own made anew, wholly allocated: a guest must not
 * meet a full disk.  EX_IOERR: there is no room.
 */
int spawn_memory_file(const struct vm *vm, int dirfd, struct error *err);

/*
 * Hands down a memfd of the VM's size; of a VM that is to be loaded with what
 * its template holds.  EX_OSERR.
 */
int spawn_memfd(struct spawn_fds *fds, const struct vm *vm, int dirfd,
    int number, struct error *err);

/*
 * For a VM whose memory is known only after its start: hands down a memfd with
 * nothing in it.  *own, the caller's, is another descriptor of it, for
 * spawn_fill_memfd() to give it the VM's size and, of a VM that is to be
 * loaded, what its template holds.  EX_OSERR.
 */
int spawn_empty_memfd(struct spawn_fds *fds, int *own, int number,
    struct error *err);
int spawn_fill_memfd(int fd, const struct vm *vm, int dirfd, struct error *err);

/* Opens `name` to append; *from is its length.  *fd is the caller's. */
int spawn_open_log(int *fd, uint64_t *from, int dirfd, const char *name,
    struct error *err);

/*
 * Starts argv in the VM's directory with stdout and stderr to log_fd, or, with
 * a console that has a terminal, with that as stdin and stdout; a console (else
 * NULL) is run, too.  It is enclosed by what `fds` says that it needs.  Writes the process into vm.json before it becomes the program.
 */
int spawn_process(struct vmm *vmm, char *const *argv,
    const struct spawn_fds *fds, int log_fd,
    const struct console_parts *console, const struct timespec *now,
    struct error *err);

/*
 * Why a VMM ended, by what stands behind byte `log_from` of vmm.log: the first
 * line that `program` (or NULL) begins with its name, a warning aside; else the
 * last line.  "" if none; in text[cap].
 */
void spawn_last_words(int dirfd, uint64_t log_from, const char *program,
    char *text, size_t cap);

/*
 * Connects to the socket of that name in the VM's directory until the process
 * answers, has ended and never will, or the deadline is over.  On success the
 * caller owns *out.
 */
int spawn_connect(struct rest **out, const struct vmm *vmm, const char *name,
    int64_t deadline_ms, struct error *err);

/* The program: the environment's `variable`, else `name`. */
const char *spawn_program(const char *variable, const char *name);

/* Whether it can be run.  EX_UNAVAILABLE says `hint` ("install ..."). */
int spawn_check_program(const char *variable, const char *name,
    const char *hint, struct error *err);

#endif
