/* SPDX-License-Identifier: ISC */
/* The working set of a snapshot, read before the guest wants it. */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/proc.h"
#include "snapshot/working_set.h"
#include "state/inplace.h"
#include "vmm/driver.h"

/*
 * Of one request: what a kernel takes whole at its usual readahead; of a larger
 * one it drops the rest.
 */
#define REQUEST_PAGES 32
#define GAP_PAGES 4 /* between two runs that are read as one */
#define LOOK_RUNS 256 /* of which some pages are looked at */
#define LOOK_PAGES 2048 /* of all of them together, or one of each */
#define READ_MS 30000 /* one that takes longer helps nobody any more */

/* How many of `n` pages from `first` on are looked at, in one call. */
static bool
is_here(char *map, uint64_t first, size_t n)
{
	unsigned char there[LOOK_PAGES];
	size_t i;

	if (mincore(map + first * WORKING_SET_PAGE, n * WORKING_SET_PAGE,
		there) == -1)
		return false;
	for (i = 0; i < n; i++)
		if ((there[i] & 1) == 0)
			return false;
	return true;
}

/*
 * mincore(2) says that all is there of a file that is neither ours nor ours to
 * write.
 */
static bool
may_ask(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	    (st.st_uid == geteuid() ||
		faccessat(fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0);
}

/*
 * Whether the page cache seems to have all of it, by its first pages and some of
 * each run.  Where larger pages are the rule nobody has tried it: it is read.
 */
static bool
is_cached(int fd, const struct working_set *w)
{
	uint64_t total = working_set_bytes(w) / WORKING_SET_PAGE, n;
	size_t i, step = w->n / LOOK_RUNS + 1;
	bool cached = true;
	char *map;

	if (sysconf(_SC_PAGESIZE) != (long)WORKING_SET_PAGE || !may_ask(fd))
		return false;
	/* Nothing is touched there: it may be shorter by now. */
	map = mmap(NULL, (size_t)w->memory_bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return false;
	for (i = 0; i < w->n && cached; i += step) {
		n = w->v[i].n;
		if (total > LOOK_PAGES)
			n = n * LOOK_PAGES / total + 1;
		cached = is_here(map, w->v[i].first,
		    n < LOOK_PAGES ? (size_t)n : LOOK_PAGES);
	}
	munmap(map, (size_t)w->memory_bytes);
	return cached;
}

/* Asks for [first, first + n) and waits for none of it; false: time is over. */
static bool
ask(int fd, uint64_t first, uint64_t n, int64_t deadline_ms)
{
	uint64_t some;

	for (; n > 0; first += some, n -= some) {
		some = n < REQUEST_PAGES ? n : REQUEST_PAGES;
		if (clock_left(deadline_ms) == 0)
			return false;
		/* What is beyond the end, or fails, the guest will see. */
		posix_fadvise(fd, (off_t)(first * WORKING_SET_PAGE),
		    (off_t)(some * WORKING_SET_PAGE), POSIX_FADV_WILLNEED);
	}
	return true;
}

static void
ask_all(int fd, const struct working_set *w)
{
	int64_t deadline_ms = clock_ms() + READ_MS;
	const struct page_run *run;
	uint64_t first, end;
	size_t i = 0;

	while (i < w->n) {
		first = w->v[i].first;
		end = first + w->v[i].n;
		for (i++; i < w->n; i++) {
			run = &w->v[i];
			if (run->first < end || run->first - end > GAP_PAGES)
				break;
			end = run->first + run->n;
		}
		if (!ask(fd, first, end - first, deadline_ms))
			return;
	}
}

/*
 * The process: of the tool it keeps the memory's descriptor alone, so no lock,
 * and nobody's pipe.
 */
static void
run(int fd, const struct working_set *w)
{
	setsid();
	/* It holds up nobody's umount. */
	(void)!chdir("/");
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (proc_silence(STDERR_FILENO) == -1 ||
	    fd_close_others(3, &fd, 1) == -1)
		_exit(1);
	hook_step("ahead-begun");
	ask_all(fd, w);
	hook_step("ahead-ended");
	_exit(0);
}

/* On a mount of ours the mount itself knows what is wanted first. */
static bool
is_for_us(const struct load *load, const char *name)
{
	const struct vmm_traits *traits = vmm_traits(
	    load->envelope->machine.hypervisor);

	return strcmp(name, traits->memory_file) == 0 &&
	    load_may_map(load, name) && !inplace_is_ours(load->from_dirfd);
}

void
load_forget(const struct load *load)
{
	int fd;

	if (fd_open_file(&fd, NULL, load->from_dirfd, load_memory_name(load),
		O_RDONLY, NULL) == -1)
		return;
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	fd_drop(&fd);
}

int
load_read_ahead(const struct load *load, struct error *err)
{
	const char *name = load_memory_name(load);
	struct working_set w = { 0 };
	struct error why = { 0 };
	int fd = -1;

	if (load->copy_memory)
		return 0;
	if (working_set_read(&w, load->from_dirfd,
		load->envelope->machine.memory_bytes, &why) == -1) {
		if (why.code == EX_NOINPUT)
			return 0;
		return error_set(err, why.code, "%s", why.msg);
	}
	if (is_for_us(load, name) &&
	    fd_open_file(&fd, NULL, load->from_dirfd, name, O_RDONLY, NULL) ==
		0 &&
	    !is_cached(fd, &w)) {
		hook_step("ahead");
		if (fork() == 0)
			run(fd, &w);
	}
	fd_drop(&fd);
	working_set_fini(&w);
	return 0;
}
