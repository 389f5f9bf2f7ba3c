/* SPDX-License-Identifier: ISC */
#include "job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"

#include "mount.h"

#define WRONG_MAX 3 /* times that what came was not what it must be */
#define LEAVES_TOGETHER 40 /* at most 251 KiB, and speak of 20 MiB */
#define PAGES_MAX (MOUNT_READ_MAX / LEAF_PAGE + 1) /* that one read touches */

enum kind { READ, SEEK_TO_DATA, SEEK_TO_HOLE };

struct job {
	enum kind kind;
	fuse_req_t req;
	uint32_t file;
	uint64_t off;
	size_t len; /* of a read */
	unsigned char *buf;
	bool has[PAGES_MAX]; /* pages, from that of `off` on */
	int64_t deadline_ms;
	unsigned wrong; /* times; see WRONG_MAX */
	uint64_t wrong_at; /* where in the file */
	struct job *next, **at; /* m->jobs */
};

/* What one step found. */
struct step {
	bool waits, wrong, failed;
	struct error err;
	/* The frame that is not here: its other pages are not, either. */
	struct place absent;
	bool has_absent;
};

static void
end(struct mount *m, struct job *j)
{
	wants_forget(m, j);
	*j->at = j->next;
	if (j->next != NULL)
		j->next->at = j->at;
	m->held_bytes -= sizeof(*j) + j->len;
	free(j->buf);
	free(j);
}

void
job_fail(struct mount *m, struct job *j, const struct error *why)
{
	log_put(&m->log, "%s: byte %" PRIu64 ": %s",
	    m->image.envelope.files[j->file].name,
	    j->wrong > 0 ? j->wrong_at : j->off, why->msg);
	m->failed_n++;
	fuse_reply_err(j->req, EIO);
	end(m, j);
}

int64_t
job_deadline_ms(const struct job *j)
{
	return j->deadline_ms;
}

/* Of what is not here; where it came, and was wrong, that is counted. */
static void
need(struct mount *m, struct job *j, struct step *s, enum pages_got got,
    uint64_t page, uint16_t part, uint64_t off, size_t len)
{
	s->waits = true;
	if (got == PAGES_WRONG) {
		s->wrong = true;
		j->wrong_at = page * LEAF_PAGE;
	}
	if (wants_need(m, part, off, len, j, &s->err) == -1)
		s->failed = true;
}

/* Where the leaf is with others of the file that lie around it; their length. */
static size_t
leaves_together(uint64_t *off, const struct page_index *x,
    const struct page_file *file, const struct page_group *group)
{
	const struct page_group *all = &x->groups[file->first];
	size_t at = (size_t)(group - all), first = at, end = at + 1;
	size_t from = at - at % LEAVES_TOGETHER;
	size_t to = file->n - from < LEAVES_TOGETHER ? file->n
						     : from + LEAVES_TOGETHER;

	while (first > from && all[first - 1].part == group->part &&
	    all[first - 1].off + all[first - 1].len == all[first].off)
		first--;
	while (end < to && all[end].part == group->part &&
	    all[end - 1].off + all[end - 1].len == all[end].off)
		end++;
	*off = all[first].off;
	return (size_t)(all[end - 1].off + all[end - 1].len - *off);
}

/* The leaf of the group that has the page; NULL: not here, or *zeros. */
static const struct leaf *
leaf_of(bool *zeros, struct mount *m, struct job *j, struct step *s,
    uint64_t page)
{
	const struct page_index *x = &m->image.index;
	const struct page_file *file = &x->files[j->file];
	const struct page_group *group;
	const struct leaf *leaf;
	enum pages_got got;
	uint64_t off;
	size_t len;

	group = page_index_find(x, file, (uint32_t)(page / LEAF_PAGES));
	*zeros = group == NULL;
	if (group == NULL)
		return NULL;
	got = pages_leaf(&leaf, &m->pages, j->file, group);
	if (got == PAGES_HERE)
		return leaf;
	/* With those of its neighbours, which are small. */
	len = leaves_together(&off, x, file, group);
	need(m, j, s, got, page, group->part, off, len);
	return NULL;
}

static bool
is_absent(const struct step *s, const struct place *place)
{
	return s->has_absent && s->absent.part == place->part &&
	    s->absent.off == place->off;
}

/* What of the page the read wants. */
static void
put(struct job *j, uint64_t page, const unsigned char *bytes)
{
	uint64_t from = page * LEAF_PAGE, skip = 0;
	size_t n = LEAF_PAGE, at = 0;

	if (from < j->off)
		skip = j->off - from;
	else
		at = (size_t)(from - j->off);
	n -= (size_t)skip;
	if (n > j->len - at)
		n = j->len - at;
	if (bytes == NULL)
		memset(j->buf + at, 0, n);
	else
		memcpy(j->buf + at, bytes + skip, n);
	j->has[page - j->off / LEAF_PAGE] = true;
}

/* One page that the leaf has; whole ones go straight to where they belong. */
static void
read_page(struct mount *m, struct job *j, struct step *s,
    const struct leaf *leaf, uint64_t page)
{
	const struct place *place = &leaf->place[page % LEAF_PAGES];
	unsigned char bytes[LEAF_PAGE];
	enum pages_got got;

	if (!leaf->is_data[page % LEAF_PAGES]) {
		put(j, page, NULL);
		return;
	}
	if (is_absent(s, place)) {
		s->waits = true;
		return;
	}
	got = pages_copy(bytes, &m->pages, place,
	    &leaf->hash[page % LEAF_PAGES]);
	if (got == PAGES_HERE) {
		put(j, page, bytes);
		return;
	}
	s->absent = *place;
	s->has_absent = true;
	need(m, j, s, got, page, place->part, place->off, place->len);
}

