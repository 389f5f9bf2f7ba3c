/* SPDX-License-Identifier: ISC */
#include "vmdisk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "disk/chain.h"
#include "disk/copy.h"
#include "state/vm_at.h"
#include "vmm/freeze.h"
#include "vmm/vmm.h"

#define VMDISK_WAIT_MS 2000 /* for the VM's lock: a save's pause is shorter */

/* The files of a disk, the top first. */
struct chain {
	char *names[STORAGE_CHAIN_MAX + 1];
	int fds[STORAGE_CHAIN_MAX + 1];
	size_t n;
};

/* One disk being brought to a standstill. */
struct freezing {
	struct vm_at *at;
	struct vmm *vmm; /* NULL: the VM does not run */
	size_t index; /* of the disk */
	struct chain chain;
	struct freeze freeze;
};

static void
chain_close(struct chain *c)
{
	while (c->n > 0) {
		c->n--;
		fd_drop(&c->fds[c->n]);
		free(c->names[c->n]);
	}
}

/* Names come from the record, and may be links to layers. */
static int
chain_add(struct chain *c, int dirfd, const char *name, struct error *err)
{
	int fd;

	if (c->n > STORAGE_CHAIN_MAX)
		return error_set(err, EX_DATAERR, "%s: too long a chain", name);
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	c->fds[c->n] = fd;
	c->names[c->n] = strdup(name);
	if (c->names[c->n++] == NULL)
		return error_sys(err, EX_OSERR, "%s", name);
	return 0;
}

static int
chain_open(struct chain *c, int dirfd, const struct storage *disk,
    struct error *err)
{
	size_t i;

	if (chain_add(c, dirfd, disk->path, err) == -1)
		return -1;
	for (i = 0; i < disk->backing.n; i++)
		if (chain_add(c, dirfd, disk->backing.v[i], err) == -1)
			return -1;
	return 0;
}

static struct storage *
disk_of(struct freezing *f)
{
	return &f->at->vm.machine.disks.v[f->index];
}

static int
find_disk(struct freezing *f, const char *name, struct error *err)
{
	const struct storage_list *disks = &f->at->vm.machine.disks;
	const struct storage *disk = storage_find_serial(disks, name);

	if (strcmp(name, "cow") == 0)
		disk = storage_find(disks, STORAGE_COW);
	else if (strcmp(name, "cidata") == 0)
		disk = storage_find(disks, STORAGE_CIDATA);
	if (disk == NULL)
		return error_set(err, EX_NOINPUT, "no disk %s", name);
	f->index = (size_t)(disk - disks->v);
	return 0;
}

/*
 * A nameless reflink, or else a copy where that may be, in place of the top: 0,
 * or -1 where there can be none.
 */
