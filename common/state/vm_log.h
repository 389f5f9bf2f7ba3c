/* SPDX-License-Identifier: ISC */
/*
 * What a VM has printed on its console: console.log, and where the log is
 * bounded what was printed before that in console.log.1; instar-state(5).
 *
 * The record tells where the present run begins: console_from bytes into a file
 * that is marked or not, as console_marked says.  A file that a rotation of this
 * run has made is marked the other way (VM_LOG_MARK, a bit of its mode that the
 * system does not look at), so all of it is of this run.  The mark belongs to
 * the file from before it has its name: whoever has opened one knows what it is.
 */
#ifndef STATE_VM_LOG_H
#define STATE_VM_LOG_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "state/vm.h"

#define VM_LOG_MARK S_ISVTX

/* Whoever reads along. */
struct vm_log {
	int fd; /* -1: there was no log yet */
	uint64_t off; /* how far this file was read */
	uint64_t from; /* of the run: the record's console_from ... */
	bool marked; /* ... and console_marked */
};

void vm_log_init(struct vm_log *log);
void vm_log_fini(struct vm_log *log);

/*
 * Reads up to `cap` bytes of what the VM's present run has printed since the
 * last time: *got is 0 when there is no more for now.  Goes from one file to the
 * next; what was rotated away before it could be read is left out.  *anew is
 * true when what comes now does not continue what came before: the run is
 * another one, or somebody has made the log shorter, of which all counts then.
 * No log is no error.  EX_IOERR, EX_DATAERR: it is no file.
 */
int vm_log_read(struct vm_log *log, const struct vm *vm, int dirfd, char *buf,
    size_t cap, size_t *got, bool *anew, struct error *err);

/*
 * The last of it, at most `max` bytes with a NUL behind them; the caller frees
 * *text.  Errors as above, and EX_NOINPUT: there is no log.
 */
int vm_log_tail(char **text, size_t *len, const struct vm *vm, int dirfd,
    size_t max, struct error *err);

#endif
