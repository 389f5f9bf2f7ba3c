/* SPDX-License-Identifier: ISC */
/*
 * Storage configs: one disk of a VM each, with its role; instar-snapshot(5).
 * The JSON form is the one of cocoon's sidecar.
 */
#ifndef SNAPSHOT_STORAGE_H
#define SNAPSHOT_STORAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"

#define STORAGE_MAX 26 /* of a list; a hypervisor may take fewer */
#define STORAGE_SERIAL_MAX 20 /* bytes that virtio-blk carries */
#define STORAGE_PATH_MAX 4095 /* bytes, PATH_MAX without the NUL */
#define STORAGE_BYTES_MAX (UINT64_C(8) << 40) /* of a disk, as of any file */
#define STORAGE_CHAIN_MAX 8 /* files of one disk, the top included */
#define STORAGE_COW_SERIAL "cocoon-cow"

#define STORAGE_ROLES 4

enum storage_role { STORAGE_LAYER, STORAGE_COW, STORAGE_DATA, STORAGE_CIDATA };

enum storage_direct {
	STORAGE_DIRECT_AUTO,
	STORAGE_DIRECT_ON,
	STORAGE_DIRECT_OFF
};

struct storage {
	char *path; /* top of the chain; in our own records a plain name */
	bool ro;
	char serial[STORAGE_SERIAL_MAX + 1];
	enum storage_role role;
	char *mount_point; /* data disks; NULL: none */
	char fstype[8]; /* data disks: "ext4", "none"; else "" */
	enum storage_direct direct_io;
	struct strv
	    backing; /* files beneath `path`, nearest first: plain names */
	/* In a sidecar: bytes of the disk that the guest has; 0: not told. */
	uint64_t size_bytes;
	/* What a state that others saved calls the file, or NULL: `path`. */
	char *origin;
};

struct storage_list {
	struct storage *v;
	size_t n;
};

void storage_fini(struct storage *disk);
void storage_list_fini(struct storage_list *list);

/* Appends a deep copy.  EX_OSERR; EX_DATAERR: more than STORAGE_MAX. */
int storage_list_add(struct storage_list *list, const struct storage *disk,
    struct error *err);

/* Appends deep copies of all of `from`.  EX_OSERR, EX_DATAERR. */
int storage_list_copy(struct storage_list *to, const struct storage_list *from,
    struct error *err);

/* Takes the last disk off a list that is not empty. */
void storage_list_drop_last(struct storage_list *list);

/*
 * Every rule for each entry (role, read-only, serial, mount point, names of
 * files) and for the list (in the order layer, cow, data, cidata; one cow and
 * one cidata at most; no serial and no writable file twice).  Messages name
 * the entry, counted from 0 as in the device model ("disk 2: …").  EX_DATAERR.
 */
int storage_list_check(const struct storage_list *list, struct error *err);

/*
 * The rule for the name of a disk's file, which is the last part of `path`:
 * chain_is_name().  Whoever takes such a name from outside asks here; `member`
 * is what the message calls it.  EX_DATAERR.
 */
int storage_check_name(const char *member, const char *path, struct error *err);

/*
 * The rules for a data disk's serial (also its name), and for a mount point
 * that is not empty.  EX_DATAERR.
 */
int storage_check_data_serial(const char *serial, struct error *err);
int storage_check_mount_point(const char *mount_point, struct error *err);

/* Whether two mount points are one, however they are written. */
bool storage_is_same_mount(const char *a, const char *b);

/* Decodes and checks; on success *out is the caller's.  EX_DATAERR. */
int storage_list_decode(struct storage_list *out, const json_t *array,
    struct error *err);

/*
 * The same of JSON lines: each a storage config, or an array of them.  `what`
 * names the text.  EX_DATAERR.
 */
int storage_list_decode_lines(struct storage_list *out, const char *text,
    size_t len, const char *what, struct error *err);

/* The JSON array (json_decref).  With `dir`, paths become DIR/base name. */
int storage_list_encode(json_t **out, const struct storage_list *list,
    const char *dir, struct error *err);

/* The only disk of that role, or the data disk of that serial; NULL: none. */
struct storage *storage_find(const struct storage_list *list,
    enum storage_role role);
struct storage *storage_find_serial(const struct storage_list *list,
    const char *serial);

const char *storage_role_name(enum storage_role role);

#endif
