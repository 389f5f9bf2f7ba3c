/* SPDX-License-Identifier: ISC */
/* A snapshot's memory file, and what a VMM may do with it. */
#include <sys/syscall.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/driver.h"
#include "vmm/load.h"

const char *
load_memory_name(const struct load *load)
{
	const struct vmm_traits *traits = vmm_traits(
	    load->envelope->machine.hypervisor);

	return traits->memory_dump != NULL &&
		fd_exists(load->from_dirfd, traits->memory_dump)
	    ? traits->memory_dump
	    : traits->memory_file;
}

/* As a VMM may, which has no capabilities: the file system says what it takes. */
bool
load_may_write(const struct load *load, const char *name)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct had[2], none[2];
	bool is_root = geteuid() == 0 && syscall(SYS_capget, &head, had) == 0;
	bool may;

	if (is_root) {
		memcpy(none, had, sizeof(none));
		none[0].effective = none[1].effective = 0;
		is_root = syscall(SYS_capset, &head, none) == 0;
	}
	may = faccessat(load->from_dirfd, name, W_OK, AT_EACCESS) == 0;
	if (is_root)
		syscall(SYS_capset, &head, had);
	return may;
}

bool
load_may_map(const struct load *load, const char *name)
{
	const struct vmm_driver *driver = vmm_find_driver(
	    load->envelope->machine.hypervisor);

	return load_may_write(load, name) ||
	    (driver != NULL && driver->reads_templates != NULL &&
		driver->reads_templates());
}
