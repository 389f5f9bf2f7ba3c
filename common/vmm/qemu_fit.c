/* SPDX-License-Identifier: ISC */
/* Whether this host will do for a state that was saved on another. */
#include "vmm/qemu.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "vmm/processor.h"

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
	return kvm ? processor_check(&host->cpu_flags, err) : 0;
}
