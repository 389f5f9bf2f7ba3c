/* SPDX-License-Identifier: ISC */
#include "vmm/boot.h"

#include "base/fd.h"
#include "disk/content.h"
#include "disk/input.h"
#include "foreign/kernel.h"
#include "state/vm.h"
#include "vmm/vmm.h"

/* There is firmware in qcow2, which would be taken for code. */
static int
check_firmware(const char *path, struct error *err)
{
	uint64_t size;
	int fd, rc;

	if (input_open_filled(&fd, &size, path, err) == -1)
		return -1;
	rc = content_check_raw(fd, size, path, err);
	fd_drop(&fd);
	return rc;
}

int
boot_put(int dirfd, const char *hypervisor,
    const char *const paths[MACHINE_BOOT_FILES], struct error *err)
{
	const char *path;
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++) {
		path = paths[i];
		if (path == NULL || path[0] == '\0')
			continue;
		if ((i == MACHINE_FIRMWARE || i == MACHINE_VARS) &&
		    check_firmware(path, err) == -1)
			return -1;
		if (input_copy(dirfd, vm_boot_names[i], path, err) == -1)
			return -1;
		/* Now, so that tools that start a guest need no unpackers. */
		if (i == MACHINE_KERNEL && vmm_traits(hypervisor)->needs_elf &&
		    kernel_make_plain(dirfd, VM_KERNEL, "--kernel", err) == -1)
			return -1;
	}
	return 0;
}
