/* SPDX-License-Identifier: ISC */
/* What the filesystem under a directory is and has left. */
#ifndef DISK_FS_H
#define DISK_FS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Bytes that an ordinary user can still write there.  EX_IOERR. */
int fs_free_bytes(uint64_t *out, int fd, struct error *err);

/*
 * Whether it is a network filesystem by the type that statfs(2) tells: NFS,
 * CIFS, 9p, AFS, Coda, Ceph, Lustre.  Those behind FUSE cannot be told.
 */
bool fs_is_network(int fd);

/* Whether both are on one filesystem, so that hard links are possible. */
bool fs_is_same(int a, int b);

/*
 * Makes an ext4 filesystem in the existing file `name` beneath `dirfd`
 * (mkfs.ext4 -F -m 0 -q -E lazy_itable_init=1,lazy_journal_init=1,discard),
 * with room for so many files and directories (-N), or with 0 for as many as
 * its configuration says for the size.  EX_UNAVAILABLE: mkfs.ext4 is missing or
 * fails.
 */
int fs_make_ext4(int dirfd, const char *name, uint64_t inodes,
    struct error *err);

/*
 * The same in the open file `fd`, which may have no name (`what` is that for
 * messages), filled with what is in the directory `from` unless it is NULL
 * (-d: neither mounted nor with privileges).
 */
int fs_fill_ext4(int fd, const char *from, uint64_t inodes, const char *what,
    struct error *err);

enum fs_content { FS_OTHER, FS_EXT4, FS_PARTITIONS };

/*
 * What the disk in the file `name` begins with: a partition table (MBR or GPT),
 * or a filesystem of the ext family.  EX_NOINPUT, EX_IOERR.
 */
int fs_look(enum fs_content *out, int dirfd, const char *name,
    struct error *err);

/*
 * Lets the ext4 filesystem in the file `name` fill the file (resize2fs), once
 * e2fsck has put it in order.  EX_UNAVAILABLE: one of them is missing or fails;
 * the file is to be given up then.
 */
int fs_grow_ext4(int dirfd, const char *name, struct error *err);

/*
 * Runs the commands in the file `commands` by debugfs(8) on the ext4 filesystem
 * in the open file `fd`; one that it refuses is no error to debugfs.
 * EX_UNAVAILABLE: it is missing or fails.
 */
int fs_edit_ext4(int fd, int commands, const char *what, struct error *err);

#endif
