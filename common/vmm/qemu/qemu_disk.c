/* SPDX-License-Identifier: ISC */
/* QEMU's disks: what they are now, merged, and switched to new overlays. */
#include "vmm/qemu/qemu.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/path.h"
#include "base/sig.h"
#include "disk/chain.h"
#include "disk/fs.h"
#include "vmm/host/handover.h"

#define JOB_NAP_MS 5 /* between two looks at the jobs */
#define JOB_MS (10 * 60 * 1000) /* for the merge of one chain */

/* What query-block's answer says to be in device disk<i>; 0: nothing. */
static uint32_t
find_block(const struct jdoc *blocks, size_t i)
{
	char qdev[64], text[128];
	uint32_t entry;

	snprintf(qdev, sizeof(qdev), "/machine/peripheral/disk%zu/", i);
	entry = jdoc_first(blocks, qmp_return(blocks));
	for (; entry != 0; entry = jdoc_next(blocks, entry))
		if (jdoc_get_str(blocks, entry, "qdev", text, sizeof(text),
			JSON_REQUIRED, NULL) == 0 &&
		    strncmp(text, qdev, strlen(qdev)) == 0)
			return jdoc_member(blocks, entry, "inserted");
	return 0;
}

/* Adds the plain name of one image of a chain. */
static int
read_image(struct strv *names, const struct jdoc *blocks, uint32_t image,
    struct error *err)
{
	char *path = NULL;
	int rc;

	(void)jdoc_get_strdup(blocks, image, "filename", &path, QMP_LINE_MAX,
	    JSON_OPTIONAL, NULL);
	if (path == NULL || names->n == 4 * STORAGE_CHAIN_MAX)
		rc = error_set(err, EX_UNAVAILABLE,
		    "QEMU: query-block: a chain without names");
	else if (!path_is_name(path_base(path)))
		rc = error_set(err, EX_UNAVAILABLE,
		    "QEMU: query-block: file name %s", path_base(path));
	else
		rc = strv_add(names, err, "%s", path_base(path));
	free(path);
	return rc;
}

/* The plain names of an image's chain, top first; *names is the caller's. */
static int
read_chain(struct strv *names, const struct jdoc *blocks, uint32_t inserted,
    struct error *err)
{
	uint32_t image = jdoc_member(blocks, inserted, "image");

	for (; image != 0; image = jdoc_member(blocks, image, "backing-image"))
		if (read_image(names, blocks, image, err) == -1)
			return -1;
	if (names->n == 0)
		return error_set(err, EX_UNAVAILABLE,
		    "QEMU: query-block: no image");
	return 0;
}

/* Whether the record says of the disk what QEMU says; if not, it does then. */
static int
correct_disk(bool *changed, struct storage *disk, const struct strv *names,
    struct error *err)
{
	struct strv backing = { 0 };
	bool same = strcmp(disk->path, names->v[0]) == 0 &&
	    disk->backing.n == names->n - 1;
	char *path;
	size_t i;

	for (i = 1; same && i < names->n; i++)
		same = strcmp(disk->backing.v[i - 1], names->v[i]) == 0;
	if (same)
		return 0;
	for (i = 1; i < names->n; i++)
		if (strv_add(&backing, err, "%s", names->v[i]) == -1) {
			strv_fini(&backing);
			return -1;
		}
	path = strdup(names->v[0]);
	if (path == NULL) {
		strv_fini(&backing);
		return error_nomem(err, NULL);
	}
	free(disk->path);
	disk->path = path;
	strv_fini(&disk->backing);
	disk->backing = backing;
	*changed = true;
	return 0;
}

