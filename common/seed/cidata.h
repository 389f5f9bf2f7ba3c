/* SPDX-License-Identifier: ISC */
/*
 * NoCloud seeds: what cloud-init is told at a guest's first boot, and the disk
 * that tells it; instar-cidata(5).  Equal input gives equal bytes.
 */
#ifndef SEED_CIDATA_H
#define SEED_CIDATA_H

#include <stddef.h>

#include "base/error.h"
#include "base/num.h"
#include "base/strv.h"
#include "snapshot/nic.h"
#include "snapshot/storage.h"

#define CIDATA_LABEL "CIDATA" /* volume label that cloud-init looks for */
#define CIDATA_TEXT_MAX (4 * NUM_MIB) /* a file of the user's own */
#define CIDATA_KEYS_MAX (1 * NUM_MIB) /* a file of ssh keys */
#define CIDATA_ID_MAX 128 /* bytes of an instance id, without the NUL */
#define CIDATA_HOSTNAME_MAX 253 /* bytes, RFC 1035 less the dot at the end */
#define CIDATA_FILES_MAX 4
#define CIDATA_USER_MAX 32 /* bytes, useradd(8) */
/* Of every file in a seed: 1980-01-01, where the time of FAT begins. */
#define CIDATA_MTIME 315532800

/* A file that is taken over; text NULL: none.  It need not end in a NUL. */
struct cidata_text {
	const char *text;
	size_t len;
};

/* What a seed is to say; everything is borrowed, NULL says nothing. */
struct cidata {
	const char *instance_id; /* NULL: derived from all the rest */
	const char *hostname;
	const char *dsmode; /* "local" or "net" */
	const char *user; /* NULL: the image's own default user */
	const char *password_hash; /* crypt(5) */
	const struct strv *ssh_keys; /* cidata_read_keys() */
	const struct nic_list *nics;
	const struct storage_list *disks; /* data disks are mounted */
	struct cidata_text user_data; /* merged with ours */
	struct cidata_text vendor_data;
	struct cidata_text network_config; /* in place of nics */
};

struct cidata_file {
	const char *name; /* static */
	char *text; /* owned */
	size_t len;
};

struct cidata_files {
	struct cidata_file v[CIDATA_FILES_MAX]; /* meta-data, user-data, ... */
	size_t n;
	char instance_id[CIDATA_ID_MAX + 1];
};

/*
 * Makes the files of a seed; on success *out is the caller's
 * (cidata_files_fini).  EX_USAGE names the value that cannot be used; EX_OSERR.
 */
int cidata_make(struct cidata_files *out, const struct cidata *seed,
    struct error *err);
void cidata_files_fini(struct cidata_files *files);

/* Whether a user of that name can be asked for: ^[a-z_][a-z0-9_-]{0,31}$ */
bool cidata_is_user(const char *name);

/* Labels of letters, digits, - and _, with an alphanumeric at their ends. */
bool cidata_is_hostname(const char *name);

/*
 * Appends the public keys in `text`, a line each; empty lines and comments are
 * left out.  `what` names it.  EX_DATAERR names the line that is no public key.
 */
int cidata_add_keys(struct strv *keys, const char *text, size_t len,
    const char *what, struct error *err);

/* The same of a file for keys.  EX_NOINPUT: there is none in it. */
int cidata_read_keys(struct strv *keys, const char *text, size_t len,
    const char *what, struct error *err);

/*
 * The image of a disk with these files, which the caller frees: FAT12 (from
 * 1 MiB on), or ISO 9660 with Rock Ridge and Joliet (which libarchive writes
 * by way of a nameless temporary file).  EX_OSERR, EX_IOERR.
 */
int cidata_vfat(unsigned char **out, size_t *len,
    const struct cidata_files *files, struct error *err);
int cidata_iso(unsigned char **out, size_t *len,
    const struct cidata_files *files, struct error *err);
#endif
