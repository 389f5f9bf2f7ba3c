/* SPDX-License-Identifier: ISC */
#include "wrenn.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/path.h"
#include "base/progress.h"
#include "disk/chain.h"
#include "disk/copy.h"
#include "disk/digest_file.h"
#include "foreign/memmap.h"
#include "snapshot/manifest.h"
#include "vmm/vmm.h"

#include "report.h"
#include "target.h"

#define STATE "vmstate"
#define MEMORY "mem"

/* In the order in which they are made. */
static const char *const made[] = { "rootfs.ext4", "snapfile", "memfile",
	MEMMAP_NAME };

#define MADE (sizeof(made) / sizeof(made[0]))

struct work {
	const struct snap *snap;
	struct target to;
	char *disk; /* name of its file in the snapshot */
	struct progress progress;
	uint64_t done_bytes;
	size_t made_n; /* files that are ours to take away */
};

/* One raw disk is all that wrenn has a file for. */
static int
find_disk(struct work *w, struct error *err)
{
	const struct storage *disk;
	struct sidecar s;
	size_t i;
	int rc = -1;

	if (sidecar_read(&s, snap_fd(w->snap), err) == -1) {
		if (err != NULL && err->code == EX_NOINPUT)
			err->code = EX_DATAERR;
		return -1;
	}
	for (i = 0; i < s.machine.disks.n; i++)
		if (s.machine.disks.v[i].role != STORAGE_COW) {
			error_set(err, EX_CONFIG,
			    "disk %zu (%s): a wrenn directory has the root "
			    "disk alone",
			    i, storage_role_name(s.machine.disks.v[i].role));
			goto out;
		}
	disk = storage_find(&s.machine.disks, STORAGE_COW);
	if (disk == NULL)
		error_set(err, EX_CONFIG,
		    "no disk, and a wrenn directory has one");
	else if (disk->backing.n != 0 || !chain_format(disk->path)->is_flat)
		error_set(err, EX_CONFIG,
		    "%s: an overlay, and wrenn's disk is raw",
		    path_base(disk->path));
	else if ((w->disk = strdup(path_base(disk->path))) == NULL)
		error_sys(err, EX_OSERR, "disk");
	else
		rc = 0;
out:
	sidecar_fini(&s);
	return rc;
}

static int
check_snap(struct work *w, struct error *err)
{
	const char *by = snap_envelope(w->snap)->machine.hypervisor;

	if (!vmm_traits(by)->in_wrenn)
		return error_set(err, EX_CONFIG,
		    "saved by %s, a wrenn directory is of %s",
		    by[0] == '\0' ? "no one knows what" : by, vmm_of_wrenn());
	return find_disk(w, err);
}

/* Opens a file of the snapshot, which must be what was saved. */
static int
open_saved(int *fd, uint64_t *size, struct digest *digest, const struct work *w,
    const char *name, struct error *err)
{
	const struct envelope_file *file;

	if (manifest_open(fd, size, snap_fd(w->snap), name, err) == -1)
		return -1;
	file = envelope_find_file(snap_envelope(w->snap), name);
	return file == NULL ? digest_file(digest, *fd, *size, name, err)
			    : manifest_read(digest, file, *fd, *size, err);
}

static void
count(struct work *w, uint64_t bytes)
{
	w->done_bytes += bytes;
	progress_update(&w->progress, w->done_bytes);
}

/* The next file to be made is a copy of `name`. */
static int
put_copy(struct work *w, const char *name, struct error *err)
{
	const char *to = made[w->made_n];
	struct digest digest;
	uint64_t size;
	int fd = -1, rc;

	rc = open_saved(&fd, &size, &digest, w, name, err);
	fd_drop(&fd);
	if (rc == -1 ||
	    copy_file(NULL, w->to.dirfd, to, snap_fd(w->snap), name,
		COPY_MAY_REFLINK, err) == -1)
		return -1;
	w->made_n++;
	if (fd_open_file(&fd, NULL, w->to.dirfd, to, O_RDONLY, err) == -1 ||
	    fd_commit(&fd, to, err) == -1)
		return -1;
	count(w, size);
	hook_step("wrenn-file");
	return 0;
}

/* The same memory gives the same build: RFC 9562, version 8. */
static struct memmap_uuid
build_of(const struct digest *memory)
{
	struct memmap_uuid build;

	memcpy(build.raw, memory->raw, sizeof(build.raw));
	build.raw[6] = (unsigned char)(0x80 | (build.raw[6] & 0x0f));
	build.raw[8] = (unsigned char)(0x80 | (build.raw[8] & 0x3f));
	return build;
}

static int
pack(struct work *w, struct memmap *map, int from, uint64_t size,
    const struct memmap_uuid *build, struct error *err)
{
	const char *to = made[w->made_n];
	struct sink sink = { 0 };
	int fd, rc = -1;

	fd = openat(w->to.dirfd, to,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return error_sys(err, EX_IOERR, "%s", to);
	w->made_n++;
	if (sink_init(&sink, fd, to, err) == 0) {
		sink.writeback.fd = fd;
		rc = memmap_pack(map, &sink, from, size, build, MEMORY, err);
	}
	sink_fini(&sink);
	if (rc == 0)
		rc = fd_commit(&fd, to, err);
	fd_drop(&fd);
	return rc;
}

static int
put_header(struct work *w, const struct memmap *map, struct error *err)
{
	const char *to = made[w->made_n];
	unsigned char *raw;
	size_t len;
	int rc;

	if (memmap_encode(&raw, &len, map, err) == -1)
		return -1;
	w->made_n++;
	rc = fd_replace_file(w->to.dirfd, to, raw, len, true, err);
	free(raw);
	return rc;
}

static int
put_memory(struct work *w, struct error *err)
{
	struct memmap map = { 0 };
	struct memmap_uuid build;
	struct digest digest;
	int fd = -1, rc = -1;
	uint64_t size;

	if (open_saved(&fd, &size, &digest, w, MEMORY, err) == 0) {
		build = build_of(&digest);
		rc = pack(w, &map, fd, size, &build, err);
	}
	fd_drop(&fd);
	if (rc == 0) {
		count(w, size);
		hook_step("wrenn-files");
		rc = put_header(w, &map, err);
	}
	memmap_fini(&map);
	return rc;
}

static int
fill(struct work *w, struct error *err)
{
	size_t i;

	if (put_copy(w, w->disk, err) == 0 && put_copy(w, STATE, err) == 0 &&
	    put_memory(w, err) == 0) {
		w->to.is_new = false;
		return 0;
	}
	for (i = 0; i < w->made_n; i++)
		unlinkat(w->to.dirfd, made[i], 0);
	return error_wrap(err, "%s", snap_id(w->snap));
}

int
wrenn_export(const struct snap *snap, const struct root *root, const char *path,
    bool quiet, const char *members, struct error *err)
{
	struct work w = { .snap = snap, .to = TARGET_NONE };
	uint64_t apparent, allocated;
	int rc = -1;

	if (check_snap(&w, err) == -1) {
		error_wrap(err, "%s", snap_id(snap));
		goto out;
	}
	if (target_open(&w.to, path, err) == -1 ||
	    root_access_touch(root, snap_id(snap), err) == -1 ||
	    snap_sizes(&apparent, &allocated, snap, err) == -1)
		goto out;
	progress_init(&w.progress, "exported", apparent, quiet);
	rc = fill(&w, err);
	progress_fini(&w.progress);
out:
	target_close(&w.to);
	free(w.disk);
	return rc == -1
	    ? -1
	    : report_dir(snap, root, "wrenn_dir", path, members, err);
}