static int
take_top(struct freezing *f, bool may_copy, struct error *err)
{
	const char *name = f->chain.names[0];
	int fd, rc;

	fd = openat(f->at->dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", f->at->dir);
	rc = copy_reflink(fd, f->chain.fds[0], name, err);
	if (rc == -1 && may_copy)
		rc = copy_extents(fd, f->chain.fds[0],
		    (uint64_t)lseek(f->chain.fds[0], 0, SEEK_END), NULL, NULL,
		    name, err);
	if (rc == -1) {
		fd_drop(&fd);
		return -1;
	}
	fd_drop(&f->chain.fds[0]);
	f->chain.fds[0] = fd;
	return 0;
}

/* Whether the VMM lets a guest's disk go on in an overlay. */
static bool
can_switch(const struct freezing *f)
{
	return vmm_traits(f->at->vm.machine.hypervisor)->can_switch;
}

/* A freeze's capture: a disk that is switched is whole without it. */
static int
capture(void *arg, struct error *err)
{
	struct freezing *f = arg;

	if (f->freeze.ways[f->index] != FREEZE_REFLINK)
		return 0;
	return take_top(f, !can_switch(f), err);
}

static int
freeze_running(struct freezing *f, const char *name, struct quiesce *quiesce,
    struct error *err)
{
	enum vmm_state state;
	int rc;

	if (vmm_attach(&f->vmm, &f->at->vm, f->at->dirfd, VMM_CONTROL,
		clock_ms() + VMM_CALL_MS, err) == -1 ||
	    vmm_query(f->vmm, &state, err) == -1 ||
	    (can_switch(f) &&
		vmm_settle_disks(f->vmm, &f->freeze.now, err) == -1) ||
	    find_disk(f, name, err) == -1 ||
	    chain_open(&f->chain, f->at->dirfd, disk_of(f), err) == -1)
		return -1;
	if (disk_of(f)->ro)
		return 0;
	f->freeze.at = f->at;
	f->freeze.vmm = f->vmm;
	f->freeze.was_paused = state != VMM_RUNNING;
	f->freeze.capture = capture;
	f->freeze.arg = f;
	if (freeze_plan(&f->freeze, f->index,
		can_switch(f) && copy_can_reflink(f->at->dirfd), err) == -1)
		return -1;
	f->freeze.quiesce = *quiesce;
	rc = freeze_guest(&f->freeze, err);
	*quiesce = f->freeze.quiesce;
	return rc;
}

/* Nobody writes: the lock keeps it so where there is no reflink. */
static int
freeze_stopped(struct freezing *f, int *hold, const char *name,
    struct error *err)
{
	if (find_disk(f, name, err) == -1 ||
	    chain_open(&f->chain, f->at->dirfd, disk_of(f), err) == -1)
		return -1;
	if (!disk_of(f)->ro && take_top(f, false, NULL) == -1) {
		*hold = f->at->dirfd;
		f->at->dirfd = -1;
	}
	return 0;
}

/* The chain under its names in a directory of its own, for qemu-img. */
static int
convert_chain(struct source *out, const struct chain *c, struct error *err)
{
	const char *tmp = getenv("TMPDIR");
	char *dir, *target;
	int dirfd = -1, rc = 0;
	size_t i;

	dir = path_format("%s/disk-backup.XXXXXX",
	    tmp == NULL || tmp[0] == '\0' ? "/var/tmp" : tmp);
	if (dir == NULL || mkdtemp(dir) == NULL) {
		rc = error_sys(err, EX_CANTCREAT, "temporary directory");
		free(dir);
		return rc;
	}
	rc = fd_open_dir(&dirfd, AT_FDCWD, dir, false, err);
	for (i = 0; rc == 0 && i < c->n; i++) {
		target = path_format("/proc/%ld/fd/%d", (long)getpid(),
		    c->fds[i]);
		if (target == NULL ||
		    symlinkat(target, dirfd, c->names[i]) == -1)
			rc = error_sys(err, EX_IOERR, "%s", dir);
		free(target);
	}
	if (rc == 0)
		rc = source_convert(out, dirfd, c->names[0],
		    chain_format(c->names[0]), err);
	fd_drop(&dirfd);
	fd_remove_tree(AT_FDCWD, dir, NULL);
	free(dir);
	return rc;
}

static int
use_chain(struct source *out, struct chain *c, struct error *err)
{
	out->is_copy = true;
	if (!chain_format(c->names[0])->is_flat)
		return convert_chain(out, c, err);
	out->image.fd = c->fds[0];
	out->image.bytes = (uint64_t)lseek(c->fds[0], 0, SEEK_END);
	c->fds[0] = -1;
	return 0;
}

/* The part that needs the VM's lock. */
static int
freeze(struct source *out, char **label, struct chain *chain,
    const struct root *root, const char *ref, const char *name,
    struct quiesce *quiesce, struct error *err)
{
	struct vm_at at = { .dirfd = -1 };
	struct freezing f = { .at = &at };
	int rc;

	clock_gettime(CLOCK_REALTIME, &f.freeze.now);
	if (vm_at_open(&at, root, ref, true, clock_ms() + VMDISK_WAIT_MS,
		err) == -1)
		return -1;
	if (vm_is_alive(&at.vm))
		rc = root_check_owner(root, err) == -1
		    ? -1
		    : freeze_running(&f, name, quiesce, err);
	else
		rc = freeze_stopped(&f, &out->hold, name, err);
	*label = path_format("%s-%s",
	    at.vm.name[0] != '\0' ? at.vm.name : at.vm.id, name);
	if (rc == 0 && *label == NULL)
		rc = error_nomem(err, NULL);
	if (rc == -1)
		error_wrap(err, "%s", ref);
	vmm_detach(f.vmm);
	freeze_fini(&f.freeze);
	vm_at_close(&at);
	*chain = f.chain;
	return rc;
}

int
vmdisk_open(struct source *out, char **label, const char *root, const char *ref,
    const char *name, struct quiesce *quiesce, struct error *err)
{
	struct source s = SOURCE_NONE;
	struct chain chain = { .n = 0 };
	struct root *open_root;
	int rc;

	if (root_open_to_read(&open_root, root, err) == -1)
		return -1;
	rc = freeze(&s, label, &chain, open_root, ref, name, quiesce, err);
	/* What was frozen is ours: others may have the VM again. */
	root_close(open_root);
	if (rc == 0)
		rc = use_chain(&s, &chain, err);
	s.image.path = *label;
	if (rc == -1)
		source_close(&s);
	else
		*out = s;
	chain_close(&chain);
	return rc;
}
