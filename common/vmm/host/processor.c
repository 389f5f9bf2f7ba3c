/* SPDX-License-Identifier: ISC */
#include "vmm/host/processor.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

int
processor_flags(struct strv *out, struct error *err)
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

/* From `*at` on, where it is put: both lists come in the kernel's order. */
static bool
find_flag(size_t *at, const struct strv *here, const char *flag)
{
	size_t i, k;

	for (i = 0; i < here->n; i++) {
		k = (*at + i) % here->n;
		if (strcmp(flag, here->v[k]) == 0) {
			*at = k;
			return true;
		}
	}
	return false;
}

bool
processor_has_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	bool has = fd != -1;

	fd_drop(&fd);
	return has;
}

int
processor_check(const struct strv *wanted, struct error *err)
{
	struct strv here = { 0 };
	size_t i, at = 0;
	int rc = 0;

	if (processor_flags(&here, err) == -1)
		return -1;
	for (i = 0; rc == 0 && i < wanted->n; i++)
		if (!find_flag(&at, &here, wanted->v[i]))
			rc = error_set(err, EX_CONFIG,
			    "saved on a processor with %s, which this lacks",
			    wanted->v[i]);
	strv_fini(&here);
	return rc;
}
