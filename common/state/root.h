/* SPDX-License-Identifier: ISC */
/*
 * The state root: a directory with vm/, snap/, layer/, name/vm/, name/snap/
 * and access/.  There is no index: cost does not grow with what is in it,
 * but for listing and for prefixes.  instar-state(5).
 */
#ifndef STATE_ROOT_H
#define STATE_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/id.h"
#include "base/strv.h"
#include "disk/digest.h"
#include "snapshot/layer.h"

struct root;

enum root_kind { ROOT_VM, ROOT_SNAP };

/*
 * Opens the root at `path`, else $INSTAR_ROOT, else the user's default, and
 * makes what is missing of it (0700).  Where we are root and it is another
 * user's, or will be one's in whose directory it is made, this process becomes
 * that user for good (base/user.h).  Returns owned (root_close).  EX_NOPERM:
 * not writable by us, or we may not be its owner.  EX_CONFIG: on a network
 * filesystem.
 */
int root_open(struct root **out, const char *path, struct error *err);

/*
 * The same for those that act on what is there already: only what is missing of
 * a root that is there is made.  EX_NOINPUT, too: it is not there, or has none
 * of its directories, as where its path is mistyped.
 */
int root_open_existing(struct root **out, const char *path, struct error *err);

/*
 * The same for those that only read: one that may not be written will do, so
 * will one whose owner we cannot be, and nothing is made: a directory that it
 * lacks is empty.  EX_NOINPUT: it is not there, or has none of them.
 */
int root_open_to_read(struct root **out, const char *path, struct error *err);

/*
 * The same for who wants all that is there: 1 where the root is the user's
 * default, and nobody has made it yet; one that is named, by `path` or
 * $INSTAR_ROOT, must be there.
 */
int root_open_to_list(struct root **out, const char *path, struct error *err);

/* As root_open_existing(), and 1 where root_open_to_list() has it. */
int root_open_to_tidy(struct root **out, const char *path, struct error *err);

/*
 * Becomes who root_open() of the same path will be, and makes nothing: for who
 * opens other files first.
 */
int root_become_owner(const char *path, struct error *err);

void root_close(struct root *root);

/*
 * Whether what we make in a root that was opened to read is its owner's.
 * EX_NOPERM: we are root, and cannot be the owner.
 */
int root_check_owner(const struct root *root, struct error *err);

const char *root_path(const struct root *root); /* absolute */
int root_fd(const struct root *root); /* borrowed, as the next */
int root_kind_fd(const struct root *root, enum root_kind kind);

/*
 * The id that `ref` stands for: an exact id, else a name, else a prefix of
 * three or more characters that fits exactly one id.  EX_NOINPUT: none
 * ("no such VM"), several ("ambiguous").  EX_USAGE: not a possible reference.
 */
int root_resolve(char id[ID_LEN + 1], const struct root *root,
    enum root_kind kind, const char *ref, struct error *err);

/* All ids of a kind, sorted, appended to *ids.  EX_IOERR. */
int root_list(struct strv *ids, const struct root *root, enum root_kind kind,
    struct error *err);

/* Absolute path of an object's directory; the caller frees it.  NULL: no memory. */
char *root_dir_of(const struct root *root, enum root_kind kind, const char *id);

#define ROOT_HIDDEN_NAME 80 /* bytes of the longest, with the NUL */

/* Something being built: a hidden directory that only its builder sees. */
struct root_new {
	const struct root *root; /* NULL: nothing is being built */
	enum root_kind kind;
	char id[ID_LEN + 1];
	char name[64]; /* or "" */
	bool over; /* the name is taken over when it appears */
	char old_id[ID_LEN + 1]; /* what had that name until then, or "" */
	char dir[ROOT_HIDDEN_NAME]; /* ".new-<id>" beneath the kind's */
	int dirfd; /* of the hidden directory; holds its exclusive lock */
	/* root_new_keep(): ".new-<id>", which holds the name; "": it is `dir` */
	char claim[ROOT_HIDDEN_NAME];
	int claimfd;
	bool is_kept; /* what is not published is not removed, but for that */
	bool stays; /* what it would replace may be gone: never removed */
};

