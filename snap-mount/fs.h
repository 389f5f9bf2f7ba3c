/* SPDX-License-Identifier: ISC */
/*
 * The directory that the kernel sees: snapshot.json and the envelope's files.
 * Inode 1 is the directory, 2 the envelope, 3 + i file number i.
 */
#ifndef FS_H
#define FS_H

#include "job.h"

/*
 * Extended attribute of the directory, which is no file in it: the record of
 * the mount, as JSON.
 */
#define FS_STATUS "user.instar.mount"

/* One more than the highest inode. */
#define FS_INODES(files) ((size_t)(files) + 4)

extern const struct fuse_lowlevel_ops fs_ops; /* their userdata: struct mount */

#endif
