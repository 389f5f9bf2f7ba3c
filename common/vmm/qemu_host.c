/* SPDX-License-Identifier: ISC */
/* The host that a state belongs to: what it was, and whether this will do. */
#include "vmm/qemu.h"

#include <sys/utsname.h>

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

bool
qemu_has_kvm(void)
{
	char line[8192];
	bool found = false;
	FILE *f;
	int fd;

	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd == -1)
		return false;
	fd_drop(&fd);
	f = fopen("/proc/cpuinfo", "re");
	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = strncmp(line, "flags", 5) == 0 &&
		    (strstr(line, " vmx") != NULL ||
			strstr(line, " svm") != NULL);
	fclose(f);
	return found;
}

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

/* The flags of the first processor in /proc/cpuinfo, one by one. */
static int
read_cpu_flags(struct strv *out, struct error *err)
{
	char *line = NULL, *rest, *flag;
	size_t cap = 0;
	int rc = 0;
	FILE *f;

	f = fopen("/proc/cpuinfo", "re");
	if (f == NULL)
		return error_sys(err, EX_OSERR, "/proc/cpuinfo");
	while (rc == 0 && getline(&line, &cap, f) != -1) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		rest = strchr(line, ':');
		rest = rest == NULL ? NULL : rest + 1;
		while (rc == 0 && (flag = strsep(&rest, " \n")) != NULL)
			if (flag[0] != '\0')
				rc = strv_add(out, err, "%s", flag);
		break;
	}
	free(line);
	fclose(f);
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
	return vm->accel == VM_ACCEL_KVM ? read_cpu_flags(&out->cpu_flags, err)
					 : 0;
}

/* EX_CONFIG names the first flag that this host lacks. */
static int
check_cpu_flags(const struct strv *wanted, struct error *err)
{
	struct strv here = { 0 };
	size_t i, k;
	int rc = 0;

	if (read_cpu_flags(&here, err) == -1)
		return -1;
	for (i = 0; rc == 0 && i < wanted->n; i++) {
		for (k = 0; k < here.n; k++)
			if (strcmp(wanted->v[i], here.v[k]) == 0)
				break;
		if (k == here.n)
			rc = error_set(err, EX_CONFIG,
			    "saved on a processor with %s, which this lacks",
			    wanted->v[i]);
	}
	strv_fini(&here);
	return rc;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* A model, and flags behind commas, each put on or off: "qemu64,+ssse3". */
static bool
is_cpu(const char *text)
{
	const char *p;

	for (p = text;;) {
		if (p != text && *p != '+' && *p != '-')
			return false;
		if (p != text)
			p++;
		if (*p == '\0' || strchr(LETTERS CAPITALS DIGITS, *p) == NULL)
			return false;
		p += strspn(p, LETTERS CAPITALS DIGITS "._-");
		if (*p == '\0')
			return true;
		if (*p++ != ',')
			return false;
	}
}

/*
 * Both are read by QEMU with properties behind commas, and some of these name
 * files: no snapshot may say more than a machine and a processor.
 */
int
qemu_check_words(const char *machine, const char *cpu, struct error *err)
{
	if (machine[0] == '\0' || machine[0] == '-' ||
	    machine[strspn(machine, LETTERS DIGITS ".-")] != '\0')
		return error_set(err, EX_DATAERR,
		    "machine \"%s\" is not a machine's name", machine);
	if (!is_cpu(cpu))
		return error_set(err, EX_DATAERR,
		    "processor \"%s\" is not a model with flags", cpu);
	return 0;
}

int
qemu_check_host(const struct envelope_host *host, struct error *err)
{
	const char *wish = getenv("INSTAR_ACCEL");
	bool kvm = strcmp(host->accel, "kvm") == 0;

	if (qemu_check_words(host->machine, host->cpu, err) == -1)
		return -1;
	if (!kvm && strcmp(host->accel, "tcg") != 0)
		return error_set(err, EX_CONFIG,
		    "saved under accelerator %s, which is unknown",
		    host->accel);
	if (wish != NULL && wish[0] != '\0' && strcmp(wish, "auto") != 0 &&
	    strcmp(wish, host->accel) != 0)
		return error_set(err, EX_CONFIG,
		    "saved under %s, INSTAR_ACCEL says %s", host->accel, wish);
	if (kvm && !qemu_has_kvm())
		return error_set(err, EX_CONFIG,
		    "saved under kvm, which is not here");
	return kvm ? check_cpu_flags(&host->cpu_flags, err) : 0;
}