/*
 * Makes the hidden directory, locked, and claims `name` ("": none), which is
 * free when what it points to is neither there nor being built under a lock.
 * EX_USAGE: not a name.  EX_CANTCREAT: the name is taken.  EX_IOERR.
 */
int root_new_begin(struct root_new *out, const struct root *root,
    enum root_kind kind, const char *name, struct error *err);

/*
 * The same for one that is to take the name from what has it: until it is
 * published the name leads where it led.  EX_CANTCREAT: what has the name is
 * not ours to move.
 */
int root_new_begin_over(struct root_new *out, const struct root *root,
    enum root_kind kind, const char *name, struct error *err);

/*
 * The same with the directory `id` beneath `fromfd`, on the root's filesystem,
 * that was built before and set aside: it is hidden here, and locked.
 * EX_NOINPUT: it is not there, or not any more.  EX_TEMPFAIL: somebody has it.
 * EX_USAGE, EX_CANTCREAT: of the name; then it lies where it lay.
 */
int root_new_adopt(struct root_new *out, const struct root *root,
    enum root_kind kind, int fromfd, const char *id, const char *name,
    struct error *err);

/*
 * Sets aside what was built, as `id` beneath `tofd`: it is locked until
 * root_new_end(), which gives its name back.  EX_NOINPUT: that directory is
 * gone.
 */
int root_new_set_aside(struct root_new *n, int tofd, struct error *err);

#define ROOT_KEPT ".kept-" /* and what identifies it */
#define ROOT_KEPT_S (7 * 24 * 3600) /* then state-gc removes it */

/*
 * From now on it is built in the directory ".kept-<key>", with what another has
 * left there who wanted the same, and was cut: whatever fails it stays, unless
 * is_kept is taken away.  `key` is 1 to 64 hex digits.  EX_TEMPFAIL: somebody
 * builds there just now.
 */
int root_new_keep(struct root_new *n, const char *key, int64_t deadline_ms,
    struct error *err);

/*
 * Renames it into place, synced when `sync` (files are the caller's to sync);
 * from then on everybody sees it, and `dir` is the id.  A snapshot's last
 * access is now.  dirfd stays open and locked until root_new_end().
 */
int root_new_publish(struct root_new *n, bool sync, struct error *err);

/*
 * Puts the directory in the place of the VM `id`, whose own takes the hidden
 * place, in one step; doing it again puts both back.  root_new_end() then
 * removes what stands in the hidden place.  EX_IOERR.
 */
int root_new_exchange(const struct root_new *n, const char *id,
    struct error *err);

/*
 * The same where directories cannot be exchanged (EXDEV: that one is in the
 * lower layer of an overlayfs): the other one is removed first, so that there is
 * no way back.  From before that the new one is called ".put-<id>", and whatever
 * fails it stays: root_put_finish().  EX_TEMPFAIL: one of that name is there.
 */
int root_new_replace(struct root_new *n, const char *id, struct error *err);

/*
 * Ends what a root_new_replace() has begun; the caller has locked ".put-<id>".
 * 1: the old one is whole, and stays: the new one is for the caller to remove.
 * 2: somebody uses it just now.  With `dry_run` nothing is done.
 */
int root_put_finish(const struct root *root, enum root_kind kind,
    const char *id, bool dry_run, struct error *err);

/* Removes what was not published, gives its name back; closes and unlocks. */
void root_new_end(struct root_new *n);

/* Closes and unlocks; what stands in the hidden place is state-gc's. */
void root_new_leave(struct root_new *n);

/*
 * Opens and locks the directory of an object (base/lock); *fd is the caller's.
 * EX_NOINPUT: it is gone.  EX_TEMPFAIL: busy.
 */
int root_lock(int *fd, const struct root *root, enum root_kind kind,
    const char *id, bool exclusive, int64_t deadline_ms, struct error *err);

/*
 * Removes the object that the caller has locked exclusively: hidden first
 * (renamed to ".gone-<id>"), then its name if it points there, then the tree.
 * With `name` NULL, where no record tells it, all names that point there go.
 */
int root_remove(const struct root *root, enum root_kind kind, const char *id,
    const char *name, struct error *err);

