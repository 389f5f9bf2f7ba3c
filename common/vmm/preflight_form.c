/* SPDX-License-Identifier: ISC */
/* The checks that need no hypervisor: names, sizes, kinds of files, digests. */
#include "vmm/preflight_check.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/sig.h"
#include "snapshot/manifest.h"
#include "state/snap_seen.h"
#include "vmm/vmm.h"

int
preflight_size(uint64_t *out, const struct preflight *p, const char *name,
    struct error *err)
{
	return manifest_size(out, p->dirfd, name, err);
}

const struct layer *
preflight_layer(const struct preflight *p, const char *name)
{
	return layer_find(&p->envelope->machine.layers, name);
}

/* Every file that the envelope names is one, as long as it says. */
int
preflight_files(struct preflight *p, struct error *err)
{
	const struct envelope *e = p->envelope;
	uint64_t size;
	size_t i;

	for (i = 0; i < e->files_n; i++)
		if (preflight_size(&size, p, e->files[i].name, err) == -1 ||
		    manifest_check_size(&e->files[i], size, err) == -1)
			return -1;
	return 0;
}

/*
 * Files that nobody names are put up with, links and special files are not.
 * Directories are no part of a snapshot: the root of a mount may have some.
 */
int
preflight_unlisted(struct preflight *p, struct error *err)
{
	struct strv names = { 0 };
	struct stat st;
	const char *name;
	size_t i;
	int rc;

	rc = dir_list(&names, p->dirfd, "directory", err);
	for (i = 0; rc == 0 && i < names.n; i++) {
		name = names.v[i];
		if (fstatat(p->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			rc = error_sys(err, EX_IOERR, "%s", name);
		else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
			rc = error_set(err, EX_DATAERR,
			    "%s: not a regular file", name);
	}
	strv_fini(&names);
	return rc;
}

/* The layers' names become names in a VM's directory, as the disks' do. */
static int
check_layer_names(const struct preflight *p, struct error *err)
{
	const char *name;
	size_t i;

	for (i = 0; i < p->envelope->machine.layers.n; i++) {
		name = p->envelope->machine.layers.v[i].name;
		if (storage_check_name("layer", name, err) == -1)
			return -1;
		if (name[0] == '.' || vmm_is_reserved(name))
			return error_set(err, EX_DATAERR,
			    "layer %s: the name of another file", name);
	}
	return 0;
}

/* What was saved in one machine: what the sidecar leaves to others, too. */
static int
complete(struct preflight *p, struct error *err)
{
	if (p->root != NULL &&
	    vmm_complete(p->envelope, p->dirfd, &p->sidecar, err) == -1)
		return -1;
	return machine_fill(&p->sidecar.machine, &p->envelope->machine, err);
}

int
preflight_sidecar(struct preflight *p, struct error *err)
{
	struct error why = { 0 };

	if (check_layer_names(p, err) == -1)
		return -1;
	if (sidecar_read(&p->sidecar, p->dirfd, &why) == 0) {
		if (vmm_check_names(&p->sidecar.machine.disks, err) == -1)
			return error_wrap(err, "%s", SIDECAR_NAME);
		return complete(p, err);
	}
	/* An import takes what has none. */
	if (why.code == EX_NOINPUT && p->root == NULL)
		return 0;
	if (why.code == EX_NOINPUT)
		return error_set(err, EX_DATAERR, "%s: missing", SIDECAR_NAME);
	if (err != NULL)
		*err = why;
	return -1;
}

int
preflight_storage(struct preflight *p, struct error *err)
{
	uint64_t storage = p->envelope->machine.storage_bytes, size;
	const struct storage *cow = storage_find(&p->sidecar.machine.disks,
	    STORAGE_COW);

	if (storage != 0 && cow != NULL && cow->size_bytes != 0 &&
	    cow->size_bytes != storage)
		return error_set(err, EX_DATAERR,
		    "config.storage is %" PRIu64 ", " SIDECAR_NAME
		    " has %" PRIu64,
		    storage, cow->size_bytes);
	if (storage == 0 || preflight_size(&size, p, "cow.raw", NULL) == -1)
		return 0; /* not every disk is one raw file */
	return manifest_check_storage(p->envelope, size, err);
}

/* Whether who loaded the state has compared this file of it. */
static bool
was_hashed(const struct preflight *p, const char *name)
{
	const struct vmm_traits *traits = vmm_traits(
	    p->envelope->machine.hypervisor);
	size_t i;

	if (!p->is_loaded || !traits->hashes_loaded)
		return false;
	for (i = 0; traits->state_files[i] != NULL; i++)
		if (strcmp(traits->state_files[i], name) == 0)
			return true;
	return false;
}

/* One that looks as it did when somebody has read it is not read again. */
static int
check_digest(const struct preflight *p, const struct envelope_file *file,
    struct error *err)
{
	bool is_stored = p->root != NULL && p->snap_id != NULL;
	struct stat st;
	uint64_t size;
	int fd, rc;

	if (manifest_open(&fd, &size, p->dirfd, file->name, err) == -1)
		return -1;
	/* Before it is read: who writes to it meanwhile makes it look otherwise. */
	if (fstat(fd, &st) == -1)
		rc = error_sys(err, EX_IOERR, "%s", file->name);
	else if (is_stored && !p->verify &&
	    snap_seen_is(p->root, p->snap_id, file->name, &st))
		rc = manifest_check_size(file, size, err);
	else {
		rc = manifest_read(NULL, file, fd, size, err);
		if (rc == 0 && is_stored)
			snap_seen_set(p->root, p->snap_id, file->name, &st);
	}
	fd_drop(&fd);
	return rc;
}

int
preflight_digests(struct preflight *p, struct error *err)
{
	const struct envelope_file *file;
	size_t i;

	for (i = 0; i < p->envelope->files_n; i++) {
		file = &p->envelope->files[i];
		if (!file->has_digest ||
		    (!p->verify && file->size_bytes > PREFLIGHT_SMALL_BYTES) ||
		    was_hashed(p, file->name))
			continue;
		if (sig_check(err) == -1 || check_digest(p, file, err) == -1)
			return -1;
	}
	return 0;
}
