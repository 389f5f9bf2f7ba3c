/* SPDX-License-Identifier: ISC */
/* The seed that the options of cidata-gen ask for. */
#ifndef SEED_H
#define SEED_H

#include <stddef.h>

#include "base/outfile.h"
#include "base/strv.h"
#include "seed/cidata.h"
#include "seed/password.h"

#include "input.h"
#include "options.h"

/* Everything that is open, and what is made of it. */
struct seed {
	struct outfile file;
	int tmpfd; /* where libarchive has its temporary file, or -1 */
	struct input user_data, vendor_data, network_config, password, mounts;
	struct input *key_files; /* as many as wishes.ssh_keys */
	size_t key_files_n;
	char hash[PASSWORD_HASH_MAX];
	struct strv keys;
	struct nic_list nics;
	struct storage_list disks;
	struct cidata_files files;
	unsigned char *image;
	size_t image_bytes;
};

void seed_init(struct seed *s);
void seed_fini(struct seed *s);

/* Opens all that is read and written.  EX_NOINPUT, EX_NOPERM, EX_CANTCREAT. */
int seed_open(struct seed *s, const struct wishes *w, struct error *err);

/* Reads it, and makes the image.  EX_USAGE, EX_DATAERR, EX_IOERR. */
int seed_make(struct seed *s, const struct wishes *w, struct error *err);

/* Writes the image where it belongs; prints its record with -o.  EX_IOERR. */
int seed_write(struct seed *s, const struct wishes *w, struct error *err);

#endif
