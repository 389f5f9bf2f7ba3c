/* SPDX-License-Identifier: ISC */
/*
 * Data disks as users declare them: the grammar of vm-create's --data-disk and
 * of disk-mkdata.
 *
 * SPEC  = ITEM *( "," ITEM ), blanks around each item, key and value ignored
 * ITEM  = "size=" NUMBER ["." DIGITS] [UNIT ["i"] ["b"] / "b"]
 *       / "name=" serial               default: data1, data2, ...
 *       / "fstype=" ( "ext4" / "none" )    default: ext4
 *       / "mount=" [absolute path]     default: /mnt/NAME; empty: none
 *       / "directio=" ( "on" / "off" / "auto" )    default: auto
 *       / "inodes=" NUMBER             default: by the size; not with none
 * UNIT  = "K" / "M" / "G" / "T" / "P", powers of 1024; letters in either case
 *
 * A key given twice: the last counts.  The size is needed.
 */
#ifndef SEED_DATADISK_H
#define SEED_DATADISK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/num.h"
#include "snapshot/storage.h"

#define DATADISK_SIZE_MIN (16 * NUM_MIB)
#define DATADISK_SIZE_MAX (8 * NUM_TIB) /* as for every file of ours */
#define DATADISK_INODES_MIN 16 /* ext4 has eleven of its own */
#define DATADISK_INODES_MAX UINT32_MAX /* ext4: s_inodes_count is a __le32 */
#define DATADISK_SECTOR 512 /* bytes; sizes are rounded up to whole ones */

struct datadisk_list {
	struct storage_list disks; /* role data, path "data-<name>.raw" */
	uint64_t size_bytes[STORAGE_MAX]; /* of disks.v[i] */
	uint64_t inodes[STORAGE_MAX]; /* 0: not said */
};

/*
 * Parses `n` specs and normalises them together: a name given twice is
 * refused, and those without get the first of data1, data2, ... that none in
 * the whole list has; no mount point may be that of two disks.  `others`, or
 * NULL, are disks that the same VM gets and whose names and mount points are
 * taken.  On success *out is the caller's (datadisk_list_fini), otherwise it
 * is as it was.  EX_USAGE names the spec, the item counted from 1 and the key.
 */
int datadisk_parse(struct datadisk_list *out, const char *const *specs,
    size_t n, const struct storage_list *others, struct error *err);

/*
 * Makes the new file of disk `i` beneath `dirfd`: a hole of its size, with the
 * filesystem that was declared.  EX_IOERR; EX_UNAVAILABLE: no mkfs.ext4.
 */
int datadisk_make(const struct datadisk_list *list, size_t i, int dirfd,
    struct error *err);

void datadisk_list_fini(struct datadisk_list *list);

#endif
