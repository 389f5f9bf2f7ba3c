/* SPDX-License-Identifier: ISC */
#include "wrenn.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/jdoc.h"
#include "base/json.h"
#include "base/path.h"
#include "base/sandbox.h"
#include "disk/content.h"
#include "disk/copy.h"
#include "foreign/cow_merge.h"
#include "foreign/memmap.h"
#include "snapshot/sidecar.h"
#include "vmm/vmm.h"

#define STATE "snapfile"
#define WHOLE "rootfs.ext4"
#define COW "rootfs.cow"
#define META "rootfs.meta"

/* One directory, and what is open of it. */
struct wrenn {
	const char *path; /* borrowed, as the next two */
	const struct intake_how *how;
	int dirfd;
	bool has_cow; /* else the disk is whole */
	char *base_name; /* with has_cow */
	struct image base, cow; /* base: the whole disk, or what is under it */
	struct memmap map;
	struct memmap_files files;
	struct storage_list told; /* by --storage-config */
};

static bool
has(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool
wrenn_is(int dirfd, const struct intake_how *how)
{
	static const char *const names[] = { STATE, "memfile", MEMMAP_NAME,
		WHOLE, COW, META };
	size_t i;

	(void)how;
	if (has(dirfd, ENVELOPE_NAME))
		return false;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (has(dirfd, names[i]))
			return true;
	return false;
}

/* "memfile", or that of a generation; which of them, the map tells. */
static int
has_memfile(bool *out, int dirfd, struct error *err)
{
	struct strv names = { 0 };
	size_t i;

	*out = false;
	if (dir_list(&names, dirfd, "directory", err) == -1)
		return -1;
	for (i = 0; i < names.n && !*out; i++)
		*out = strcmp(names.v[i], "memfile") == 0 ||
		    (strncmp(names.v[i], "memfile.", 8) == 0 &&
			strcmp(names.v[i], MEMMAP_NAME) != 0);
	strv_fini(&names);
	return 0;
}

/* wrenn's own rule; all that is missing is named at once. */
static int
check_complete(struct wrenn *w, struct error *err)
{
	bool cow = has(w->dirfd, COW), meta = has(w->dirfd, META), memory;
	bool whole = has(w->dirfd, WHOLE);
	const char *disk = "";
	char text[128];

	if (has_memfile(&memory, w->dirfd, err) == -1)
		return -1;
	if (cow != meta && !whole)
		disk = cow ? ", " META : ", " COW;
	else if (!cow && !whole)
		disk = ", " WHOLE " or " COW;
	snprintf(text, sizeof(text), "%s%s%s%s",
	    has(w->dirfd, STATE) ? "" : ", " STATE, memory ? "" : ", memfile",
	    has(w->dirfd, MEMMAP_NAME) ? "" : ", " MEMMAP_NAME, disk);
	if (text[0] != '\0')
		return error_set(err, EX_DATAERR,
		    "an incomplete wrenn directory: no %s", text + 2);
	w->has_cow = cow && meta;
	if (cow != meta)
		diag("%s: warning: %s without %s is left out", w->path,
		    cow ? COW : META, cow ? META : COW);
	return 0;
}

static int
open_own(struct image *out, int dirfd, const char *name, struct error *err)
{
	if (fd_open_file(&out->fd, &out->bytes, dirfd, name, O_RDONLY, err) ==
	    -1)
		return -1;
	out->path = name;
	if (out->bytes == 0 || out->bytes > IMAGE_BYTES_MAX)
		return error_set(err, EX_DATAERR, "%s: %s", name,
		    out->bytes == 0 ? "empty" : "more than 8 TiB");
	return 0;
}

/* Of the path that wrenn had, only its last part. */
static int
take_base_name(struct wrenn *w, const struct jdoc *meta, struct error *err)
{
	char *path;

	if (jdoc_get_strdup(meta, JDOC_ROOT, "base_template", &path,
		STORAGE_PATH_MAX, JSON_REQUIRED, err) == -1)
		return -1;
	if (!path_is_name(path_base(path)))
		error_set(err, EX_DATAERR,
		    "\"base_template\" does not end in a file name");
	else if (storage_check_name("\"base_template\"", path, err) == 0 &&
	    (w->base_name = strdup(path_base(path))) == NULL)
		error_sys(err, EX_OSERR, "path");
	free(path);
	return w->base_name == NULL ? -1 : 0;
}

static int
read_meta(struct wrenn *w, struct error *err)
{
	struct jdoc *meta;
	int rc;

	if (jdoc_read(&meta, w->dirfd, META, WRENN_META_MAX, err) == -1)
		return -1;
	rc = take_base_name(w, meta, err);
	jdoc_free(meta);
	return rc == -1 ? error_wrap(err, META) : 0;
}

/* --base: the image, or a directory that has it. */
static int
open_given_base(struct wrenn *w, const char *base, struct error *err)
{
	struct error why = { 0 };
	int fd, rc;

	if (fd_open_dir(&fd, AT_FDCWD, base, true, &why) == -1) {
		if (why.sys == ENOTDIR)
			return image_open(&w->base, base, err);
		if (err != NULL)
			*err = why;
		return -1;
	}
	rc = open_own(&w->base, fd, w->base_name, err);
	fd_drop(&fd);
	return rc == -1 ? error_wrap(err, "%s", base) : 0;
}

/* Here, or in the directory above. */
static int
open_near_base(struct wrenn *w, struct error *err)
{
	struct error why = { 0 };
	int fd, rc;

	rc = open_own(&w->base, w->dirfd, w->base_name, &why);
	if (rc == -1 && why.sys == ENOENT) {
		if (fd_open_dir(&fd, w->dirfd, "..", false, err) == -1)
			return -1;
		rc = open_own(&w->base, fd, w->base_name, &why);
		fd_drop(&fd);
	}
	if (rc == 0)
		return 0;
	if (why.sys == ENOENT)
		return error_set(err, EX_NOINPUT,
		    "base template %s: neither here nor in the directory "
		    "above; --base can name it",
		    w->base_name);
	if (err != NULL)
		*err = why;
	return error_wrap(err, "base template");
}

static int
open_cow(struct wrenn *w, const struct intake_how *how, struct error *err)
{
	enum image_use use;
	struct stat whole, base;

	if (open_own(&w->cow, w->dirfd, COW, err) == -1)
		return -1;
	use = image_in_use(w->cow.fd);
	if (use != IMAGE_FREE)
		return error_set(err, EX_TEMPFAIL, COW ": in use: %s",
		    image_use_name(use));
	if (read_meta(w, err) == -1)
		return -1;
	if ((how->base == NULL ? open_near_base(w, err)
			       : open_given_base(w, how->base, err)) == -1 ||
	    content_check_raw(w->base.fd, w->base.bytes, w->base.path, err) ==
		-1)
		return -1;
	if (fstatat(w->dirfd, WHOLE, &whole, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	if (fstat(w->base.fd, &base) == 0 && base.st_dev == whole.st_dev &&
	    base.st_ino == whole.st_ino)
		return 0;
	return error_set(err, EX_DATAERR,
	    WHOLE ": a whole disk beside " COW ", and not its base");
}

/* Not before this the files are read: all else is out of reach then. */
static int
enclose(const struct intake *in, const struct wrenn *w, struct error *err)
{
	const int dirs[] = { root_fd(in->root), w->dirfd };

	return sandbox_enter(dirs, 2, err);
}

static int
read_map(struct wrenn *w, struct error *err)
{
	char *raw;
	size_t len;
	int rc;

	if (fd_slurp(&raw, &len, w->dirfd, MEMMAP_NAME, MEMMAP_BYTES_MAX,
		err) == -1)
		return -1;
	rc = memmap_decode(&w->map, (const unsigned char *)raw, len, err);
	free(raw);
	if (rc == 0)
		rc = memmap_files_open(&w->files, &w->map, w->dirfd, err);
	if (rc == 0)
		return 0;
	/* A generation that is not there: the directory is incomplete. */
	if (err != NULL && err->code == EX_NOINPUT)
		err->code = EX_DATAERR;
	return error_wrap(err, MEMMAP_NAME);
}

static int
open_target(int *fd, struct sink *sink, int dirfd, const char *name,
    struct error *err)
{
	*fd = openat(dirfd, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd == -1)
		return error_sys(err, EX_IOERR, "%s", name);
	if (sink_init(sink, *fd, name, err) == -1)
		return -1;
	sink->writeback.fd = *fd;
	return 0;
}

static int
put_memory(struct intake *in, const struct wrenn *w, struct error *err)
{
	struct sink sink = { 0 };
	int fd = -1, rc = -1;

	if (open_target(&fd, &sink, in->made.dirfd, "mem", err) == 0)
		rc = memmap_unpack(&sink, &w->map, &w->files, err);
	sink_fini(&sink);
	fd_drop(&fd);
	return rc;
}

static int
put_disk(struct intake *in, const struct wrenn *w, struct error *err)
{
	struct sink sink = { 0 };
	struct cow_map map = { 0 };
	int fd = -1, rc = -1;

	if (!w->has_cow)
		return copy_file(NULL, in->made.dirfd, "cow.raw", w->dirfd,
		    WHOLE, COPY_MAY_REFLINK, err);
	if (cow_read(&map, w->cow.fd, w->cow.bytes, w->base.bytes, COW, err) ==
		0 &&
	    open_target(&fd, &sink, in->made.dirfd, "cow.raw", err) == 0)
		rc = cow_merge(&sink, &map, &w->base, &w->cow, progress_show,
		    &in->progress, err);
	sink_fini(&sink);
	cow_map_fini(&map);
	fd_drop(&fd);
	return rc;
}

/* What the state calls the disk, where the user says it. */
static int
tell_origin(struct storage *disk, const struct wrenn *w, const char *raw,
    size_t len, struct error *err)
{
	const struct storage_list *told = &w->told;

	if (w->how->configs == NULL)
		return 0;
	if (told->n != 1 || told->v[0].role != STORAGE_COW)
		return error_set(err, EX_DATAERR,
		    "%s: not one disk of role cow, which wrenn's has",
		    w->how->configs);
	if (memmem(raw, len, told->v[0].path, strlen(told->v[0].path)) == NULL)
		return error_set(err, EX_DATAERR, STATE " has no \"%s\" in it",
		    told->v[0].path);
	if (strcmp(told->v[0].path, disk->path) != 0)
		disk->origin = told->v[0].path;
	return 0;
}

/* One disk; kernel and processors only the device state knows. */
static int
put_sidecar(struct intake *in, const struct wrenn *w, struct error *err)
{
	struct sidecar s = { .memory_bytes = w->map.size_bytes };
	char path[] = "cow.raw";
	struct storage disk = { .path = path,
		.role = STORAGE_COW,
		.serial = STORAGE_COW_SERIAL };
	char *raw = NULL;
	size_t len;
	int rc = -1;

	if (fd_slurp(&raw, &len, w->dirfd, STATE, WRENN_STATE_MAX, err) == 0 &&
	    tell_origin(&disk, w, raw, len, err) == 0 &&
	    vmm_find_nics(vmm_of_wrenn(), &s.machine.nics, raw, len, err) ==
		0 &&
	    storage_list_add(&s.machine.disks, &disk, err) == 0)
		rc = sidecar_write(in->made.dirfd, &s, err);
	in->envelope.config.nics = s.machine.nics.n;
	sidecar_fini(&s);
	free(raw);
	return rc;
}

static int
put_envelope(struct intake *in, const struct wrenn *w, struct error *err)
{
	static const char *const names[] = { SIDECAR_NAME, "cow.raw", "mem",
		"vmstate" };
	struct envelope *e = &in->envelope;

	snprintf(e->machine.hypervisor, sizeof(e->machine.hypervisor), "%s",
	    vmm_of_wrenn());
	e->machine.memory_bytes = w->map.size_bytes;
	e->machine.storage_bytes = w->base.bytes;
	e->has_files = true;
	return intake_seal_all(in, names, sizeof(names) / sizeof(names[0]),
	    err);
}

static int
open_all(struct wrenn *w, const struct intake_how *how, struct error *err)
{
	if (how->need_digests)
		return error_set(err, EX_DATAERR,
		    "a wrenn directory, which has no digests");
	if (check_complete(w, err) == -1 ||
	    (how->configs != NULL &&
		intake_read_configs(&w->told, how->configs, err) == -1))
		return -1;
	if (w->has_cow)
		return open_cow(w, how, err);
	if (how->base != NULL)
		return error_set(err, EX_USAGE,
		    WHOLE " is a whole disk, --base is not for it");
	return open_own(&w->base, w->dirfd, WHOLE, err);
}

static int
put_all(struct intake *in, struct wrenn *w, struct error *err)
{
	struct image state = IMAGE_NONE;

	if (read_map(w, err) == -1 ||
	    open_own(&state, w->dirfd, STATE, err) == -1)
		return -1;
	image_close(&state);
	in->progress.total_bytes = w->base.bytes;
	if (copy_file(NULL, in->made.dirfd, "vmstate", w->dirfd, STATE,
		COPY_MAY_REFLINK, err) == -1 ||
	    put_disk(in, w, err) == -1 || put_memory(in, w, err) == -1 ||
	    put_sidecar(in, w, err) == -1)
		return -1;
	hook_step("import-copied");
	return put_envelope(in, w, err);
}

int
wrenn_import(struct intake *in, const char *path, int dirfd,
    const struct intake_how *how, struct error *err)
{
	struct wrenn w = { .path = path,
		.how = how,
		.dirfd = dirfd,
		.base = IMAGE_NONE,
		.cow = IMAGE_NONE };
	int rc = -1;

	envelope_init(&in->envelope);
	if (open_all(&w, how, err) == 0 && enclose(in, &w, err) == 0)
		rc = put_all(in, &w, err);
	storage_list_fini(&w.told);
	memmap_files_close(&w.files);
	memmap_fini(&w.map);
	image_close(&w.base);
	image_close(&w.cow);
	free(w.base_name);
	return rc;
}
