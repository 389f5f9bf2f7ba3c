/* SPDX-License-Identifier: ISC */
#include "archive/survey.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "archive/tar_head.h"
#include "base/cpus.h"
#include "base/num.h"
#include "disk/runs.h"

#define SURVEY_PARTS_MAX 4
#define SURVEY_PART_MIN (UINT64_C(64) << 20) /* bytes, to be worth a thread */
#define SURVEY_ALIGN (UINT64_C(1) << 20) /* where parts begin */
#define SURVEY_TELL ((size_t)4096) /* bytes of a map between two sums */

/* Runs on their way into a map: the last one may still grow. */
struct gather {
	struct sparse_map *map;
	uint64_t keep; /* bytes of the largest hole that is filled */
	uint64_t size; /* of the file */
	size_t max_bytes; /* of the map */
	uint64_t off, len;
};

/* A part of the file, and its runs. */
struct part {
	struct runs runs;
	struct gather gather;
	struct sparse_map map;
	atomic_size_t *sum; /* of all parts' maps */
	size_t told; /* of this one, in it */
	pthread_t thread;
	bool has_thread;
	int rc; /* as gather_run() */
	struct error err;
};

static int
gather_end(struct gather *g, struct error *err)
{
	return sparse_map_add(g->map, g->off, g->len, g->size, err);
}

/* 0, 1 when the map has no room, -1. */
static int
gather_run(struct gather *g, uint64_t off, uint64_t len, struct error *err)
{
	if (g->len != 0 && off - (g->off + g->len) <= g->keep) {
		g->len = off + len - g->off;
		return 0;
	}
	if (g->max_bytes - g->map->len < 2 * SPARSE_RUN_BYTES_MAX)
		return 1;
	if (gather_end(g, err) == -1)
		return -1;
	g->off = off;
	g->len = len;
	return 0;
}

/*
 * Whether the maps of all parts are sure to make one that has no room: together
 * they take no more memory than that one.  It is a little shorter than they
 * are, by the runs that go on from one part to the next.
 */
static bool
is_too_much(struct part *p)
{
	size_t more = p->map.len - p->told;

	if (more < SURVEY_TELL)
		return false;
	p->told = p->map.len;
	return atomic_fetch_add(p->sum, more) + more > p->gather.max_bytes +
	    (size_t)SURVEY_PARTS_MAX * 2 * SPARSE_RUN_BYTES_MAX;
}

static void *
survey_part(void *arg)
{
	struct part *p = arg;
	struct extent run;

	while ((p->rc = runs_next(&run, &p->runs, &p->err)) == 1) {
		p->rc = gather_run(&p->gather, run.off, run.len, &p->err);
		if (p->rc == 0 && is_too_much(p))
			p->rc = 1;
		if (p->rc != 0)
			return NULL;
	}
	if (p->rc == 0)
		p->rc = gather_end(&p->gather, &p->err);
	return NULL;
}

/* One where the filesystem is asked by lseek(2): that lets in one at a time. */
static size_t
count_parts(int fd, uint64_t size)
{
	unsigned cpus = cpus_usable();
	uint64_t n = size / SURVEY_PART_MIN;

	if (cpus < 2 || n < 2 || !runs_by_many(fd))
		return 1;
	if (n > SURVEY_PARTS_MAX)
		n = SURVEY_PARTS_MAX;
	return n < cpus ? (size_t)n : cpus;
}

/* Signals stay with the calling thread, which surveys the first part. */
static void
survey_parts(struct part *parts, size_t n)
{
	sigset_t all, before;
	size_t i;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (i = 1; i < n; i++)
		parts[i].has_thread = pthread_create(&parts[i].thread, NULL,
					  survey_part, &parts[i]) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	for (i = 0; i < n; i++)
		if (!parts[i].has_thread)
			survey_part(&parts[i]);
	for (i = 1; i < n; i++)
		if (parts[i].has_thread)
			pthread_join(parts[i].thread, NULL);
}

/* All runs of the parts: what touches where two of them meet is one run. */
static int
join_parts(struct sparse_map *map, struct part *parts, size_t n,
    struct error *err)
{
	struct gather all = parts[0].gather;
	struct sparse_iter it;
	uint64_t off, len;
	size_t i;
	int rc;

	all.map = map;
	all.off = all.len = 0;
	for (i = 0; i < n; i++) {
		if (parts[i].rc == -1 && err != NULL)
			*err = parts[i].err;
		if (parts[i].rc != 0)
			return parts[i].rc;
		sparse_iter_init(&it, &parts[i].map);
		while (sparse_iter_next(&it, &off, &len)) {
			rc = gather_run(&all, off, len, err);
			if (rc != 0)
				return rc;
		}
		sparse_map_fini(&parts[i].map);
	}
	return gather_end(&all, err);
}

/* With holes of up to `keep` bytes filled; as gather_run(). */
static int
survey(struct sparse_map *map, int fd, uint64_t size, uint64_t keep,
    size_t max_bytes, const char *name, struct error *err)
{
	size_t n = count_parts(fd, size), i;
	struct part parts[SURVEY_PARTS_MAX];
	atomic_size_t sum = 0;
	uint64_t from = 0, end;
	int rc;

	memset(parts, 0, sizeof(parts));
	for (i = 0; i < n; i++, from = end) {
		end = num_round_up(size / n * (i + 1), SURVEY_ALIGN);
		end = i + 1 == n ? size : end;
		runs_init(&parts[i].runs, fd, from, end, name);
		parts[i].gather.map = &parts[i].map;
		parts[i].gather.keep = keep;
		parts[i].gather.size = size;
		parts[i].gather.max_bytes = max_bytes;
		parts[i].sum = &sum;
	}
	survey_parts(parts, n);
	sparse_map_clear(map);
	rc = join_parts(map, parts, n, err);
	for (i = 0; i < n; i++)
		sparse_map_fini(&parts[i].map);
	return rc;
}

/*
 * A map that would not fit is made again with small holes filled: the archive
 * holds zeros there, which an import makes holes again.
 */
int
survey_file(struct sparse_map *map, int fd, uint64_t size, size_t max_bytes,
    const char *name, struct error *err)
{
	uint64_t keep = 0;
	int rc;

	while ((rc = survey(map, fd, size, keep, max_bytes, name, err)) == 1)
		keep = keep == 0 ? 4096 : keep * 2;
	return rc;
}
