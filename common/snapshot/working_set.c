/* SPDX-License-Identifier: ISC */
#include "snapshot/working_set.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

#define MAGIC "instar working set 1"
#define LINE_MAX_BYTES 48 /* "FIRST COUNT", both of the largest memory */
#define DIGITS_MAX 15

/* A text that is read line by line. */
struct lines {
	const char *at, *end;
	size_t number; /* of the line that was read last, from 1 */
};

void
working_set_fini(struct working_set *w)
{
	free(w->v);
	*w = (struct working_set){ 0 };
}

/* The next line without its end: false where none is left, or it has none. */
static bool
next_line(struct lines *l, const char **line, size_t *len)
{
	const char *end = memchr(l->at, '\n', (size_t)(l->end - l->at));

	if (end == NULL)
		return false;
	*line = l->at;
	*len = (size_t)(end - l->at);
	l->at = end + 1;
	l->number++;
	return true;
}

/* Digits without a zero in front, from *p on, of which *p is moved behind. */
static bool
take_number(uint64_t *out, const char **p, const char *end)
{
	const char *first = *p;
	uint64_t n = 0;

	while (*p < end && **p >= '0' && **p <= '9' && *p - first < DIGITS_MAX)
		n = n * 10 + (uint64_t)(*(*p)++ - '0');
	*out = n;
	return *p > first && (first[0] != '0' || *p == first + 1);
}

/* "WORD N", or with an empty word "N". */
static bool
is_number(uint64_t *out, const char *word, const char *line, size_t len)
{
	const char *end = line + len;
	size_t n = strlen(word);

	if (len < n || memcmp(line, word, n) != 0)
		return false;
	line += n;
	return take_number(out, &line, end) && line == end;
}

static bool
is_run(struct page_run *out, const char *line, size_t len)
{
	const char *end = line + len;

	if (!take_number(&out->first, &line, end) || line == end ||
	    *line++ != ' ')
		return false;
	return take_number(&out->n, &line, end) && line == end;
}

static int
wrong(const struct lines *l, const char *why, struct error *err)
{
	return error_set(err, EX_DATAERR, "line %zu: %s", l->number, why);
}

static int
read_head(struct working_set *w, struct lines *l, struct error *err)
{
	const char *line;
	size_t len;

	if (!next_line(l, &line, &len) || len != strlen(MAGIC) ||
	    memcmp(line, MAGIC, len) != 0)
		return error_set(err, EX_DATAERR, "does not begin with \"%s\"",
		    MAGIC);
	if (!next_line(l, &line, &len) ||
	    !is_number(&w->memory_bytes, "memory ", line, len) ||
	    w->memory_bytes == 0 || w->memory_bytes % WORKING_SET_PAGE != 0)
		return error_set(err, EX_DATAERR, "line 2: no size of memory");
	return 0;
}

/* Behind the one before it, which was seen at the same time. */
static int
add_run(struct working_set *w, const struct page_run *run,
    const struct lines *l, struct error *err)
{
	const struct page_run *before = w->n == 0 ? NULL : &w->v[w->n - 1];
	uint64_t pages = w->memory_bytes / WORKING_SET_PAGE;

	if (run->n == 0)
		return wrong(l, "a run of no pages", err);
	if (run->first >= pages || run->n > pages - run->first)
		return wrong(l, "beyond the memory", err);
	if (before != NULL && before->at_ms == run->at_ms &&
	    run->first < before->first + before->n)
		return wrong(l, "out of order", err);
	if (w->n == WORKING_SET_RUNS_MAX)
		return wrong(l, "too many runs", err);
	w->v[w->n++] = *run;
	return 0;
}

static int
read_runs(struct working_set *w, struct lines *l, struct error *err)
{
	bool is_timed = false;
	struct page_run run = { 0 };
	const char *line;
	uint64_t at;
	size_t len;

	while (next_line(l, &line, &len)) {
		if (is_number(&at, "at ", line, len)) {
			if (at > WORKING_SET_MS_MAX ||
			    (is_timed && at <= run.at_ms))
				return wrong(l, "a time out of order", err);
			run.at_ms = at;
			is_timed = true;
			continue;
		}
		if (!is_run(&run, line, len))
			return wrong(l, "neither a run nor a time", err);
		if (!is_timed)
			return wrong(l, "a run without a time", err);
		if (add_run(w, &run, l, err) == -1)
			return -1;
	}
	return l->at == l->end
	    ? 0
	    : error_set(err, EX_DATAERR, "ends within line %zu", l->number + 1);
}

