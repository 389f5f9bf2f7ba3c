/* SPDX-License-Identifier: ISC */
#include "save.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/progress.h"
#include "base/rfc3339.h"
#include "disk/chain.h"
#include "disk/digest_file.h"
#include "disk/seal.h"
#include "snapshot/envelope.h"
#include "state/inplace.h"
#include "vmm/preflight.h"

#define RECORD_WAIT_MS (10 * 60 * 1000) /* for the VM's lock: a merge lasts */

int
publish_describe(struct save *s, const char *description, struct error *err)
{
	const struct vm *vm = &s->at->vm;
	struct envelope *e = &s->envelope;
	struct envelope_config *c = &e->config;

	snprintf(c->id, sizeof(c->id), "%s", s->snap.id);
	snprintf(c->name, sizeof(c->name), "%s", s->snap.name);
	c->nics = vm->machine.nics.n;
	if (description != NULL) {
		c->description = strdup(description);
		if (c->description == NULL)
			return error_nomem(err, NULL);
	}
	rfc3339_us(e->created_at, &s->now);
	rfc3339_us(s->sidecar.saved_at, &s->now);
	e->has_files = true;
	return machine_fill(&e->machine, &vm->machine, err);
}

static bool
is_memory(const struct save *s, const char *name)
{
	const struct vmm_traits *traits = vmm_traits(
	    s->at->vm.machine.hypervisor);

	return strcmp(name, traits->memory_file) == 0 ||
	    (traits->memory_dump != NULL &&
		strcmp(name, traits->memory_dump) == 0);
}

/* Whether a save of now is the one that froze the disk file `name`. */
static bool
is_to_seal(const struct save *s, const char *name)
{
	const struct storage_list *disks = freeze_disks(&s->freeze);
	size_t i;

	if (is_memory(s, name))
		return true;
	for (i = 0; i < disks->n; i++)
		if (!disks->v[i].ro && strcmp(disks->v[i].path, name) == 0)
			return true;
	return false;
}

/* What was read in place was written to, or the mount has read wrongly. */
static int
check_copied(const struct save *s, const struct envelope_file *file,
    const struct vm_frozen *frozen, struct error *err)
{
	if (frozen == NULL ||
	    (frozen->size_bytes == file->size_bytes &&
		digest_equal(&frozen->digest, &file->digest)))
		return 0;
	return error_set(err, EX_DATAERR,
	    "%s/%s: differs from its digest: it has been written to",
	    s->at->vm.depends_on, file->name);
}

/* Digest and sync of one file; zero blocks of what was just saved go. */
static int
seal_one(struct save *s, struct envelope_file *file, struct error *err)
{
	const struct vm_frozen *frozen = vm_find_frozen(&s->at->vm, file->name);
	bool seal = is_to_seal(s, file->name);
	bool is_copy = strv_has(&s->copied, file->name);
	int fd, rc;

	if (fd_open_file(&fd, &file->size_bytes, s->snap.dirfd, file->name,
		seal ? O_RDWR : O_RDONLY, err) == -1)
		return -1;
	file->has_digest = true;
	if (!seal && !is_copy && frozen != NULL &&
	    frozen->size_bytes == file->size_bytes) {
		file->digest = frozen->digest;
		rc = 0;
	} else if (seal)
		rc = seal_file(&file->digest, fd, file->size_bytes, file->name,
		    err);
	else
		rc = digest_file(&file->digest, fd, file->size_bytes,
		    file->name, err);
	if (rc == 0 && is_copy)
		rc = check_copied(s, file, frozen, err);
	if (rc == 0 && !seal && fsync(fd) == -1)
		rc = error_sys(err, EX_IOERR, "%s", file->name);
	fd_drop(&fd);
	return rc;
}

/* Every file of the hidden directory, by name. */
static int
list_files(struct save *s, struct error *err)
{
	struct strv names = { 0 };
	size_t i;
	int rc;

	rc = dir_list(&names, s->snap.dirfd, "the snapshot's directory", err);
	for (i = 0; rc == 0 && i < names.n; i++)
		if (names.v[i][0] != '.' &&
		    envelope_add_file(&s->envelope, names.v[i], err) == NULL)
			rc = -1;
	strv_fini(&names);
	return rc;
}

