/* SPDX-License-Identifier: ISC */
#include "apply.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/sig.h"
#include "state/vm_seed.h"
#include "vmm/boot.h"
#include "vmm/own_disks.h"
#include "vmm/vmm.h"

#include "disks.h"
#include "live.h"

/* Whether the file of the old directory is not one of the new. */
static bool
is_left(const struct change *c, const char *name)
{
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		if (c->boot[i] != NULL && strcmp(name, vm_boot_names[i]) == 0)
			return true;
	return strcmp(name, VM_RECORD_NAME) == 0 || disks_is_remade(c, name);
}

/* Links to files, and to symbolic links, which layers may be. */
static int
link_files(const struct change *c, int dirfd, struct error *err)
{
	struct strv names = { 0 };
	struct stat st;
	const char *name;
	size_t i;
	int rc;

	rc = dir_list(&names, c->at->dirfd, c->at->dir, err);
	for (i = 0; rc == 0 && i < names.n; i++) {
		name = names.v[i];
		if (is_left(c, name) ||
		    fstatat(c->at->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) ==
			-1 ||
		    (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)))
			continue;
		if (linkat(c->at->dirfd, name, dirfd, name, 0) == -1)
			rc = error_sys(err, error_code_of(errno), "%s", name);
	}
	strv_fini(&names);
	return rc;
}

/*
 * A file that is made larger is not the one that was frozen, nor is one that
 * takes the name of a disk that goes.
 */
static void
forget_frozen(struct change *c)
{
	struct vm *vm = &c->at->vm;
	size_t i;

	for (i = 0; i < c->grow_n; i++)
		vm_drop_frozen(vm, vm->machine.disks.v[c->grow[i].disk].path);
	for (i = 0; i < c->gone.n; i++)
		vm_drop_frozen(vm, c->gone.v[i]);
}

static int
build(struct change *c, int dirfd, struct error *err)
{
	struct vm *vm = &c->at->vm;

	if (link_files(c, dirfd, err) == -1 ||
	    boot_put(dirfd, vm->machine.hypervisor, c->boot, err) == -1 ||
	    disks_make(c, dirfd, err) == -1)
		return -1;
	/* A seed that was not read yet tells of disks, NICs and name. */
	if (vm_seed_is_unread(vm, dirfd) && vm_seed_is_there(dirfd) &&
	    vm_seed_make(vm, dirfd, err) == -1)
		return -1;
	forget_frozen(c);
	hook_step("set-built");
	return sig_check(err);
}

/* In one step, but where a root came in the image of a container. */
static int
change_over(struct root_new *n, const char *id, struct error *err)
{
	struct error why = { 0 };

	if (root_new_exchange(n, id, &why) == 0)
		return 0;
	if (why.sys == EXDEV)
		return root_new_replace(n, id, err);
	if (err != NULL)
		*err = why;
	return -1;
}

static int
put_in_place(struct change *c, struct root_new *n, const struct timespec *now,
    struct error *err)
{
	struct vm *vm = &c->at->vm;
	int rc;

	if (own_disks_storage(vm, n->dirfd, err) == -1 ||
	    vm_write(vm, n->dirfd, true, now, err) == -1)
		return -1;
	hook_step("set-written");
	rc = change_over(n, vm->id, err);
	hook_step("set-exchanged");
	return rc;
}

static int
rebuild(struct change *c, const struct timespec *now, struct error *err)
{
	struct vm_at *at = c->at;
	struct root_new n;
	int fd = -1, rc = -1;

	if (root_new_begin(&n, at->root, ROOT_VM, "", err) == -1)
		return -1;
	/* What is reported afterwards is in the new directory. */
	fd = fcntl(n.dirfd, F_DUPFD_CLOEXEC, 3);
	if (fd == -1)
		error_sys(err, EX_OSERR, "directory");
	else if (build(c, n.dirfd, err) == 0 &&
	    disks_stretch(c, n.dirfd, err) == 0) {
		rc = put_in_place(c, &n, now, err);
		if (rc == -1 && !n.stays)
			disks_shrink(c, n.dirfd);
	}
	root_new_end(&n);
	if (rc == 0) {
		fd_drop(&at->dirfd);
		at->dirfd = fd;
	} else
		fd_drop(&fd);
	return rc;
}

/* A seed that was not read yet has the name in it. */
static int
write_all(struct change *c, const struct timespec *now, struct error *err)
{
	const struct vm *vm = &c->at->vm;

	if (!vm_is_alive(vm) &&
	    (wishes_machine(c->wishes) ||
		(c->wishes->name != NULL && !vm->to_load &&
		    vm_seed_is_unread(vm, c->at->dirfd))))
		return rebuild(c, now, err);
	return vm_at_write(c->at, true, now, err);
}

/*
 * A new name is claimed before the record says it, and the old one given back
 * after that: whenever this is killed, the VM has the one that it says.
 */
int
apply_change(struct change *c, const struct timespec *now, struct error *err)
{
	const char *name = c->wishes->name;
	const char *text = c->wishes->description;
	const struct root *root = c->at->root;
	struct vm *vm = &c->at->vm;
	char was[sizeof(vm->name)], held[ID_LEN + 1];
	bool renames = name != NULL && strcmp(vm->name, name) != 0;
	int rc;

	if (text != NULL && vm_set_description(vm, text, err) == -1)
		return -1;
	memcpy(was, vm->name, sizeof(was));
	if (renames && name[0] != '\0' &&
	    root_name_set(held, root, ROOT_VM, name, vm->id, false, err) == -1)
		return -1;
	hook_step("set-named");
	/* It writes the record even where it fails: with the name that it has. */
	rc = vm_is_alive(vm) && wishes_machine(c->wishes)
	    ? live_apply(c, now, err)
	    : 0;
	if (renames)
		snprintf(vm->name, sizeof(vm->name), "%s", name);
	if (rc == -1 || write_all(c, now, err) == -1) {
		if (renames && name[0] != '\0')
			root_name_release(root, ROOT_VM, name, vm->id, NULL);
		return -1;
	}
	hook_step("set-recorded");
	return renames && was[0] != '\0'
	    ? root_name_release(root, ROOT_VM, was, vm->id, err)
	    : 0;
}
