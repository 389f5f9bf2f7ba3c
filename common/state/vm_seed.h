/* SPDX-License-Identifier: ISC */
/*
 * A VM's cloud-init seed: what its user asked for is kept in cidata.json beside
 * the disk cidata.img that says it, so that a clone can be told the same under
 * a name of its own.  Both travel with snapshots.
 */
#ifndef STATE_VM_SEED_H
#define STATE_VM_SEED_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strv.h"
#include "state/vm.h"

#define VM_SEED_NAME "cidata.json"
#define VM_SEED_DISK "cidata.img"
/* Of cidata.json: user-data, mostly, of which a byte may become six. */
#define VM_SEED_BYTES_MAX (32u << 20)

struct vm_seed { /* { 0 } asks for nothing but names and mounts */
	char *user; /* or NULL */
	char *password_hash; /* crypt(5), or NULL */
	char *user_data; /* the user's own file, UTF-8, or NULL */
	/* Asked for in place of the VM's name, or NULL; for that VM's id alone. */
	char *hostname, *hostname_of;
	struct strv ssh_keys;
};

void vm_seed_fini(struct vm_seed *seed);

/*
 * Puts cidata.json into the directory, mode 0600.  EX_DATAERR: its reader would
 * refuse it.  EX_IOERR.
 */
int vm_seed_write(const struct vm_seed *seed, int dirfd, struct error *err);

/* Reads it; on success *out is the caller's.  EX_NOINPUT, EX_DATAERR. */
int vm_seed_read(struct vm_seed *out, int dirfd, struct error *err);

/*
 * The host's name that a seed of the VM tells: what the directory's cidata.json, if
 * there is one, asks for this VM, else its name where a host can have it, else
 * the head of its id.  EX_DATAERR: cidata.json is none.
 */
int vm_seed_hostname(char *out, size_t cap, const struct vm *vm, int dirfd,
    struct error *err);

/*
 * Makes cidata.img by the directory's cidata.json for the VM as its record is
 * now: its id is the instance id, its name the hostname where it can be one;
 * its NICs and data disks.  With no cidata disk in the record one is appended.
 * The user asked for becomes vm->user.
 * EX_USAGE names a value that cannot be told; EX_NOINPUT: no cidata.json.
 */
int vm_seed_make(struct vm *vm, int dirfd, struct error *err);

/*
 * Sets vm->user to the user that the directory's cidata.json asks for, if it
 * asks for one; makes no disk.  EX_NOINPUT: no cidata.json.  EX_DATAERR.
 */
int vm_seed_tell_user(struct vm *vm, int dirfd, struct error *err);

/* Whether the directory has a cidata.json. */
bool vm_seed_is_there(int dirfd);

/* Whether cloud-init says on the console that the last start's boot is done. */
bool vm_seed_is_done(const struct vm *vm, int dirfd);

/*
 * Whether a guest that has turned itself off has read its seed: it was booted.
 * One that was loaded read it before it was saved, if ever, and then another
 * one; that it has booted since its console must say.
 */
bool vm_seed_was_read(const struct vm *vm, int dirfd);

/* Whether the record has a cidata disk with something on it. */
bool vm_seed_is_unread(const struct vm *vm, int dirfd);

/*
 * Lets go of the seed, if there is one: nobody can read it any more.  With
 * `keep_disk` zeroes lie in its place, so that states saved from now on have
 * the disk, on which a clone finds its own seed when it boots.  Otherwise the
 * disk goes: out of the record, which is put in place with `now` as
 * updated_at, and only then out of the directory.  EX_IOERR.
 */
int vm_seed_let_go(struct vm *vm, int dirfd, bool keep_disk,
    const struct timespec *now, struct error *err);

#endif
