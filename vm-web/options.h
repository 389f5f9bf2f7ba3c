/* SPDX-License-Identifier: ISC */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/opt.h"

#define OPTIONS_LISTEN "127.0.0.1:8006"
#define OPTIONS_BASE_PATH_MAX 128 /* bytes */

struct opts {
	struct opt_common common;
	const char *listen, *socket, *cert, *key, *base_path, *token_file;
	struct strv origins; /* of reverse proxies, "https://host[:port]" */
	const char *members; /* -p */
	bool read_only;
};

/* 0 go on, 1 done, -1 wrong, and told. */
int options_parse(struct opts *o, int argc, char *argv[]);

#endif