static int
by_place(const void *a, const void *b)
{
	const struct page_run *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* No page is named twice, at whatever times. */
static int
check_overlap(const struct working_set *w, struct error *err)
{
	struct page_run *sorted;
	size_t i;
	int rc = 0;

	if (w->n == 0)
		return 0;
	sorted = malloc(w->n * sizeof(*sorted));
	if (sorted == NULL)
		return error_nomem(err, NULL);
	memcpy(sorted, w->v, w->n * sizeof(*sorted));
	qsort(sorted, w->n, sizeof(*sorted), by_place);
	for (i = 1; i < w->n && rc == 0; i++)
		if (sorted[i].first - sorted[i - 1].first < sorted[i - 1].n)
			rc = error_set(err, EX_DATAERR,
			    "page %" PRIu64 " is in two runs", sorted[i].first);
	free(sorted);
	return rc;
}

int
working_set_decode(struct working_set *out, const char *text, size_t len,
    struct error *err)
{
	struct lines l = { .at = text, .end = text + len };
	struct working_set w = { 0 };

	w.v = malloc(WORKING_SET_RUNS_MAX * sizeof(*w.v));
	if (w.v == NULL)
		return error_nomem(err, NULL);
	if (read_head(&w, &l, err) == -1 || read_runs(&w, &l, err) == -1 ||
	    check_overlap(&w, err) == -1) {
		working_set_fini(&w);
		return -1;
	}
	*out = w;
	return 0;
}

int
working_set_encode(char **text, size_t *len, const struct working_set *w,
    struct error *err)
{
	size_t n = w->n < WORKING_SET_RUNS_MAX ? w->n : WORKING_SET_RUNS_MAX;
	size_t cap = (n + 4) * 2 * LINE_MAX_BYTES, i;
	char *made = malloc(cap);
	int at;

	if (made == NULL)
		return error_nomem(err, NULL);
	at = snprintf(made, cap, MAGIC "\nmemory %" PRIu64 "\n",
	    w->memory_bytes);
	for (i = 0; i < n; i++) {
		if (i == 0 || w->v[i].at_ms != w->v[i - 1].at_ms)
			at += snprintf(made + at, cap - (size_t)at,
			    "at %" PRIu64 "\n", w->v[i].at_ms);
		at += snprintf(made + at, cap - (size_t)at,
		    "%" PRIu64 " %" PRIu64 "\n", w->v[i].first, w->v[i].n);
	}
	*text = made;
	*len = (size_t)at;
	return 0;
}

int
working_set_read(struct working_set *out, int dirfd, uint64_t memory_bytes,
    struct error *err)
{
	uint64_t size;
	int fd, rc;

	if (fd_open_file(&fd, &size, dirfd, WORKING_SET_NAME, O_RDONLY, err) ==
	    -1)
		return -1;
	rc = working_set_read_open(out, fd, size, memory_bytes, err);
	fd_drop(&fd);
	return rc;
}

int
working_set_read_open(struct working_set *out, int fd, uint64_t size,
    uint64_t memory_bytes, struct error *err)
{
	struct working_set w = { 0 };
	struct error why = { 0 };
	size_t len;
	char *text;
	int rc;

	if (fd_slurp_open(&text, &len, fd, size, WORKING_SET_BYTES_MAX,
		WORKING_SET_NAME, err) == -1)
		return -1;
	rc = working_set_decode(&w, text, len, &why);
	free(text);
	if (rc == 0 && w.memory_bytes != memory_bytes)
		rc = error_set(&why, EX_DATAERR,
		    "of a memory of %" PRIu64 " bytes, not %" PRIu64,
		    w.memory_bytes, memory_bytes);
	if (rc == -1) {
		working_set_fini(&w);
		return error_set(err, why.code, WORKING_SET_NAME ": %s",
		    why.msg);
	}
	*out = w;
	return 0;
}

int
working_set_write(int dirfd, const struct working_set *w, struct error *err)
{
	char *text;
	size_t len;
	int rc;

	if (working_set_encode(&text, &len, w, err) == -1)
		return -1;
	rc = fd_replace_file(dirfd, WORKING_SET_NAME, text, len, true, err);
	free(text);
	return rc;
}

uint64_t
working_set_bytes(const struct working_set *w)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < w->n; i++)
		sum += w->v[i].n;
	return sum * WORKING_SET_PAGE;
}
