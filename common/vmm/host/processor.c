/* SPDX-License-Identifier: ISC */
#include "vmm/host/processor.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "vmm/host/processor_arch.h"

/* The first processor's; *line, the caller's to free, may be NULL: none. */
static int
read_flags(char **line, struct error *err)
{
	size_t cap = 0, len = strlen(PROCESSOR_ARCH.flags);
	char *text = NULL, *colon = NULL;
	FILE *f;

	f = fopen("/proc/cpuinfo", "re");
	if (f == NULL)
		return error_sys(err, EX_OSERR, "/proc/cpuinfo");
	while (colon == NULL && getline(&text, &cap, f) != -1)
		if (strncmp(text, PROCESSOR_ARCH.flags, len) == 0)
			colon = strchr(text, ':');
	fclose(f);
	*line = NULL;
	if (colon != NULL) {
		memmove(text, colon + 1, strlen(colon + 1) + 1);
		*line = text;
	} else
		free(text);
	return 0;
}

int
processor_flags(struct strv *out, struct error *err)
{
	char *line, *rest, *flag;
	int rc = 0;

	if (read_flags(&line, err) == -1)
		return -1;
	rest = line;
	while (rc == 0 && (flag = strsep(&rest, " \n")) != NULL)
		if (flag[0] != '\0')
			rc = strv_add(out, err, "%s", flag);
	free(line);
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

bool
processor_runs_guests(void)
{
	const char *const *word;
	char *line, *rest, *flag;
	bool found = false;

	if (!processor_has_kvm() || read_flags(&line, NULL) == -1)
		return false;
	rest = line;
	while (!found && (flag = strsep(&rest, " \n")) != NULL)
		for (word = PROCESSOR_ARCH.runs_guests; *word != NULL; word++)
			found = found || strcmp(*word, flag) == 0;
	free(line);
	return found;
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