int
qemu_ask_disks(struct vmm *vmm, bool *changed, struct error *err)
{
	struct strv names = { 0 };
	struct jdoc *blocks;
	uint32_t inserted;
	size_t i;
	int rc = -1;

	if (vmm->vm->machine.disks.n == 0)
		return 0;
	if (qemu_call(vmm, "query-block", NULL, &blocks, err) == -1)
		return -1;
	for (i = 0; i < vmm->vm->machine.disks.n; i++) {
		inserted = find_block(blocks, i);
		if (inserted == 0) {
			error_set(err, EX_UNAVAILABLE,
			    "QEMU: query-block: no disk%zu", i);
			goto out;
		}
		if (read_chain(&names, blocks, inserted, err) == -1 ||
		    correct_disk(changed, &vmm->vm->machine.disks.v[i], &names,
			err) == -1) {
			error_wrap(err, "disk %zu", i);
			goto out;
		}
		strv_fini(&names);
	}
	rc = 0;
out:
	strv_fini(&names);
	jdoc_free(blocks);
	return rc;
}

static void
cancel_jobs(struct vmm *vmm, const struct jdoc *jobs)
{
	uint32_t job = jdoc_first(jobs, qmp_return(jobs));
	char id[128];

	/* A job that has just ended is no error. */
	for (; job != 0; job = jdoc_next(jobs, job))
		if (jdoc_get_str(jobs, job, "device", id, sizeof(id),
			JSON_REQUIRED, NULL) == 0)
			qemu_call(vmm, "block-job-cancel",
			    json_pack("{s:s}", "device", id), NULL, NULL);
}

/* Waits until QEMU has no block jobs; `cancel` ends them first. */
static int
drain_jobs(struct vmm *vmm, bool cancel, struct error *err)
{
	int64_t deadline_ms = clock_ms() + JOB_MS;
	struct jdoc *jobs;
	bool are_none;

	for (;;) {
		if (qemu_call(vmm, "query-block-jobs", NULL, &jobs, err) == -1)
			return -1;
		are_none = jdoc_first(jobs, qmp_return(jobs)) == 0;
		if (cancel)
			cancel_jobs(vmm, jobs);
		jdoc_free(jobs);
		if (are_none)
			return 0;
		if (sig_check(err) == -1)
			return -1;
		if (clock_left(deadline_ms) == 0)
			return error_set(err, EX_TEMPFAIL,
			    "QEMU: a block job does not end");
		clock_nap(JOB_NAP_MS);
	}
}

/*
 * The merge writes at most what the files between the two have: a filesystem
 * that it fills would halt the guest.
 */
static int
check_room(struct vmm *vmm, const struct storage *disk, struct error *err)
{
	uint64_t need = 0, left;
	struct stat st;
	size_t k;

	for (k = 0; k + 1 < disk->backing.n; k++) {
		if (fstatat(vmm->dirfd, disk->backing.v[k], &st, 0) == -1)
			return error_sys(err, EX_IOERR, "%s",
			    disk->backing.v[k]);
		need += (uint64_t)st.st_blocks * 512;
	}
	if (fs_free_bytes(&left, vmm->dirfd, err) == -1)
		return -1;
	if (need <= left)
		return 0;
	return error_set(err, EX_IOERR,
	    "no space: %" PRIu64 " bytes may be written, %" PRIu64 " are free",
	    need, left);
}

/*
 * Copies all of the chain but its deepest file into the active overlay.  What
 * was between them is nobody's then.
 */
static int
merge_disk(struct vmm *vmm, size_t i, struct error *err)
{
	const struct storage *disk = &vmm->vm->machine.disks.v[i];
	const char *deepest = disk->backing.v[disk->backing.n - 1];
	char top[QEMU_NODE_MAX], base[QEMU_NODE_MAX];
	struct error job = { 0 };

	qemu_node_name(top, i, disk->path);
	qemu_node_name(base, i, deepest);
	if (qemu_call(vmm, "block-stream",
		json_pack("{s:s, s:s, s:s, s:s}", "job-id", "merge", "device",
		    top, "base-node", base, "backing-file", deepest),
		NULL, err) == -1)
		return -1;
	hook_step("merging");
	if (drain_jobs(vmm, false, &job) == 0)
		return 0;
	/* A signal or the deadline: the job must not go on behind us. */
	sig_shield();
	drain_jobs(vmm, true, NULL);
	if (err != NULL)
		*err = job;
	return -1;
}

