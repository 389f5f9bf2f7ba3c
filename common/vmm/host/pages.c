/* SPDX-License-Identifier: ISC */
#include "vmm/host/pages.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"

#define BATCH_PAGES 8192 /* pagemap entries read at once: 64 KiB */
#define RUN_BYTES (1u << 20) /* copied at once */

/* Bits of a pagemap entry. */
#define PM_PRESENT (UINT64_C(1) << 63)
#define PM_SWAPPED (UINT64_C(1) << 62)
#define PM_FILE (UINT64_C(1) << 61)

struct pages {
	int to, pagemap;
	pid_t pid;
	uint64_t page_bytes; /* of this host */
	char *buf; /* RUN_BYTES */
	uint64_t copied_bytes;
};

/* A part of the mapping: [addr, addr + len) shows the file from `off` on. */
struct part {
	uint64_t addr, len, off;
};

static bool
is_own(uint64_t entry)
{
	return (entry & PM_SWAPPED) != 0 ||
	    ((entry & PM_PRESENT) != 0 && (entry & PM_FILE) == 0);
}

/* Copies [addr, addr + len) of the process to `off`. */
static int
copy_run(struct pages *p, uint64_t addr, uint64_t off, uint64_t len,
    struct error *err)
{
	struct iovec to, from;
	size_t n;
	ssize_t got;

	for (; len > 0; addr += n, off += n, len -= n) {
		n = len < RUN_BYTES ? (size_t)len : RUN_BYTES;
		to.iov_base = p->buf;
		to.iov_len = n;
		from.iov_base = (void *)(uintptr_t)addr;
		from.iov_len = n;
		got = process_vm_readv(p->pid, &to, 1, &from, 1, 0);
		if (got != (ssize_t)n)
			return error_sys(err,
			    errno == EPERM ? EX_NOPERM : EX_OSERR,
			    "memory of process %ld", (long)p->pid);
		if (fd_pwrite(p->to, p->buf, n, off, "memory", err) == -1)
			return -1;
		p->copied_bytes += n;
	}
	return 0;
}

/* The own pages among `n` entries that stand for `addr` on. */
static int
copy_batch(struct pages *p, const uint64_t *entries, size_t n, uint64_t addr,
    uint64_t off, struct error *err)
{
	size_t i = 0, first;

	while (i < n) {
		while (i < n && !is_own(entries[i]))
			i++;
		first = i;
		while (i < n && is_own(entries[i]))
			i++;
		if (i > first &&
		    copy_run(p, addr + first * p->page_bytes,
			off + first * p->page_bytes,
			(i - first) * p->page_bytes, err) == -1)
			return -1;
	}
	return 0;
}

static int
copy_part(struct pages *p, const struct part *part, struct error *err)
{
	uint64_t entries[BATCH_PAGES], done = 0;
	size_t n;

	while (done < part->len) {
		n = (size_t)((part->len - done) / p->page_bytes);
		if (n > BATCH_PAGES)
			n = BATCH_PAGES;
		if (fd_pread(p->pagemap, entries, n * sizeof(entries[0]),
			(part->addr + done) / p->page_bytes *
			    sizeof(entries[0]),
			"pagemap", err) == -1 ||
		    copy_batch(p, entries, n, part->addr + done,
			part->off + done, err) == -1)
			return -1;
		done += n * p->page_bytes;
	}
	return 0;
}

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
is_part(struct part *out, const char *line, const struct mapped *file)
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

static int
copy_mapping(struct pages *p, const struct mapped *file, uint64_t size,
    struct error *err)
{
	char path[64], *line = NULL;
	uint64_t covered = 0;
	struct part part;
	size_t cap = 0;
	int rc = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%ld/maps", (long)p->pid);
	maps = fopen(path, "re");
	if (maps == NULL)
		return error_sys(err, error_code_of(errno), "%s", path);
	while (rc == 0 && getline(&line, &cap, maps) != -1) {
		if (!is_part(&part, line, file))
			continue;
		if (!num_in_range(part.off, part.len, size)) {
			rc = error_set(err, EX_SOFTWARE,
			    "%s: a mapping beyond the template", path);
			break;
		}
		covered += part.len;
		rc = copy_part(p, &part, err);
	}
	free(line);
	fclose(maps);
	if (rc == 0 && covered != size)
		return error_set(err, EX_SOFTWARE,
		    "%s: %" PRIu64 " of %" PRIu64 " bytes are mapped", path,
		    covered, size);
	return rc;
}

int
pages_overlay(uint64_t *copied_bytes, int to, pid_t pid, int template,
    uint64_t size, struct error *err)
{
	struct pages p = { .to = to,
		.pagemap = -1,
		.pid = pid,
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE) };
	struct mapped file;
	char path[64];
	int rc = -1;

	if (find_name(&file, template, err) == -1)
		return -1;
	snprintf(path, sizeof(path), "/proc/%ld/pagemap", (long)pid);
	p.pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (p.pagemap == -1)
		return error_sys(err, error_code_of(errno), "%s", path);
	p.buf = malloc(RUN_BYTES);
	if (p.buf == NULL)
		error_nomem(err, NULL);
	else
		rc = copy_mapping(&p, &file, size, err);
	*copied_bytes = p.copied_bytes;
	free(p.buf);
	fd_drop(&p.pagemap);
	return rc;
}
