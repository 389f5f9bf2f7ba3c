/* SPDX-License-Identifier: ISC */
#include "vmm/host/touched.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/host/mapping.h"

#define BATCH 8192 /* pagemap entries read at once: 64 KiB */

/* Bits of a pagemap entry: it is there, or was until it was swapped out. */
#define PM_TOUCHED (UINT64_C(3) << 62)

struct touched {
	int pagemap, template;
	pid_t pid;
	uint64_t size;
	uint64_t page_bytes; /* of this host: a multiple of ours */
	unsigned char *seen; /* a bit for each of ours */
	struct page_run *v;
	size_t n, cap;
	uint64_t now_ms;
};

int
touched_new(struct touched **out, pid_t pid, int template, uint64_t size,
    struct error *err)
{
	struct touched *t = calloc(1, sizeof(*t));
	char path[64];

	if (t == NULL)
		return error_nomem(err, NULL);
	t->pid = pid;
	t->template = template;
	t->size = size;
	t->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	t->seen = calloc((size_t)(size / WORKING_SET_PAGE / 8) + 1, 1);
	snprintf(path, sizeof(path), "/proc/%ld/pagemap", (long)pid);
	t->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (t->pagemap == -1 || t->seen == NULL) {
		if (t->pagemap == -1)
			error_sys(err, error_code_of(errno), "%s", path);
		else
			error_nomem(err, NULL);
		touched_free(t);
		return -1;
	}
	*out = t;
	return 0;
}

void
touched_free(struct touched *t)
{
	if (t == NULL)
		return;
	fd_drop(&t->pagemap);
	free(t->seen);
	free(t->v);
	free(t);
}

static bool
take_bit(struct touched *t, uint64_t page)
{
	unsigned char bit = (unsigned char)(1u << page % 8);

	if ((t->seen[page / 8] & bit) != 0)
		return false;
	t->seen[page / 8] |= bit;
	return true;
}

static int
add_page(struct touched *t, uint64_t page, struct error *err)
{
	struct page_run *last = t->n == 0 ? NULL : &t->v[t->n - 1], *grown;

	if (last != NULL && last->at_ms == t->now_ms &&
	    last->first + last->n == page) {
		last->n++;
		return 0;
	}
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 256 : 2 * t->cap;
		grown = realloc(t->v, t->cap * sizeof(*grown));
		if (grown == NULL)
			return error_nomem(err, NULL);
		t->v = grown;
	}
	t->v[t->n++] = (struct page_run){ page, 1, t->now_ms };
	return 0;
}

/* The entry's page, or pages where this host has larger ones. */
static int
take_entry(struct touched *t, uint64_t off, struct error *err)
{
	uint64_t page = off / WORKING_SET_PAGE,
		 end = page + t->page_bytes / WORKING_SET_PAGE;

	for (; page < end && page < t->size / WORKING_SET_PAGE; page++)
		if (take_bit(t, page) && add_page(t, page, err) == -1)
			return -1;
	return 0;
}

static int
look_at_part(const struct mapping_part *part, void *arg, struct error *err)
{
	struct touched *t = arg;
	uint64_t entries[BATCH], done;
	size_t n, i;

	for (done = 0; done < part->len; done += n * t->page_bytes) {
		n = (size_t)((part->len - done) / t->page_bytes);
		if (n > BATCH)
			n = BATCH;
		if (fd_pread(t->pagemap, entries, n * sizeof(entries[0]),
			(part->addr + done) / t->page_bytes *
			    sizeof(entries[0]),
			"pagemap", err) == -1)
			return -1;
		for (i = 0; i < n; i++)
			if ((entries[i] & PM_TOUCHED) != 0 &&
			    take_entry(t, part->off + done + i * t->page_bytes,
				err) == -1)
				return -1;
	}
	return 0;
}

static int
by_place(const void *a, const void *b)
{
	const struct page_run *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

int
touched_look(struct touched *t, uint64_t at_ms, struct error *err)
{
	size_t before = t->n;
	uint64_t covered;

	t->now_ms = at_ms;
	if (mapping_each(&covered, t->pid, t->template, t->size, look_at_part,
		t, err) == -1)
		return -1;
	if (covered == 0)
		return error_set(err, EX_UNAVAILABLE,
		    "process %ld: its mapping of the template cannot be seen",
		    (long)t->pid);
	/* The parts need not lie in the order of the file. */
	if (t->n > before)
		qsort(t->v + before, t->n - before, sizeof(*t->v), by_place);
	return 0;
}

/* Runs that are `gap` pages apart at most become one. */
static void
join(struct touched *t, uint64_t gap)
{
	struct page_run *last = t->v;
	size_t i, n = 1;

	for (i = 1; i < t->n; i++) {
		if (t->v[i].first - (last->first + last->n) <= gap) {
			last->n = t->v[i].first + t->v[i].n - last->first;
			continue;
		}
		last = &t->v[n++];
		*last = t->v[i];
	}
	t->n = n;
}

int
touched_take(struct working_set *out, struct touched *t, struct error *err)
{
	uint64_t gap;
	size_t i;

	if (t->n > WORKING_SET_RUNS_MAX) {
		qsort(t->v, t->n, sizeof(*t->v), by_place);
		for (i = 0; i < t->n; i++)
			t->v[i].at_ms = 0;
		for (gap = 1; t->n > WORKING_SET_RUNS_MAX; gap *= 2)
			join(t, gap);
	}
	out->v = calloc(t->n + 1, sizeof(*out->v));
	if (out->v == NULL)
		return error_nomem(err, NULL);
	if (t->n > 0)
		memcpy(out->v, t->v, t->n * sizeof(*t->v));
	out->n = t->n;
	out->memory_bytes = t->size;
	return 0;
}
