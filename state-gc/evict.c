/* SPDX-License-Identifier: ISC */
/* Snapshots by last access: instar-state(5), Collection. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "state/snap.h"

#include "gc.h"

#define BY_AGE 1u
#define BY_KEEP 2u
#define BY_SIZE 4u

/* What a snapshot's victim is called, in the order of the flags. */
static const char *const reasons[] = { "", "lru-age", "lru-keep",
	"lru-age+lru-keep", "lru-size", "lru-age+lru-size", "lru-keep+lru-size",
	"lru-age+lru-keep+lru-size" };

struct candidate {
	char id[ID_LEN + 1];
	char name[ENVELOPE_NAME_MAX + 1];
	struct timespec access;
	uint64_t bytes; /* allocated */
	unsigned why;
};

static bool
is_later(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec > b->tv_sec;
	return a->tv_nsec > b->tv_nsec;
}

/* The last accessed first; ids decide between equals. */
static int
compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (is_later(&x->access, &y->access))
		return -1;
	if (is_later(&y->access, &x->access))
		return 1;
	return strcmp(x->id, y->id);
}

/* Last access; of one that was never read, when it was made. */
static int
access_time(struct timespec *out, const struct gc *gc, const char *id,
    struct error *err)
{
	struct stat st;

	if (root_access_time(out, gc->root, id, NULL) == 0)
		return 0;
	if (fstatat(root_kind_fd(gc->root, ROOT_SNAP), id, &st,
		AT_SYMLINK_NOFOLLOW) == -1)
		return error_sys(err, error_code_of(errno), "%s", id);
	*out = st.st_mtim;
	return 0;
}

/* One that cannot be opened is no candidate: it may be what is looked for. */
static int
examine(struct candidate *c, const struct gc *gc, const char *id,
    struct error *err)
{
	uint64_t apparent;
	struct snap *snap;
	int rc = -1;

	if (snap_open(&snap, gc->root, id, err) == -1)
		return -1;
	snprintf(c->id, sizeof(c->id), "%s", id);
	snprintf(c->name, sizeof(c->name), "%s", snap_name(snap));
	c->why = 0;
	if (snap_sizes(&apparent, &c->bytes, snap, err) == 0)
		rc = access_time(&c->access, gc, id, err);
	snap_close(snap);
	return rc;
}

/* Sets what speaks against each of the `n` candidates. */
static void
find_reasons(struct candidate *v, size_t n, const struct gc *gc)
{
	uint64_t total = 0, age;
	size_t i;

	qsort(v, n, sizeof(*v), compare);
	for (i = 0; i < n; i++) {
		total += v[i].bytes;
		age = gc->now.tv_sec > v[i].access.tv_sec
		    ? (uint64_t)(gc->now.tv_sec - v[i].access.tv_sec)
		    : 0;
		if (gc->has_age && age * 1000 > gc->age_ms)
			v[i].why |= BY_AGE;
		if (gc->has_keep && i >= gc->keep)
			v[i].why |= BY_KEEP;
		if (gc->has_size && total > gc->size_bytes)
			v[i].why |= BY_SIZE;
	}
}

/* Removes one, unless it was accessed since or is in use. */
static int
evict(struct gc *gc, const struct candidate *c, struct error *err)
{
	struct gc_item item = { .kind = "snapshot",
		.id = c->id,
		.name = c->name,
		.reason = reasons[c->why] };
	char path[ID_LEN + 8];
	struct timespec access;
	int fd = -1, rc = -1;

	snprintf(path, sizeof(path), "snap/%s", c->id);
	item.path = path;
	item.bytes = gc_tree_bytes(root_fd(gc->root), path);
	if (!gc->dry_run) {
		if (root_lock(&fd, gc->root, ROOT_SNAP, c->id, true, 0, err) ==
			-1 ||
		    access_time(&access, gc, c->id, err) == -1)
			goto out;
		if (is_later(&access, &c->access)) {
			rc = 0;
			goto out;
		}
		if (root_remove(gc->root, ROOT_SNAP, c->id, c->name, err) == -1)
			goto out;
	}
	if (strv_add(&gc->evicted, err, "%s", c->id) == -1)
		goto out;
	rc = gc_report(gc, &item, err);
out:
	fd_drop(&fd);
	return rc;
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
gc_evict(struct gc *gc, struct error *err)
{
	struct candidate *v = NULL;
	struct error why = { 0 };
	struct strv ids = { 0 };
	size_t i, n = 0;
	int rc = -1;

	if (!gc->has_keep && !gc->has_age && !gc->has_size)
		return 0;
	if (root_list(&ids, gc->root, ROOT_SNAP, err) == -1)
		goto out;
	v = calloc(ids.n + 1, sizeof(*v));
	if (v == NULL) {
		error_sys(err, EX_OSERR, "snapshots");
		goto out;
	}
	for (i = 0; i < ids.n; i++) {
		if (gc_check(err) == -1)
			goto out;
		if (examine(&v[n], gc, ids.v[i], &why) == 0)
			n++;
		else if (why.code != EX_NOINPUT) {
			gc_fail(gc, &why);
			if (strv_add(&gc->told, err, "%s", ids.v[i]) == -1)
				goto out;
		}
	}
	find_reasons(v, n, gc);
	/* The longest unused goes first. */
	for (i = n; i-- > 0;) {
		if (gc_check(err) == -1)
			goto out;
		if (v[i].why != 0 && evict(gc, &v[i], &why) == -1 &&
		    why.code != EX_NOINPUT)
			gc_fail(gc, &why);
	}
	if (gc->evicted.n > 0)
		qsort(gc->evicted.v, gc->evicted.n, sizeof(*gc->evicted.v),
		    compare_ids);
	rc = 0;
out:
	free(v);
	strv_fini(&ids);
	return rc;
}