/* Whether the object is there, or being built under a lock. */
bool root_is_alive(const struct root *root, enum root_kind kind,
    const char *id);

/*
 * Whether root_new_begin() would give the name now: for who has much to do
 * before that.  EX_CANTCREAT.
 */
int root_name_check(const struct root *root, enum root_kind kind,
    const char *name, struct error *err);

/*
 * The name leads to `id` from now on, which is there or being built under a
 * lock of the caller's, in one step.  Without `over` it must be free, as for
 * root_new_begin(); with it, old_id is what it led to until then ("": nothing
 * that is alive).  EX_CANTCREAT: taken, or not ours to move.
 */
int root_name_set(char old_id[ID_LEN + 1], const struct root *root,
    enum root_kind kind, const char *name, const char *id, bool over,
    struct error *err);

/* Gives the name back where it leads to `id`. */
int root_name_release(const struct root *root, enum root_kind kind,
    const char *name, const char *id, struct error *err);

/*
 * The id that the link of `name` leads to: 1, 0 when there is no such link or
 * it leads to no id, -1.  EX_IOERR.
 */
int root_name_target(char id[ID_LEN + 1], const struct root *root,
    enum root_kind kind, const char *name, struct error *err);

/*
 * Removes a name whose object is not alive: 1, 0 when it stays, -1.  With
 * `dry_run` it only says so.  EX_IOERR, EX_TEMPFAIL.
 */
int root_name_clear(const struct root *root, enum root_kind kind,
    const char *name, bool dry_run, struct error *err);

/*
 * Last access of a snapshot: set to now, where the root may be written, and
 * asked for (EX_NOINPUT: never).
 */
int root_access_touch(const struct root *root, const char *id,
    struct error *err);
int root_access_time(struct timespec *out, const struct root *root,
    const char *id, struct error *err);

/* Layers that are read show their progress from then on. */
void root_show_progress(struct root *root);

/*
 * Layers: read-only disks by digest.  Adding reflinks `from_name` into layer/
 * (else links or copies it), computing its digest; one that is there already
 * is shared, and read when it is another file than the one given: one that is no
 * longer what its digest says is replaced, and whoever links it keeps it.  With
 * AT_FDCWD it is a path of the user's, whose links are followed.  Who adds one
 * builds something meanwhile (root_new_begin), so that state-gc leaves layers
 * alone until they are linked.  Opening: EX_NOINPUT when there is none of that
 * digest.
 */
int root_layer_add(struct digest *digest, uint64_t *size_bytes,
    const struct root *root, int from_dirfd, const char *from_name,
    struct error *err);
int root_layer_open(int *fd, uint64_t *size_bytes, const struct root *root,
    const struct digest *digest, struct error *err);

/*
 * The synced file `name` beneath `dirfd`, on the root's filesystem and of that
 * digest, becomes the layer: it is renamed; where the layer is there already,
 * removed, unless that one was written to, which it replaces.  Who calls it
 * builds something, as for root_layer_add().
 */
int root_layer_move(const struct root *root, int dirfd, const char *name,
    const struct digest *digest, struct error *err);

/*
 * Whether the layer is still what its digest says: it is read again where its
 * size, time of modification or inode are not those that it was last read with
 * (state/layer_seen).  As root_layer_open(); EX_DATAERR: it is not.
 */
int root_layer_check(uint64_t *size_bytes, const struct root *root,
    const struct digest *digest, struct error *err);

/*
 * The same of all in the list that the root has, and that the VM in `dirfd` has
 * these: where one was written to and put right since, the VM has the bad one
 * still.  With `relink` it gets the good one, else that is EX_DATAERR.
 */
int root_layers_check(const struct root *root, int dirfd,
    const struct layer_list *layers, bool relink, struct error *err);

/* Links the layer into a VM's directory as `name` (else a symbolic link). */
int root_layer_link(const struct root *root, const struct digest *digest,
    int dirfd, const char *name, struct error *err);

/* The same in place of what the VM has there: killed anywhere it has either. */
int root_layer_relink(const struct root *root, const struct digest *digest,
    int dirfd, const char *name, struct error *err);

#endif
