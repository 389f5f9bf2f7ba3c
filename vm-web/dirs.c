/* SPDX-License-Identifier: ISC */
#include "dirs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dir.h"
#include "base/fd.h"

void
dirs_fini(struct dirs *d)
{
	free(d->v);
	memset(d, 0, sizeof(*d));
}

static struct dirs_one *
find(const struct dirs *d, int wd)
{
	size_t low = 0, high = d->n, mid;

	/* Those that are gone keep their place by the number they had. */
	while (low < high) {
		mid = low + (high - low) / 2;
		if (d->v[mid].wd < wd)
			low = mid + 1;
		else
			high = mid;
	}
	return low < d->n && d->v[low].wd == wd ? &d->v[low] : NULL;
}

static void
compact(struct dirs *d)
{
	size_t i, n = 0;

	for (i = 0; i < d->n; i++)
		if (d->v[i].id[0] != '\0')
			d->v[n++] = d->v[i];
	d->n = n;
	d->gone = 0;
}

void
dirs_add(struct dirs *d, int wd, bool is_vm, const char *id)
{
	struct dirs_one *one = find(d, wd), *more;
	size_t cap;

	if (one == NULL) {
		/* The kernel has begun to count anew: not followed. */
		if (d->n > 0 && d->v[d->n - 1].wd > wd)
			return;
		if (d->gone > d->n / 2)
			compact(d);
		if (d->n == d->cap) {
			cap = d->cap == 0 ? 64 : d->cap * 2;
			more = realloc(d->v, cap * sizeof(*more));
			if (more == NULL)
				return;
			d->v = more;
			d->cap = cap;
		}
		one = &d->v[d->n++];
	}
	one->wd = wd;
	one->is_vm = is_vm;
	memcpy(one->id, id, ID_LEN + 1);
}

void
dirs_remove(struct dirs *d, int wd)
{
	struct dirs_one *one = find(d, wd);

	if (one == NULL || one->id[0] == '\0')
		return;
	one->id[0] = '\0';
	d->gone++;
}

const char *
dirs_find(const struct dirs *d, int wd, bool *is_vm)
{
	const struct dirs_one *one = find(d, wd);

	if (one == NULL || one->id[0] == '\0')
		return NULL;
	*is_vm = one->is_vm;
	return one->id;
}

bool
dirs_has(int rootfd, bool is_vm, const char *id)
{
	char path[ID_LEN + 8];

	snprintf(path, sizeof(path), "%s/%.*s", is_vm ? "vm" : "snap", ID_LEN,
	    id);
	return fd_exists(rootfd, path);
}

int
dirs_each(int rootfd, const char *dir, void (*one)(void *arg, const char *id),
    void *arg, struct error *err)
{
	struct strv names = { 0 };
	int fd = -1, rc = 0;
	size_t i;

	if (!fd_exists(rootfd, dir))
		return 0;
	if (fd_open_dir(&fd, rootfd, dir, false, err) == -1)
		return -1;
	rc = dir_list(&names, fd, dir, err);
	for (i = 0; rc == 0 && i < names.n; i++)
		if (id_is_valid(names.v[i]))
			one(arg, names.v[i]);
	strv_fini(&names);
	fd_drop(&fd);
	return rc;
}