/* Takes the nodes that no chain has any more out of QEMU, then their files. */
static void
drop_merged(struct vmm *vmm, size_t i, const struct strv *old)
{
	const struct storage *disk = &vmm->vm->machine.disks.v[i];
	char node[QEMU_NODE_MAX];
	size_t k, m;
	bool kept;

	for (k = 0; k < old->n; k++) {
		kept = false;
		for (m = 0; m < disk->backing.n; m++)
			kept |= strcmp(disk->backing.v[m], old->v[k]) == 0;
		if (kept)
			continue;
		qemu_node_name(node, i, old->v[k]);
		/* Nodes of the command line go with their parents. */
		qemu_call(vmm, "blockdev-del",
		    json_pack("{s:s}", "node-name", node), NULL, NULL);
		unlinkat(vmm->dirfd, old->v[k], 0);
	}
}

static int
merge_if_long(struct vmm *vmm, size_t i, const struct timespec *now,
    struct error *err)
{
	struct storage *disk = &vmm->vm->machine.disks.v[i];
	struct strv old = { 0 };
	bool changed = false;
	size_t k;
	int rc = -1;

	if (disk->ro || disk->backing.n + 2 <= STORAGE_CHAIN_MAX)
		return 0;
	for (k = 0; k < disk->backing.n; k++)
		if (strv_add(&old, err, "%s", disk->backing.v[k]) == -1)
			goto out;
	if (check_room(vmm, disk, err) == -1 || merge_disk(vmm, i, err) == -1 ||
	    qemu_ask_disks(vmm, &changed, err) == -1)
		goto out;
	if (disk->backing.n != 1) {
		error_set(err, EX_IOERR, "%s: the chain was not merged",
		    disk->path);
		goto out;
	}
	if (vm_write(vmm->vm, vmm->dirfd, true, now, err) == -1)
		goto out;
	hook_step("merged");
	drop_merged(vmm, i, &old);
	rc = 0;
out:
	strv_fini(&old);
	return rc;
}

/* Whether `file` is in a chain, or no overlay of a disk at all. */
static bool
is_needed(const struct vm *vm, const char *file)
{
	const struct storage *disk;
	size_t i, k, stem;
	bool ours = false;

	if (chain_number(file) == 0)
		return true;
	for (i = 0; i < vm->machine.disks.n; i++) {
		disk = &vm->machine.disks.v[i];
		stem = strcspn(disk->path, ".") + 1;
		ours |= strncmp(file, disk->path, stem) == 0;
		if (strcmp(file, disk->path) == 0)
			return true;
		for (k = 0; k < disk->backing.n; k++)
			if (strcmp(file, disk->backing.v[k]) == 0)
				return true;
	}
	return !ours;
}

/* Overlays that no chain has: a killed tool left them.  QEMU was asked. */
static void
drop_unused(struct vmm *vmm)
{
	struct strv names = { 0 };
	size_t i;

	/* What is not found now is found by the next save. */
	if (dir_list(&names, vmm->dirfd, "directory", NULL) == 0)
		for (i = 0; i < names.n; i++)
			if (!is_needed(vmm->vm, names.v[i]))
				unlinkat(vmm->dirfd, names.v[i], 0);
	strv_fini(&names);
}

int
qemu_settle_disks(struct vmm *vmm, const struct timespec *now,
    struct error *err)
{
	bool changed = false;
	size_t i;

	if (drain_jobs(vmm, true, err) == -1 ||
	    qemu_ask_disks(vmm, &changed, err) == -1)
		return -1;
	if (changed && vm_write(vmm->vm, vmm->dirfd, true, now, err) == -1)
		return -1;
	for (i = 0; i < vmm->vm->machine.disks.n; i++)
		if (merge_if_long(vmm, i, now, err) == -1)
			return error_wrap(err, "merge of disk %zu", i);
	drop_unused(vmm);
	return 0;
}

