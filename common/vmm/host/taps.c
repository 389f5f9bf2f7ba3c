/* SPDX-License-Identifier: ISC */
#include "vmm/host/taps.h"

#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "vmm/host/tap.h"

void
taps_drop(const struct taps *taps, const struct vm *vm)
{
	size_t i;

	for (i = 0; i < taps->n; i++)
		if (vm->machine.nics.v[i].kind == NIC_BRIDGE)
			tap_remove(taps->names[i]);
}

/*
 * Before its link is touched, which may be that of a guest that runs.  What
 * cannot be told here the VMM tells.
 */
static int
check_free(const char *name, struct error *err)
{
	struct error why = { 0 };
	int fd;

	if (if_nametoindex(name) == 0)
		return 0;
	if (tap_open(&fd, name, &why) == 0) {
		fd_drop(&fd);
		return 0;
	}
	if (why.code != EX_TEMPFAIL)
		return 0;
	if (err != NULL)
		*err = why;
	return -1;
}

int
taps_make(struct taps *taps, const struct vm *vm, struct error *err)
{
	const struct nic *nic;
	char *name;
	int rc;

	for (taps->n = 0; taps->n < vm->machine.nics.n; taps->n++) {
		nic = &vm->machine.nics.v[taps->n];
		name = taps->names[taps->n];
		snprintf(name, sizeof(taps->names[0]), "%s", nic->ifname);
		rc = nic->kind == NIC_BRIDGE
		    ? tap_keep_on_bridge(name, nic->ifname, err)
		    : check_free(name, err);
		if (rc == 0 && nic->link_down &&
		    tap_set_up(name, false, err) == -1) {
			rc = error_wrap(err,
			    "a clone speaks with its source's MAC");
			if (nic->kind == NIC_BRIDGE)
				tap_remove(name);
		}
		if (rc == -1) {
			taps_drop(taps, vm);
			return -1;
		}
	}
	return 0;
}

/* Whether what is open there is the tap: "iff:" of its fdinfo. */
static bool
is_tap(long pid, const char *number, const char *tap)
{
	char path[320], line[128], name[32];
	bool is = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/fdinfo/%s", pid, number);
	f = fopen(path, "re");
	while (f != NULL && !is && fgets(line, sizeof(line), f) != NULL)
		is = sscanf(line, "iff: %31s", name) == 1 &&
		    strcmp(name, tap) == 0;
	if (f != NULL)
		fclose(f);
	return is;
}

/* The VMM's own descriptor of the tap, as one of ours. */
static int
borrow_tap(int *out, const struct vm *vm, const char *tap, struct error *err)
{
	long pid = vm->proc.pid;
	struct strv names = { 0 };
	char path[64];
	int pidfd = -1, fd;
	size_t i;

	*out = -1;
	snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
	if (fd_open_dir(&fd, AT_FDCWD, path, false, err) == -1)
		return -1;
	if (dir_list(&names, fd, path, err) == 0 &&
	    proc_open(&pidfd, &vm->proc, err) == 0) {
		for (i = 0; i < names.n && *out == -1; i++)
			if (is_tap(pid, names.v[i], tap))
				*out = (int)syscall(SYS_pidfd_getfd, pidfd,
				    atoi(names.v[i]), 0);
		if (*out == -1)
			error_sys(err, EX_OSERR, "tap %s", tap);
	}
	strv_fini(&names);
	fd_drop(&pidfd);
	fd_drop(&fd);
	return *out == -1 ? -1 : 0;
}

int
taps_give(const struct taps *taps, const struct vm *vm, struct error *err)
{
	size_t i;
	int fd, rc = 0;

	for (i = 0; rc == 0 && i < taps->n; i++) {
		if (vm->machine.nics.v[i].kind != NIC_BRIDGE)
			continue;
		if (borrow_tap(&fd, vm, taps->names[i], err) == -1)
			return -1;
		if (ioctl(fd, TUNSETPERSIST, 0) == -1)
			rc = error_sys(err, EX_OSERR, "tap %s", taps->names[i]);
		fd_drop(&fd);
	}
	return rc;
}
