/* SPDX-License-Identifier: ISC */
/* For root.c and root_*.c alone. */
#ifndef STATE_ROOT_IMPL_H
#define STATE_ROOT_IMPL_H

#include "state/root.h"

#define ROOT_KINDS 2

/*
 * A directory that a root opened for reading lacks is -1, and empty: a copy of
 * a root may have been made without its empty directories.
 */
struct root {
	char *path; /* absolute */
	bool shows; /* progress of what lasts */
	bool is_foreign; /* another's, and read with the rights of root */
	int fd;
	int kind_fd[ROOT_KINDS]; /* vm/, snap/ */
	int name_fd[ROOT_KINDS]; /* name/vm/, name/snap/ */
	int layer_fd;
	int access_fd;
};

/* Whether the object is there. */
bool root_has(const struct root *root, enum root_kind kind, const char *id);

#define ROOT_PUT_NAME (ID_LEN + 8)

/* ".put-<id>": what is about to take the place of `id`. */
void root_put_name(char put[ROOT_PUT_NAME], const char *id);

/*
 * Whether one that root_new_replace() has not finished waits to take the place
 * of `id`, which is gone, or whole, or half removed: without its record.
 */
bool root_has_put(const struct root *root, enum root_kind kind, const char *id);

/* The file without which a directory of that kind is nothing. */
const char *root_record(enum root_kind kind);

/*
 * Removes one that cannot be renamed, as none of an overlayfs' lower layer can:
 * its record first.  EX_NOINPUT: it is not there.
 */
int root_remove_in_place(const struct root *root, enum root_kind kind,
    const char *id, struct error *err);

/* "vm", "snap": beneath the root, and beneath name/. */
const char *root_kind_dir(enum root_kind kind);

/* Makes the link of a new name to `id`.  EX_CANTCREAT: it is taken. */
int root_name_claim(const struct root *root, enum root_kind kind,
    const char *name, const char *id, struct error *err);

/* Removes all names that point to `id`: reads the whole directory. */
int root_names_release(const struct root *root, enum root_kind kind,
    const char *id, struct error *err);

/*
 * Makes the directory ".new-<id>" of a new id beneath dirfd and locks it.
 * EX_IOERR.
 */
int root_hidden_make(char id[ID_LEN + 1], int *fd, int dirfd,
    struct error *err);

#endif