/* A node for the overlay alone: its backing is what the disk has now. */
static int
add_overlay_node(struct vmm *vmm, size_t i, const char *overlay,
    struct error *err)
{
	struct storage disk = vmm->vm->machine.disks.v[i];
	char *path = strdup(overlay), name[QEMU_NODE_MAX];
	json_t *node;
	int rc;

	if (path == NULL)
		return error_nomem(err, NULL);
	disk.path = path;
	memset(&disk.backing, 0, sizeof(disk.backing));
	node = qemu_blockdev(&disk, i);
	free(path);
	if (node == NULL)
		return error_nomem(err, NULL);
	/* One of that name is what a killed save left; one in use stays. */
	qemu_node_name(name, i, overlay);
	qemu_call(vmm, "blockdev-del", json_pack("{s:s}", "node-name", name),
	    NULL, NULL);
	if (handover_give(vmm->dirfd, overlay, err) == -1) {
		json_decref(node);
		return -1;
	}
	rc = qemu_call(vmm, "blockdev-add", node, NULL, err);
	return handover_take(vmm->dirfd, overlay, rc == 0 ? err : NULL) == -1
	    ? -1
	    : rc;
}

/* Takes the node of an overlay out again, where there is one. */
static void
drop_overlay_node(struct vmm *vmm, size_t i, const char *overlay)
{
	char node[QEMU_NODE_MAX];

	qemu_node_name(node, i, overlay);
	qemu_call(vmm, "blockdev-del", json_pack("{s:s}", "node-name", node),
	    NULL, NULL);
}

void
qemu_drop_overlays(struct vmm *vmm, const char *const *overlays)
{
	size_t i;

	for (i = 0; i < vmm->vm->machine.disks.n; i++)
		if (overlays[i] != NULL)
			drop_overlay_node(vmm, i, overlays[i]);
}

int
qemu_add_overlays(struct vmm *vmm, const char *const *overlays,
    struct error *err)
{
	size_t i;

	for (i = 0; i < vmm->vm->machine.disks.n; i++) {
		if (overlays[i] == NULL)
			continue;
		/* One that is there already is what a killed save left. */
		drop_overlay_node(vmm, i, overlays[i]);
		if (add_overlay_node(vmm, i, overlays[i], err) == -1) {
			qemu_drop_overlays(vmm, overlays);
			return -1;
		}
	}
	hook_step("overlays-open");
	return 0;
}

int
qemu_switch_disks(struct vmm *vmm, const char *const *overlays,
    struct error *err)
{
	char node[QEMU_NODE_MAX], top[QEMU_NODE_MAX];
	json_t *actions = json_array();
	size_t i;
	int rc = 0;

	for (i = 0; i < vmm->vm->machine.disks.n; i++) {
		if (overlays[i] == NULL)
			continue;
		qemu_node_name(node, i, vmm->vm->machine.disks.v[i].path);
		qemu_node_name(top, i, overlays[i]);
		/* One that is left out writes on into the frozen file. */
		if (json_append(actions, "actions",
			json_pack("{s:s, s:{s:s, s:s}}", "type",
			    "blockdev-snapshot", "data", "node", node,
			    "overlay", top),
			err) == -1) {
			json_decref(actions);
			return -1;
		}
	}
	if (json_array_size(actions) > 0)
		rc = qemu_call(vmm, "transaction",
		    json_pack("{s:O}", "actions", actions), NULL, err);
	json_decref(actions);
	return rc;
}

int
qemu_resize_disk(struct vmm *vmm, size_t i, uint64_t bytes, struct error *err)
{
	char node[QEMU_NODE_MAX];

	qemu_node_name(node, i, vmm->vm->machine.disks.v[i].path);
	return qemu_call(vmm, "block_resize",
	    json_pack("{s:s, s:I}", "node-name", node, "size",
		(json_int_t)bytes),
	    NULL, err);
}
