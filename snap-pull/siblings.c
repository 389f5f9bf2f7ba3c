/* SPDX-License-Identifier: ISC */
#include "siblings.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

#include "local.h"

#define LOOKED_AT_MAX 1000 /* snapshots whose envelopes are read */
#define TRIED 16 /* groups of each that are read */

void
siblings_fini(struct siblings *s)
{
	while (s->n > 0)
		snap_close(s->v[--s->n].snap);
}

static void
rate_by_envelope(struct sibling *s, const struct envelope *want)
{
	const struct envelope *e = snap_envelope(s->snap);
	const struct envelope_file *file, *own;
	size_t i;

	for (i = 0; i < want->files_n; i++) {
		file = &want->files[i];
		own = envelope_find_file(e, file->name);
		if (own == NULL || !own->has_digest ||
		    own->size_bytes != file->size_bytes)
			continue;
		s->like_bytes += file->size_bytes;
		if (digest_equal(&own->digest, &file->digest))
			s->same_bytes += file->size_bytes;
	}
}

/* Whether `a` is the better one; of equals the one that was made last. */
static bool
is_better(const struct sibling *a, const struct sibling *b)
{
	if (a->groups != b->groups)
		return a->groups > b->groups;
	if (a->same_bytes != b->same_bytes)
		return a->same_bytes > b->same_bytes;
	if (a->like_bytes != b->like_bytes)
		return a->like_bytes > b->like_bytes;
	return strcmp(snap_envelope(a->snap)->created_at,
		   snap_envelope(b->snap)->created_at) > 0;
}

/* Takes it in at its place, where it is good enough. */
static void
put(struct siblings *s, const struct sibling *new)
{
	size_t i = s->n;

	if (s->n == SIBLINGS_MAX) {
		if (!is_better(new, &s->v[s->n - 1])) {
			snap_close(new->snap);
			return;
		}
		snap_close(s->v[--i].snap);
	} else {
		s->n++;
	}
	for (; i > 0 && is_better(new, &s->v[i - 1]); i--)
		s->v[i] = s->v[i - 1];
	s->v[i] = *new;
}

/* How many of the groups that are tried, spread over all files, are the same. */
static int
try_groups(struct sibling *s, const struct reader *r, struct error *err)
{
	const struct page_index *x = &r->index;
	size_t step = x->groups_n / TRIED + 1, i, f = 0;
	const char *name;
	uint64_t size;
	bool is = false;
	int fd, rc = 0;

	for (i = step / 2; i < x->groups_n && rc == 0; i += step) {
		while (i >= x->files[f].first + x->files[f].n)
			f++;
		name = r->envelope.files[f].name;
		if (fd_open_file(&fd, &size, snap_fd(s->snap), name, O_RDONLY,
			NULL) == -1)
			continue;
		rc = local_is_same(&is, fd, size, &x->files[f], &x->groups[i],
		    name, err);
		s->groups += is;
		fd_drop(&fd);
	}
	return rc;
}

/* The best of what the envelopes tell, in the order of what is in them. */
static int
try_all(struct siblings *s, const struct reader *r, struct error *err)
{
	struct siblings tried = { 0 };
	size_t i;
	int rc = 0;

	if (s->n < 2)
		return 0;
	for (i = 0; i < s->n && rc == 0; i++)
		rc = try_groups(&s->v[i], r, err);
	for (i = 0; i < s->n; i++)
		put(&tried, &s->v[i]);
	*s = tried;
	return rc;
}

int
siblings_find(struct siblings *s, const struct root *root,
    const struct reader *r, struct error *err)
{
	struct strv ids = { 0 };
	struct sibling one;
	size_t i;

	if (root_list(&ids, root, ROOT_SNAP, err) == -1)
		return -1;
	for (i = 0; i < ids.n && i < LOOKED_AT_MAX; i++) {
		memset(&one, 0, sizeof(one));
		if (snap_open(&one.snap, root, ids.v[i], NULL) == -1)
			continue;
		rate_by_envelope(&one, &r->envelope);
		if (one.like_bytes == 0)
			snap_close(one.snap);
		else
			put(s, &one);
	}
	strv_fini(&ids);
	return try_all(s, r, err);
}

void
siblings_open(int *fd, uint64_t *size, const struct siblings *s,
    const char *name)
{
	size_t i;

	*fd = -1;
	for (i = 0; i < s->n && *fd == -1; i++)
		if (fd_open_file(fd, size, snap_fd(s->v[i].snap), name,
			O_RDONLY, NULL) == -1)
			*fd = -1;
}