/* Whether the VM still has the file: a restore may have put another there. */
static bool
is_same_file(const struct save *s, int dirfd, const char *name)
{
	struct stat ours, its;

	return fstatat(s->snap.dirfd, name, &ours, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(dirfd, name, &its, AT_SYMLINK_NOFOLLOW) == 0 &&
	    ours.st_ino == its.st_ino && ours.st_dev == its.st_dev;
}

/*
 * What was copied is the VM's from now on, in place of its link: the next save
 * need not copy it.  Where that cannot be, it must.
 */
static void
give_copies(const struct save *s, const struct vm_at *at)
{
	char beside[64];
	const char *name;
	size_t i;

	snprintf(beside, sizeof(beside), ".own.%ld", (long)getpid());
	for (i = 0; i < s->copied.n; i++) {
		name = s->copied.v[i];
		if (inplace_is_link(at->vm.depends_on, at->dirfd, name) &&
		    linkat(s->snap.dirfd, name, at->dirfd, beside, 0) == 0 &&
		    renameat(at->dirfd, beside, at->dirfd, name) == -1)
			unlinkat(at->dirfd, beside, 0);
	}
}

/*
 * Digests of frozen disks, and the snapshot's id, into the VM's record: before
 * the snapshot appears, so that a VM can be put back to whatever is there.
 */
static int
tell_vm(struct save *s, struct error *err)
{
	const struct storage_list *disks = freeze_disks(&s->freeze);
	const struct envelope_file *file;
	struct vm_at at;
	size_t i;
	int rc = -1;

	if (vm_at_open(&at, s->snap.root, s->at->vm.id, true,
		clock_ms() + RECORD_WAIT_MS, err) == -1) {
		/* A VM that was removed meanwhile needs no telling. */
		return err->code == EX_NOINPUT ? 0 : -1;
	}
	for (i = 0; s->freeze.switched && i < disks->n; i++) {
		file = envelope_find_file(&s->envelope, disks->v[i].path);
		if (s->freeze.ways[i] == FREEZE_SWITCH && file != NULL &&
		    is_same_file(s, at.dirfd, file->name) &&
		    vm_add_frozen(&at.vm, file->name, file->size_bytes,
			&file->digest, err) == -1)
			goto out;
	}
	give_copies(s, &at);
	at.vm.machine.storage_bytes = s->envelope.machine.storage_bytes;
	if (vm_add_snapshot(&at.vm, s->snap.id, err) == -1 ||
	    vmm_state_published(&at.vm, at.dirfd, s->snap.dirfd, err) == -1)
		goto out;
	rc = vm_at_write(&at, true, &s->now, err);
out:
	vm_at_close(&at);
	return rc;
}

/* A disk that is cut later, in what has no digests, is known by its size. */
static int
tell_sizes(struct save *s, struct error *err)
{
	struct storage *disk;
	size_t i;

	for (i = 0; i < s->sidecar.machine.disks.n; i++) {
		disk = &s->sidecar.machine.disks.v[i];
		if (disk->role != STORAGE_LAYER &&
		    chain_disk_bytes(&disk->size_bytes,
			chain_format(disk->path), s->snap.dirfd, disk->path,
			err) == -1)
			return -1;
	}
	return 0;
}

/* While the guest runs, and can go on: what would make a snapshot of no use. */
int
publish_check_disks(struct save *s, struct error *err)
{
	struct preflight p = { .dirfd = s->at->dirfd,
		.envelope = &s->envelope,
		.is_unlisted = true,
		.in_place = s->at->vm.depends_on,
		.sidecar = s->sidecar };

	return preflight_disks(&p, err);
}

/* What a clone will ask of the whole. */
static int
check_form(const struct save *s, struct error *err)
{
	struct preflight p = { .dirfd = s->snap.dirfd,
		.envelope = &s->envelope };
	int rc = preflight_whole(&p, err);

	sidecar_fini(&p.sidecar);
	return rc;
}

int
publish(struct save *s, bool quiet, struct error *err)
{
	struct envelope *e = &s->envelope;
	struct progress progress;
	uint64_t total = 0, done = 0;
	size_t i;

	if (tell_sizes(s, err) == -1 ||
	    sidecar_write(s->snap.dirfd, &s->sidecar, err) == -1 ||
	    list_files(s, err) == -1)
		return -1;
	for (i = 0; i < e->files_n; i++)
		total += is_memory(s, e->files[i].name)
		    ? e->machine.memory_bytes
		    : 0;
	progress_init(&progress, "sealing", total, quiet);
	for (i = 0; i < e->files_n; i++) {
		if (seal_one(s, &e->files[i], err) == -1) {
			progress_fini(&progress);
			return -1;
		}
		done += e->files[i].size_bytes;
		progress_update(&progress, done);
	}
	progress_fini(&progress);
	save_phase(s, "seal");
	hook_step("sealed");
	if (check_form(s, err) == -1)
		return -1;
	if (envelope_write(s->snap.dirfd, e, err) == -1)
		return -1;
	hook_step("envelope-written");
	if (tell_vm(s, err) == -1)
		return -1;
	hook_step("vm-told");
	if (root_new_publish(&s->snap, true, err) == -1)
		return -1;
	hook_step("published");
	save_phase(s, "publish");
	return 0;
}
