/* SPDX-License-Identifier: ISC */
#include "vmm/host/mapping.h"

#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"

/* What is mapped: maps tells it by the name that it has where it lies. */
struct mapped {
	struct stat st;
	char name[PATH_MAX + 1]; /* with the slash before it */
};

static int
find_name(struct mapped *out, int fd, struct error *err)
{
	char link[64], path[PATH_MAX];
	const char *slash;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = fstat(fd, &out->st) == -1 ? -1
				      : readlink(link, path, sizeof(path) - 1);
	if (n == -1)
		return error_sys(err, EX_IOERR, "template");
	path[n] = '\0';
	slash = strrchr(path, '/');
	snprintf(out->name, sizeof(out->name), "%s",
	    slash == NULL ? path : slash);
	return 0;
}

/*
 * Whether the line of proc(5)'s maps is a part of the file's mapping: by inode
 * and name, for btrfs shows another device number here than in stat, and a
 * library on another filesystem may have the same inode number.
 */
static bool
is_part(struct mapping_part *out, const char *line, const struct mapped *file)
{
	uint64_t start, end, off, inode;
	unsigned dev_major, dev_minor;
	char perms[8];

	if (sscanf(line,
		"%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %" SCNu64,
		&start, &end, perms, &off, &dev_major, &dev_minor, &inode) != 7)
		return false;
	if (inode != (uint64_t)file->st.st_ino || end <= start ||
	    strstr(line, file->name) == NULL)
		return false;
	out->addr = start;
	out->len = end - start;
	out->off = off;
	return perms[1] == 'w' && perms[3] == 'p';
}

int
mapping_each(uint64_t *covered_bytes, pid_t pid, int fd, uint64_t size,
    int (*each)(const struct mapping_part *part, void *arg, struct error *err),
    void *arg, struct error *err)
{
	char path[64], *line = NULL;
	struct mapping_part part;
	uint64_t covered = 0;
	struct mapped file;
	size_t cap = 0;
	int rc = 0;
	FILE *maps;

	if (find_name(&file, fd, err) == -1)
		return -1;
	snprintf(path, sizeof(path), "/proc/%ld/maps", (long)pid);
	maps = fopen(path, "re");
	if (maps == NULL)
		return error_sys(err, error_code_of(errno), "%s", path);
	while (rc == 0 && getline(&line, &cap, maps) != -1) {
		if (!is_part(&part, line, &file))
			continue;
		if (!num_in_range(part.off, part.len, size)) {
			rc = error_set(err, EX_SOFTWARE,
			    "%s: a mapping beyond the template", path);
			break;
		}
		covered += part.len;
		rc = each(&part, arg, err);
	}
	free(line);
	fclose(maps);
	*covered_bytes = covered;
	return rc;
}
