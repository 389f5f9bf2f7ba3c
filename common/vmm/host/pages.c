/* SPDX-License-Identifier: ISC */
#include "vmm/host/pages.h"

#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/host/mapping.h"

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
copy_part(const struct mapping_part *part, void *arg, struct error *err)
{
	struct pages *p = arg;
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

int
pages_overlay(uint64_t *copied_bytes, int to, pid_t pid, int template,
    uint64_t size, struct error *err)
{
	struct pages p = { .to = to,
		.pagemap = -1,
		.pid = pid,
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE) };
	uint64_t covered = 0;
	char path[64];
	int rc = -1;

	snprintf(path, sizeof(path), "/proc/%ld/pagemap", (long)pid);
	p.pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (p.pagemap == -1)
		return error_sys(err, error_code_of(errno), "%s", path);
	p.buf = malloc(RUN_BYTES);
	if (p.buf == NULL)
		error_nomem(err, NULL);
	else
		rc = mapping_each(&covered, pid, template, size, copy_part, &p,
		    err);
	if (rc == 0 && covered != size)
		rc = error_set(err, EX_SOFTWARE,
		    "process %ld: %" PRIu64 " of %" PRIu64 " bytes are mapped",
		    (long)pid, covered, size);
	*copied_bytes = p.copied_bytes;
	free(p.buf);
	fd_drop(&p.pagemap);
	return rc;
}
