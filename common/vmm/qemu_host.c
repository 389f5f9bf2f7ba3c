/* SPDX-License-Identifier: ISC */
/* The host that a state belongs to. */
#include "vmm/qemu.h"

#include <sys/utsname.h>

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

/* SHA-256 of the program that runs, as "sha256:HEX". */
static int
hash_program(char *out, size_t cap, pid_t pid, struct error *err)
{
	unsigned char buf[65536], raw[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	char path[64];
	unsigned n = 0, i;
	size_t got;
	int fd = -1, rc = -1;

	snprintf(path, sizeof(path), "/proc/%ld/exe", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || ctx == NULL ||
	    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
		error_sys(err, EX_OSERR, "%s", path);
		goto out;
	}
	do {
		if (fd_read(&got, fd, buf, sizeof(buf), path, err) == -1 ||
		    EVP_DigestUpdate(ctx, buf, got) != 1)
			goto out;
	} while (got == sizeof(buf));
	if (EVP_DigestFinal_ex(ctx, raw, &n) != 1)
		goto out;
	snprintf(out, cap, "sha256:");
	for (i = 0; i < n && 9 + 2 * i < cap; i++)
		snprintf(out + 7 + 2 * i, cap - 7 - 2 * i, "%02x", raw[i]);
	rc = 0;
out:
	fd_drop(&fd);
	EVP_MD_CTX_free(ctx);
	return rc;
}

int
qemu_host(struct vmm *vmm, struct envelope_host *out, struct error *err)
{
	const struct qemu *q = vmm->own;
	const struct vm *vm = vmm->vm;
	struct utsname uts;

	if (uname(&uts) == -1)
		return error_sys(err, EX_OSERR, "uname");
	out->present = true;
	snprintf(out->vmm, sizeof(out->vmm), "qemu");
	snprintf(out->version, sizeof(out->version), "%s", qmp_version(q->qmp));
	snprintf(out->machine, sizeof(out->machine), "%s", vm->machine);
	snprintf(out->accel, sizeof(out->accel), "%s",
	    vm_accel_name(vm->accel));
	snprintf(out->cpu, sizeof(out->cpu), "%s", vm->cpu_model);
	snprintf(out->kernel, sizeof(out->kernel), "%s", uts.release);
	snprintf(out->arch, sizeof(out->arch), "%.*s",
	    (int)sizeof(out->arch) - 1, uts.machine);
	if (hash_program(out->binary, sizeof(out->binary), vm->proc.pid, err) ==
	    -1)
		return -1;
	return vm->accel == VM_ACCEL_KVM ? qemu_cpu_flags(&out->cpu_flags, err)
					 : 0;
}
