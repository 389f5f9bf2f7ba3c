/* SPDX-License-Identifier: ISC */
/* The options of cidata-gen. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "base/opt.h"
#include "base/strv.h"

/* The options as given, borrowed from argv; NULL: not given. */
struct wishes {
	struct opt_common common;
	const char *instance_id, *hostname, *dsmode, *format;
	const char *user, *password_file, *password_hash, *salt;
	char *password; /* owned */
	const char *user_data, *vendor_data, *network_config;
	const char *out, *members;
	bool mounts;
	struct strv ssh_keys, nics; /* owned: paths; specs */
};

/*
 * 0 go on, 1 done, -1 wrong, which has been told.  The password is wiped from
 * argv.
 */
int wishes_parse(struct wishes *w, int argc, char *argv[],
    void (*usage)(FILE *));
void wishes_fini(struct wishes *w);

/* Whether the options go together.  EX_USAGE. */
int wishes_check(const struct wishes *w, struct error *err);

/* ISO 9660, not vfat. */
bool wishes_iso(const struct wishes *w);

#endif
