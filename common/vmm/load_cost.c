/* SPDX-License-Identifier: ISC */
/* What a load would copy, told beforehand. */
#include "vmm/load.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/path.h"
#include "disk/copy.h"
#include "disk/fs.h"
#include "vmm/vmm.h"

struct cost {
	const struct load *load;
	bool same; /* one filesystem has snapshot and root */
	bool at_most; /* without a trial: as where nothing can be reflinked */
	int reflinks; /* it can: 1, 0, or -1 as long as nobody asked */
	uint64_t bytes;
};

static bool
can_reflink(struct cost *c)
{
	if (c->at_most)
		return false;
	if (c->reflinks == -1)
		c->reflinks = copy_can_reflink(root_fd(c->load->root));
	return c->reflinks == 1;
}

static int
add_bytes(struct cost *c, uint64_t bytes)
{
	if (ckd_add(&c->bytes, c->bytes, bytes))
		c->bytes = UINT64_MAX;
	return 0;
}

/* A file that is in the snapshot, put as load.c does with what it may. */
static int
add_file(struct cost *c, const char *name, unsigned may, struct error *err)
{
	struct stat st;

	if (fstatat(c->load->from_dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return error_sys(err, EX_DATAERR, "%s", name);
	/* Others' files may be linked by who could write them: proc(5). */
	if ((may & COPY_MAY_LINK) != 0 && c->same &&
	    (st.st_uid == geteuid() || load_may_write(c->load, name)))
		return 0;
	if ((may & COPY_MAY_REFLINK) != 0 && c->same && can_reflink(c))
		return 0;
	return add_bytes(c, (uint64_t)st.st_blocks * 512);
}

/* As load_share(): what lies in place costs nothing. */
static int
add_shared(struct cost *c, const char *name, unsigned may, struct error *err)
{
	return c->load->in_place != NULL && (may & COPY_MAY_LINK) != 0
	    ? 0
	    : add_file(c, name, may, err);
}

static int
add_disk(struct cost *c, const struct storage *disk, struct error *err)
{
	const unsigned any = COPY_MAY_LINK | COPY_MAY_REFLINK;
	const char *hypervisor = c->load->envelope->machine.hypervisor;
	bool overlay = c->load->disks == LOAD_DISKS_OVERLAY ||
	    (c->load->disks == LOAD_DISKS_AUTO &&
		vmm_traits(hypervisor)->can_overlay &&
		disk->backing.n + 2 <= STORAGE_CHAIN_MAX);
	unsigned may = c->load->disks == LOAD_DISKS_COPY ? 0 : COPY_MAY_REFLINK;
	size_t i;

	if (disk->role == STORAGE_LAYER)
		return 0;
	for (i = 0; i < disk->backing.n; i++)
		if (layer_find(&c->load->envelope->machine.layers,
			disk->backing.v[i]) == NULL &&
		    add_shared(c, disk->backing.v[i], any, err) == -1)
			return -1;
	if (disk->ro)
		may = load_disk_may(c->load, disk);
	else if (overlay)
		may = any;
	return add_shared(c, path_base(disk->path), may, err);
}

static int
add_memory(struct cost *c, struct error *err)
{
	const struct machine *m = &c->load->envelope->machine;
	const char *file = load_memory_name(c->load);
	bool has_memfd = vmm_traits(m->hypervisor)->has_memfd;
	unsigned may = COPY_MAY_REFLINK;

	if (c->load->copy_memory && has_memfd &&
	    (c->at_most || can_reflink(c))) {
		add_bytes(c, m->memory_bytes);
		if (!c->at_most)
			return 0;
	}
	/* Into a memfd it is only read. */
	if (c->load->copy_memory ? has_memfd : load_may_map(c->load, file))
		may |= COPY_MAY_LINK;
	return add_shared(c, file, may, err);
}

/* The boot files that the snapshot has. */
static int
add_boot(struct cost *c, const struct machine *m, struct error *err)
{
	const char *name;
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++) {
		name = vm_boot_names[i];
		if (load_has_boot_file(c->load->from_dirfd, name, m->boot[i]) &&
		    add_shared(c, name, vm_boot_may(name), err) == -1)
			return -1;
	}
	return 0;
}

int
load_cost(uint64_t *bytes, const struct load *load, bool at_most,
    struct error *err)
{
	const unsigned any = COPY_MAY_LINK | COPY_MAY_REFLINK;
	const struct machine *m = &load->sidecar->machine;
	struct cost c = { .load = load, .at_most = at_most, .reflinks = -1 };
	const char *const *state;
	size_t i;

	c.same = fs_is_same(root_fd(load->root), load->from_dirfd);
	state = vmm_traits(load->envelope->machine.hypervisor)->state_files;
	for (; *state != NULL; state++)
		if (add_file(&c, *state,
			load->in_place == NULL ? any : COPY_MAY_REFLINK,
			err) == -1)
			return -1;
	if (add_memory(&c, err) == -1 || add_boot(&c, m, err) == -1)
		return -1;
	for (i = 0; i < m->disks.n; i++)
		if (add_disk(&c, &m->disks.v[i], err) == -1)
			return -1;
	*bytes = c.bytes;
	return 0;
}
