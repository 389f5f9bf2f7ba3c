/* SPDX-License-Identifier: ISC */
#include "save.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "disk/copy.h"
#include "disk/extent.h"
#include "disk/fs.h"
#include "state/inplace.h"
#include "vmm/host/pages.h"

#define FLUSHES 3 /* of the memory file before the pause */
#define FLUSH_ENOUGH_MS 10 /* one that was as short as this is the last */

/* What the two ways take: 5 us an extent, 2 GB a second. */
#define REFLINK_EXTENT_NS 5000
#define COPY_BYTES_A_US 2000

/* The memory of every VM that runs from a file on this filesystem. */
static int
memory_at_stake(uint64_t *out, const struct save *s, struct error *err)
{
	struct strv ids = { 0 };
	struct vm_at other;
	uint64_t sum = 0;
	size_t i;

	if (root_list(&ids, s->at->root, ROOT_VM, err) == -1)
		return -1;
	for (i = 0; i < ids.n; i++) {
		/* One that goes away meanwhile needs no room. */
		if (vm_at_open(&other, s->at->root, ids.v[i], false, 0, NULL) ==
		    -1)
			continue;
		if (other.vm.memory == VM_MEMORY_FILE &&
		    vm_is_alive(&other.vm) &&
		    ckd_add(&sum, sum, other.vm.machine.memory_bytes))
			sum = UINT64_MAX / 2;
		vm_at_close(&other);
	}
	strv_fini(&ids);
	*out = sum;
	return 0;
}

static int
allocated_bytes(uint64_t *out, int fd, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return error_sys(err, EX_IOERR, "memory");
	*out = (uint64_t)st.st_blocks * 512;
	return 0;
}

/*
 * After a reflink each page that a guest writes needs a new block, and a guest
 * that finds none dies.  So all of them must have room, or the memory is
 * copied.
 */
static int
plan_file(struct save *s, struct error *err)
{
	uint64_t at_stake, bytes, extents;

	s->memory = MEMORY_LINK;
	if (s->stop)
		return 0;
	if (allocated_bytes(&bytes, s->memory_fd, err) == -1)
		return -1;
	s->memory = MEMORY_COPY;
	if (!copy_can_reflink(s->snap.dirfd))
		return save_need_room(s, bytes, err);
	extents = extent_count(s->memory_fd);
	if (memory_at_stake(&at_stake, s, err) == -1)
		return -1;
	if (extents * REFLINK_EXTENT_NS / 1000 < bytes / COPY_BYTES_A_US &&
	    save_need_room(s, at_stake + at_stake / 20, NULL) == 0)
		s->memory = MEMORY_REFLINK;
	return s->memory == MEMORY_REFLINK ? 0 : save_need_room(s, bytes, err);
}

int
memory_plan(struct save *s, struct error *err)
{
	uint64_t bytes;

	if (vmm_writes_memory(&s->at->vm)) {
		s->memory = MEMORY_VMM;
		return save_need_room(s, s->at->vm.machine.memory_bytes, err);
	}
	if (s->at->vm.memory == VM_MEMORY_TEMPLATE) {
		s->memory = MEMORY_OWN_PAGES;
		if (inplace_open(&s->memory_fd, NULL, s->at->vm.depends_on,
			s->at->dirfd, VM_TEMPLATE, err) == -1)
			return -1;
		if (copy_can_reflink(s->snap.dirfd))
			return 0;
		return allocated_bytes(&bytes, s->memory_fd, err) == -1
		    ? -1
		    : save_need_room(s, bytes, err);
	}
	if (vmm_open_memory(s->vmm, &s->memory_fd, err) == -1)
		return -1;
	if (s->at->vm.memory == VM_MEMORY_FILE)
		return plan_file(s, err);
	s->memory = MEMORY_COPY;
	return allocated_bytes(&bytes, s->memory_fd, err) == -1
	    ? -1
	    : save_need_room(s, bytes, err);
}

/* The snapshot's file; for a template its contents, before the pause. */
int
memory_prepare(struct save *s, struct error *err)
{
	if (s->memory == MEMORY_LINK || s->memory == MEMORY_VMM)
		return 0;
	if (s->memory == MEMORY_OWN_PAGES &&
	    inplace_copy(s->snap.dirfd, VM_MEMORY, s->at->vm.depends_on,
		s->at->dirfd, VM_TEMPLATE, COPY_MAY_REFLINK, err) == -1)
		return -1;
	s->image_fd = openat(s->snap.dirfd, VM_MEMORY,
	    O_RDWR | O_CLOEXEC |
		(s->memory == MEMORY_OWN_PAGES ? 0 : O_CREAT | O_EXCL),
	    0600);
	if (s->image_fd == -1)
		return error_sys(err, error_code_of(errno), VM_MEMORY);
	return 0;
}

/* Reflinked memory: what is dirty now need not be written in the pause. */
static int
flush_file(struct save *s, struct error *err)
{
	int64_t start_ms;
	int i;

	for (i = 0; i < FLUSHES; i++) {
		start_ms = clock_ms();
		if (fdatasync(s->memory_fd) == -1)
			return error_sys(err, EX_IOERR, VM_MEMORY);
		if (clock_ms() - start_ms < FLUSH_ENOUGH_MS)
			break;
	}
	return 0;
}

static int
copy_own_pages(struct save *s, struct error *err)
{
	const struct vm *vm = &s->at->vm;
	uint64_t copied;

	return pages_overlay(&copied, s->image_fd, vm->proc.pid, s->memory_fd,
	    vm->machine.memory_bytes, err);
}

/*
 * What is copied in the pause is copied once before it: the kernel then has
 * the file's blocks and pages, and finding them is most of the time.
 */
int
memory_flush(struct save *s, struct error *err)
{
	switch (s->memory) {
	case MEMORY_REFLINK:
		return flush_file(s, err);
	case MEMORY_COPY:
		return copy_memory(s->image_fd, s->memory_fd,
		    s->at->vm.machine.memory_bytes, false, VM_MEMORY, err);
	case MEMORY_OWN_PAGES:
		return copy_own_pages(s, err);
	default:
		return 0;
	}
}

int
memory_capture(struct save *s, struct error *err)
{
	switch (s->memory) {
	case MEMORY_REFLINK:
		return copy_reflink(s->image_fd, s->memory_fd, VM_MEMORY, err);
	case MEMORY_COPY:
		return copy_memory(s->image_fd, s->memory_fd,
		    s->at->vm.machine.memory_bytes, true, VM_MEMORY, err);
	case MEMORY_OWN_PAGES:
		return copy_own_pages(s, err);
	default:
		return 0;
	}
}

int
memory_link(struct save *s, struct error *err)
{
	if (s->memory != MEMORY_LINK)
		return 0;
	return copy_file(NULL, s->snap.dirfd, VM_MEMORY, s->at->dirfd,
	    VM_MEMORY, COPY_MAY_LINK | COPY_MAY_REFLINK, err);
}
