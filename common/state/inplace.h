/* SPDX-License-Identifier: ISC */
/*
 * A VM in place: files that it only reads lie in the directory of a snapshot
 * elsewhere, which its record names (vm->depends_on), and its own directory has
 * symbolic links to them.  No other link is followed: one leads to a plain name
 * in that directory, or is none.
 */
#ifndef STATE_INPLACE_H
#define STATE_INPLACE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "state/root.h"
#include "state/vm.h"

#define INPLACE_PATH_MAX 3840 /* bytes of the directory's: a name follows */

/*
 * The absolute path, without links, of the open directory; the caller frees
 * *out.  EX_CANTCREAT: it has none any more, or one that is too long.
 */
int inplace_dir(char **out, int dirfd, struct error *err);

/*
 * Whether the open directory is on a mount of ours, which reads a snapshot from
 * a registry: of FUSE, and with the source that we give it, in proc(5)'s
 * mountinfo.  Anybody may give that: one that another user serves, who is not
 * root, is none.
 */
bool inplace_is_ours(int dirfd);

/* Whether the line of mountinfo says so, of the device `dev`, for the user. */
bool inplace_is_our_line(const char *line, dev_t dev, uid_t uid);

/* Links `name` beneath `dirfd` to the file `from` in `dir`.  EX_CANTCREAT. */
int inplace_link(int dirfd, const char *name, const char *dir, const char *from,
    struct error *err);

/*
 * Opens for reading what the VM has as `name` in its directory: the file there,
 * or the one that lies in `dir` (the record's, or NULL).  As fd_open_file();
 * what went wrong in `dir` is told with its path.
 */
int inplace_open(int *fd, uint64_t *size, const char *dir, int dirfd,
    const char *name, struct error *err);

/*
 * As copy_file(), from what inplace_open() would open.  A file in `dir` is
 * never linked: what is made does not depend on it.
 */
int inplace_copy(int to_dirfd, const char *to_name, const char *dir, int dirfd,
    const char *name, unsigned may, struct error *err);

/* Whether the VM's directory has a link into `dir` by this name. */
bool inplace_is_link(const char *dir, int dirfd, const char *name);

/*
 * Whether all that the VM has links to is there, and what lies there is the
 * snapshot that it was cloned from.  EX_NOINPUT, EX_NOPERM: the directory is
 * gone, or that file of it; EX_DATAERR: it has another snapshot.
 */
int inplace_check(const struct vm *vm, int dirfd, struct error *err);

/*
 * Takes the layers that lie in the record's directory into the root, for a
 * snapshot of the VM finds its layers there; the VM's links lead there from
 * then on.  EX_DATAERR: one is not what it was.
 */
int inplace_take_layers(const struct vm *vm, const struct root *root, int dirfd,
    struct error *err);

#endif
