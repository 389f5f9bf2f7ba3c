/* SPDX-License-Identifier: ISC */
/* The host that a state belongs to; apart from vmm.c for its digest. */
#include <sys/utsname.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/sha256.h"
#include "disk/digest.h"
#include "vmm/driver.h"
#include "vmm/host/processor.h"

/* SHA-256 of the program that runs, as "sha256:HEX". */
static int
hash_program(char out[DIGEST_TEXT_MAX], pid_t pid, struct error *err)
{
	unsigned char buf[65536];
	struct digest digest;
	struct sha256 sha;
	char path[64];
	size_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/exe", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return error_sys(err, EX_OSERR, "%s", path);
	sha256_init(&sha);
	do {
		if (fd_read(&got, fd, buf, sizeof(buf), path, err) == -1) {
			fd_drop(&fd);
			return -1;
		}
		sha256_data(&sha, buf, got);
	} while (got == sizeof(buf));
	fd_drop(&fd);
	sha256_final(digest.raw, &sha);
	digest_text(out, &digest);
	return 0;
}

int
vmm_host(struct vmm *vmm, struct envelope_host *out, struct error *err)
{
	const struct vm *vm = vmm->vm;
	struct utsname uts;

	if (uname(&uts) == -1)
		return error_sys(err, EX_OSERR, "uname");
	out->present = true;
	snprintf(out->vmm, sizeof(out->vmm), "%s", vmm->driver->name);
	snprintf(out->accel, sizeof(out->accel), "%s",
	    vm_accel_name(vm->accel));
	snprintf(out->kernel, sizeof(out->kernel), "%s", uts.release);
	snprintf(out->arch, sizeof(out->arch), "%.*s",
	    (int)sizeof(out->arch) - 1, uts.machine);
	if (vmm->driver->version(vmm, out->version, sizeof(out->version),
		err) == -1 ||
	    hash_program(out->binary, vm->proc.pid, err) == -1)
		return -1;
	return vm->accel == VM_ACCEL_KVM ? processor_flags(&out->cpu_flags, err)
					 : 0;
}
