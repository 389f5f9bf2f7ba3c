/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "base/diag.h"
#include "base/hook.h"
#include "base/path.h"
#include "base/sandbox.h"
#include "base/sig.h"

#include "backup.h"
#include "options.h"
#include "source.h"
#include "vmdisk.h"

static int
make_head(struct mirn_head *head, const struct opts *o,
    const struct source *source, const char *name, struct error *err)
{
	if (backup_timestamp(head, o->timestamp, err) == -1)
		return -1;
	return mirn_head_name(head, o->name != NULL ? o->name : name,
	    o->filesystem != NULL ? o->filesystem : source_filesystem(source),
	    err);
}

static int
run(struct opts *o, struct error *err)
{
	struct backup backup = { .quiet = o->common.quiet };
	struct outfile file = OUTFILE_NONE;
	struct source source = SOURCE_NONE;
	struct mirn_head head = { 0 };
	char *label = NULL;
	int rc = -1;

	if (backup_settings(&backup, o->level, o->threads, err) == -1 ||
	    (o->vm == NULL ? source_open(&source, o->image, o->format, err)
			   : vmdisk_open(&source, &label, o->common.root, o->vm,
				 o->image, &o->quiesce, err)) == -1 ||
	    make_head(&head, o, &source,
		label != NULL ? label : path_base(o->image), err) == -1 ||
	    source_check_output(&source, o->out, err) == -1 ||
	    (o->out != NULL &&
		outfile_open(&file, o->out, OUTFILE_REPLACE, err) == -1))
		goto out;
	backup.image = &source.image;
	if (sandbox_enter(&file.dirfd, o->out != NULL, err) == -1 ||
	    backup_write(&head, &backup, &file, err) == -1)
		goto out;
	hook_step("backup-written");
	if (o->out != NULL &&
	    (outfile_publish(&file, OUTFILE_REPLACE, err) == -1 ||
		backup_report(o->out, &head, o->members, err) == -1))
		goto out;
	if (o->quiesce.why.code != 0)
		diag("%s: warning: taken without a freeze: %s", o->vm,
		    o->quiesce.why.msg);
	if (source_doubt(&source) != NULL)
		diag("%s: %s: the backup is no point in time", o->image,
		    source_doubt(&source));
	rc = 0;
out:
	outfile_drop(&file);
	mirn_head_fini(&head);
	source_close(&source);
	free(label);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int rc;

	sig_setup();
	rc = options_parse(&o, argc, argv);
	if (rc != 0)
		return opt_end(rc);
	return run(&o, &err) == -1 ? diag_error(&err) : EX_OK;
}
