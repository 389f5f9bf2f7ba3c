/* SPDX-License-Identifier: ISC */
#include "base/diag.h"
#include "base/fd.h"
#include "base/sandbox.h"
#include "base/sig.h"

#include "dir.h"
#include "options.h"

static int
run(const struct opts *o, struct error *err)
{
	const char *what = o->file == NULL ? "standard input" : o->file;
	struct import import = { 0 };
	int dir, fd = -1, rc = -1;
	uint64_t size = 0;

	if (o->from_dir != NULL)
		return import_from_dir(o->from_dir, o->common.root, &o->how,
		    o->common.quiet, o->members, err);
	if (unpack_open(&fd, &size, o->file, err) == -1 ||
	    import_begin(&import, o->common.root, &o->how, err) == -1)
		goto out;
	dir = root_fd(import.root);
	if (sandbox_enter(&dir, 1, err) == -1)
		goto out;
	progress_init(&import.progress, "imported", size, o->common.quiet);
	if (import_archive(&import, fd, what, &o->how, err) == 0)
		rc = import_report(&import, o->members, err);
out:
	import_fini(&import);
	fd_drop(&fd);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };

	sig_setup();
	switch (options_parse(&o, argc, argv)) {
	case -1:
		return EX_USAGE;
	case 1:
		return opt_done();
	}
	if (run(&o, &err) == -1) {
		diag("%s", err.msg);
		return err.code;
	}
	return EX_OK;
}
