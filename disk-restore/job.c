/* SPDX-License-Identifier: ISC */
#include "job.h"

#include "base/fd.h"
#include "base/hook.h"

int
job_open(struct job *j, const char *file, const char *image, const char *vm,
    const char *root, unsigned flags, struct error *err)
{
	const char *path = image, *top = image;

	j->what = file == NULL ? "standard input" : file;
	j->flags = flags;
	if ((vm != NULL && root_become_owner(root, err) == -1) ||
	    restore_open(&j->in, file, err) == -1)
		return -1;
	if (image == NULL)
		return 0;
	if (vm != NULL) {
		if (vmtarget_open(&j->target, root, vm, image, err) == -1)
			return -1;
		path = j->target.path;
		top = j->target.top;
	}
	/* A VM's disk is there always, whatever the name of the new one. */
	if (vm != NULL && flags == OUTFILE_NEW)
		return error_set(err, EX_CANTCREAT, "%s: exists", top);
	if (outfile_open(&j->image, path, flags, err) == -1)
		return -1;
	return restore_claim(&j->old, top, err);
}

int
job_read(struct job *j, struct error *err)
{
	if (mirn_reader_new(&j->reader, j->in, j->what, err) == -1)
		return -1;
	if (j->target.disk == NULL)
		return 0;
	return vmtarget_check(mirn_reader_head(j->reader)->size_bytes, j->what,
	    err);
}

int
job_restore(struct job *j, bool quiet, struct error *err)
{
	if (restore_image(j->reader, &j->image, j->what, quiet, err) == -1)
		return -1;
	hook_step("restore-written");
	if (j->image.fd == -1)
		return 0;
	if (restore_claim_check(j->old, j->image.path, err) == -1 ||
	    outfile_publish(&j->image, j->flags, err) == -1)
		return -1;
	hook_step("restore-published");
	if (j->target.disk == NULL)
		return 0;
	return vmtarget_publish(&j->target,
	    mirn_reader_head(j->reader)->size_bytes, err);
}

void
job_close(struct job *j)
{
	mirn_reader_free(j->reader);
	outfile_drop(&j->image);
	vmtarget_close(&j->target);
	fd_drop(&j->old);
	fd_drop(&j->in);
}
