/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <stdio.h>
#include <string.h>

static const struct members web_members = { .names = "url socket pid" };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-web [-q] [-R root] [-p member,...]\n"
	    "           [--listen address:port | --socket path]\n"
	    "           [--cert file --key file] [--base-path prefix]\n"
	    "           [--origin url]... [--token-file file] [--read-only]\n");
}

/* "/lab" or "/a/b": plain letters, none of them to be escaped. */
static int
check_base_path(struct opts *o)
{
	const char *p = o->base_path;
	size_t n;

	if (p == NULL || strcmp(p, "/") == 0) {
		o->base_path = "";
		return 0;
	}
	n = strlen(p);
	if (p[0] != '/' || n > OPTIONS_BASE_PATH_MAX || p[n - 1] == '/' ||
	    strstr(p, "//") != NULL || strstr(p, "/.") != NULL ||
	    strspn(p,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789-_./") != n)
		return opt_wrong("--base-path: %s: not a path like /lab", p);
	return 0;
}

static int
check_origins(const struct opts *o)
{
	const char *s, *host;
	size_t i;

	for (i = 0; i < o->origins.n; i++) {
		s = o->origins.v[i];
		host = strstr(s, "://");
		if (host == NULL ||
		    (strncmp(s, "https://", 8) != 0 &&
			strncmp(s, "http://", 7) != 0) ||
		    host[3] == '\0' || strpbrk(host + 3, "/ ?#@") != NULL)
			return opt_wrong(
			    "--origin: %s: not one like https://host:port", s);
	}
	return 0;
}

static int
check(struct opts *o)
{
	if (o->listen != NULL && o->socket != NULL)
		return opt_wrong("--listen and --socket exclude each other");
	if ((o->cert == NULL) != (o->key == NULL))
		return opt_wrong("--cert and --key go together");
	if (o->socket != NULL && o->cert != NULL)
		return opt_wrong("--cert is not for --socket");
	return check_base_path(o) == -1 ? -1 : check_origins(o);
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	enum { LISTEN = OPT_OWN, SOCKET, CERT, KEY, BASE, ORIGIN, TOKEN, READ };
	static const struct option longopts[] = { OPT_LONG,
		{ "listen", required_argument, NULL, LISTEN },
		{ "socket", required_argument, NULL, SOCKET },
		{ "cert", required_argument, NULL, CERT },
		{ "key", required_argument, NULL, KEY },
		{ "base-path", required_argument, NULL, BASE },
		{ "origin", required_argument, NULL, ORIGIN },
		{ "token-file", required_argument, NULL, TOKEN },
		{ "read-only", no_argument, NULL, READ },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "p:", longopts)) != -1) {
		if (ch == LISTEN)
			rc = opt_once(&o->listen, optarg, "--listen");
		else if (ch == SOCKET)
			rc = opt_once(&o->socket, optarg, "--socket");
		else if (ch == CERT)
			rc = opt_once(&o->cert, optarg, "--cert");
		else if (ch == KEY)
			rc = opt_once(&o->key, optarg, "--key");
		else if (ch == BASE)
			rc = opt_once(&o->base_path, optarg, "--base-path");
		else if (ch == ORIGIN)
			rc = opt_again(&o->origins, optarg);
		else if (ch == TOKEN)
			rc = opt_once(&o->token_file, optarg, "--token-file");
		else if (ch == READ)
			o->read_only = true;
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &web_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	if (rc != 0)
		return rc;
	if (optind != argc)
		return opt_wrong("%s: no operands are taken", argv[optind]);
	return check(o);
}