static void
step_read(struct mount *m, struct job *j, struct step *s)
{
	uint64_t first = j->off / LEAF_PAGE;
	uint64_t last = (j->off + j->len - 1) / LEAF_PAGE, page;
	uint64_t known = UINT64_MAX; /* the group that the next two speak of */
	const struct leaf *leaf = NULL;
	bool zeros = false;

	for (page = first; page <= last && !s->failed; page++) {
		if (j->has[page - first])
			continue;
		if (page / LEAF_PAGES != known) {
			known = page / LEAF_PAGES;
			leaf = leaf_of(&zeros, m, j, s, page);
		}
		if (zeros)
			put(j, page, NULL);
		else if (leaf != NULL)
			read_page(m, j, s, leaf, page);
	}
	if (!s->waits && !s->failed)
		fuse_reply_buf(j->req, (char *)j->buf, j->len);
}

/* The first page, from `page` on, of a group that is listed; 1: none. */
static int
next_listed(uint64_t *out, const struct page_index *x,
    const struct page_file *file, uint64_t page)
{
	uint64_t number = page / LEAF_PAGES;
	size_t low = 0, high = file->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (x->groups[file->first + mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == file->n)
		return 1;
	if (x->groups[file->first + low].number != number)
		page = (uint64_t)x->groups[file->first + low].number *
		    LEAF_PAGES;
	*out = page;
	return 0;
}

/* From page `page` on; past the file's end there is a hole. */
static void
step_seek(struct mount *m, struct job *j, struct step *s)
{
	const struct page_index *x = &m->image.index;
	const struct page_file *file = &x->files[j->file];
	uint64_t page = j->off / LEAF_PAGE, at;
	bool hole = j->kind == SEEK_TO_HOLE, zeros, data;
	const struct leaf *leaf;

	for (;;) {
		if (!hole && next_listed(&page, x, file, page) != 0)
			break;
		if (page * LEAF_PAGE >= file->bytes)
			break;
		leaf = leaf_of(&zeros, m, j, s, page);
		if (leaf == NULL && !zeros)
			return;
		do {
			data = !zeros && leaf->is_data[page % LEAF_PAGES];
			if (data != hole) {
				at = page * LEAF_PAGE;
				if (at < file->bytes)
					fuse_reply_lseek(j->req,
					    (off_t)(at < j->off ? j->off : at));
				else
					fuse_reply_lseek(j->req,
					    (off_t)file->bytes);
				return;
			}
		} while (++page % LEAF_PAGES != 0);
		/* The next group's leaf may have to come first. */
		j->off = page * LEAF_PAGE;
	}
	if (hole)
		fuse_reply_lseek(j->req, (off_t)file->bytes);
	else
		fuse_reply_err(j->req, ENXIO);
}

void
job_step(struct mount *m, struct job *j)
{
	struct step s = { .waits = false };

	if (j->kind == READ)
		step_read(m, j, &s);
	else
		step_seek(m, j, &s);
	if (s.wrong && ++j->wrong == WRONG_MAX) {
		error_set(&s.err, EX_DATAERR, "differs from its hash");
		s.failed = true;
	}
	if (s.has_absent && !s.failed)
		ahead_around(m, s.absent.part, s.absent.off, clock_ms());
	if (s.failed)
		job_fail(m, j, &s.err);
	else if (!s.waits)
		end(m, j);
}

static struct job *
add(struct mount *m, fuse_req_t req, enum kind kind, uint32_t file,
    uint64_t off, size_t len)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j != NULL && len > 0)
		j->buf = malloc(len);
	if (j == NULL || (len > 0 && j->buf == NULL)) {
		free(j);
		fuse_reply_err(req, ENOMEM);
		return NULL;
	}
	j->kind = kind;
	j->req = req;
	j->file = file;
	j->off = off;
	j->len = len;
	j->deadline_ms = clock_ms() + m->wait_ms;
	j->next = m->jobs;
	j->at = &m->jobs;
	if (j->next != NULL)
		j->next->at = &j->next;
	m->jobs = j;
	m->held_bytes += sizeof(*j) + len;
	return j;
}

void
job_read(struct mount *m, fuse_req_t req, uint32_t file, uint64_t off,
    size_t len)
{
	const struct page_file *f = &m->image.index.files[file];
	struct job *j;

	if (len > f->bytes - off)
		len = (size_t)(f->bytes - off);
	j = add(m, req, READ, file, off, len);
	if (j == NULL)
		return;
	order_touch(&m->order, file, off, len);
	if (m->ends[file] == off)
		ahead_follow(&m->ahead, file, off + len);
	m->ends[file] = off + len;
	job_step(m, j);
}

void
job_seek(struct mount *m, fuse_req_t req, uint32_t file, uint64_t off,
    bool hole)
{
	struct job *j;

	j = add(m, req, hole ? SEEK_TO_HOLE : SEEK_TO_DATA, file, off, 0);
	if (j != NULL)
		job_step(m, j);
}

void
jobs_expire(struct mount *m, int64_t now_ms, const struct error *why)
{
	struct job *j, *next;

	for (j = m->jobs; j != NULL; j = next) {
		next = j->next;
		if (j->deadline_ms <= now_ms)
			job_fail(m, j, why);
	}
}

int64_t
jobs_next_ms(const struct mount *m)
{
	int64_t next = INT64_MAX;
	const struct job *j;

	for (j = m->jobs; j != NULL; j = j->next)
		if (j->deadline_ms < next)
			next = j->deadline_ms;
	return next;
}
