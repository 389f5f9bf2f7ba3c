/* SPDX-License-Identifier: ISC */
#include "base/diag.h"
#include "base/sandbox.h"
#include "base/sig.h"

#include "seed.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: cidata-gen [-q] [-f vfat|iso] [-o file] [-p member,...]\n"
	    "           [--instance-id id] [-H hostname] [-m local|net]\n"
	    "           [--user name] [--password string | --password-file "
	    "file |\n"
	    "           --password-hash hash] [--salt string]\n"
	    "           [--ssh-key file]... [--nic spec]... "
	    "[-N network-config]\n"
	    "           [--mounts] [--user-data file] [--vendor-data file]\n");
}

static int
run(const struct wishes *w, struct error *err)
{
	struct seed s;
	int dirs[2], rc = -1;
	size_t n = 0;

	seed_init(&s);
	if (wishes_check(w, err) == -1 || seed_open(&s, w, err) == -1)
		goto out;
	if (s.file.dirfd != -1)
		dirs[n++] = s.file.dirfd;
	if (s.tmpfd != -1)
		dirs[n++] = s.tmpfd;
	if (sandbox_enter(dirs, n, err) == -1 || seed_make(&s, w, err) == -1)
		goto out;
	rc = seed_write(&s, w, err);
out:
	seed_fini(&s);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct wishes w = { 0 };
	int code;

	sig_setup();
	code = wishes_parse(&w, argc, argv, usage);
	if (code != 0)
		code = opt_end(code);
	else if (run(&w, &err) == -1)
		code = diag_error(&err);
	wishes_fini(&w);
	return code;
}
