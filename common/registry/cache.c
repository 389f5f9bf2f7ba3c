/* SPDX-License-Identifier: ISC */
#include "registry/cache.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/hook.h"
#include "base/lock.h"
#include "base/sha256.h"

#define OPEN_SEGMENTS 32 /* kept open */
#define NAME_MAX_BYTES (2 * DIGEST_BYTES + 1 + 8 + 1)
#define TOUCH_MS 60000 /* a use is noted as often */

struct segment {
	struct digest blob;
	uint32_t number;
	int fd; /* -1: none */
	uint64_t used; /* the higher, the later */
	int64_t touched_ms; /* 0: not yet */
};

struct cache {
	int dirfd; /* borrowed */
	uint64_t limit_bytes;
	uint64_t unseen_bytes; /* written since it was looked at */
	uint64_t uses;
	struct segment seg[OPEN_SEGMENTS];
};

/* What there is to remove. */
struct entry {
	char *name; /* borrowed */
	uint64_t bytes;
	struct timespec used;
};

int
cache_open(struct cache **out, int dirfd, uint64_t limit_bytes,
    struct error *err)
{
	struct cache *c = calloc(1, sizeof(*c));
	size_t i;

	if (c == NULL)
		return error_nomem(err, "cache");
	c->dirfd = dirfd;
	c->limit_bytes = limit_bytes;
	for (i = 0; i < OPEN_SEGMENTS; i++)
		c->seg[i].fd = -1;
	*out = c;
	return 0;
}

void
cache_close(struct cache *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < OPEN_SEGMENTS; i++)
		fd_drop(&c->seg[i].fd);
	free(c);
}

static struct segment *
find(struct cache *c, const struct digest *blob, uint32_t number)
{
	size_t i;

	for (i = 0; i < OPEN_SEGMENTS; i++)
		if (c->seg[i].fd != -1 && c->seg[i].number == number &&
		    digest_equal(&c->seg[i].blob, blob))
			return &c->seg[i];
	return NULL;
}

static struct segment *
oldest(struct cache *c)
{
	struct segment *s = &c->seg[0];
	size_t i;

	for (i = 0; i < OPEN_SEGMENTS; i++)
		if (c->seg[i].fd == -1)
			return &c->seg[i];
		else if (c->seg[i].used < s->used)
			s = &c->seg[i];
	return s;
}

/* The segment, open; NULL and errno: it is not there, or cannot be made. */
static struct segment *
get(struct cache *c, const struct digest *blob, uint32_t number, bool make)
{
	struct segment *s = find(c, blob, number);
	char name[NAME_MAX_BYTES];

	if (s == NULL) {
		s = oldest(c);
		fd_drop(&s->fd);
		hex_put(name, blob->raw, DIGEST_BYTES);
		snprintf(name + 2 * (size_t)DIGEST_BYTES,
		    sizeof(name) - 2 * (size_t)DIGEST_BYTES, "-%06" PRIx32,
		    number);
		s->fd = openat(c->dirfd, name,
		    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
			(make ? O_CREAT : 0),
		    0600);
		if (s->fd == -1)
			return NULL;
		s->blob = *blob;
		s->number = number;
		s->touched_ms = 0;
	}
	s->used = ++c->uses;
	return s;
}

/* Notes that it was used; it is no matter where that fails. */
static void
touch(struct segment *s)
{
	int64_t now = clock_ms();

	if (s->touched_ms != 0 && now - s->touched_ms < TOUCH_MS)
		return;
	s->touched_ms = now;
	if (futimens(s->fd, NULL) == -1)
		errno = 0;
}

/* What of [off, off + len) is in the segment that `off` is in. */
static size_t
part_of(uint64_t off, uint64_t len)
{
	uint64_t left = CACHE_SEGMENT - off % CACHE_SEGMENT;

	return (size_t)(len < left ? len : left);
}

/* Within one segment.  One that was removed meanwhile has no length. */
static bool
read_part(struct cache *c, unsigned char *buf, size_t len,
    const struct digest *blob, uint64_t off)
{
	uint32_t number = (uint32_t)(off / CACHE_SEGMENT);
	struct segment *s;
	int tries;

	for (tries = 0; tries < 2; tries++) {
		s = get(c, blob, number, false);
		if (s == NULL)
			return false;
		if (fd_pread(s->fd, buf, len, off % CACHE_SEGMENT, "cache",
			NULL) == 0) {
			touch(s);
			return true;
		}
		fd_drop(&s->fd);
	}
	return false;
}

bool
cache_read(struct cache *c, void *buf, size_t len, const struct digest *blob,
    uint64_t off)
{
	unsigned char *p = buf;
	size_t n;

	for (; len > 0; p += n, off += n, len -= n) {
		n = part_of(off, len);
		if (!read_part(c, p, n, blob, off))
			return false;
	}
	return true;
}

bool
cache_seems(struct cache *c, const struct digest *blob, uint64_t off,
    uint64_t len)
{
	struct segment *s;
	size_t n;
	off_t at, hole;

	for (; len > 0; off += n, len -= n) {
		n = part_of(off, len);
		s = get(c, blob, (uint32_t)(off / CACHE_SEGMENT), false);
		if (s == NULL)
			return false;
		at = (off_t)(off % CACHE_SEGMENT);
		hole = lseek(s->fd, at, SEEK_HOLE);
		/* The end counts as one, and where it is nearer, some is lacking. */
		if (hole == -1 || hole < at + (off_t)n)
			return false;
	}
	return true;
}

/* Whether nobody has removed it. */
static bool
is_there(const struct segment *s)
{
	struct stat st;

	return fstat(s->fd, &st) == 0 && st.st_nlink > 0;
}

static int
write_part(struct cache *c, const unsigned char *buf, size_t len,
    const struct digest *blob, uint64_t off, struct error *err)
{
	uint32_t number = (uint32_t)(off / CACHE_SEGMENT);
	struct segment *s = get(c, blob, number, true);

	if (s != NULL && !is_there(s)) {
		fd_drop(&s->fd);
		s = get(c, blob, number, true);
	}
	if (s == NULL)
		return error_sys(err, error_code_of(errno), "cache");
	return fd_pwrite(s->fd, buf, len, off % CACHE_SEGMENT, "cache", err);
}

int
cache_write(struct cache *c, const void *buf, size_t len,
    const struct digest *blob, uint64_t off, struct error *err)
{
	const unsigned char *p = buf;
	size_t n;

	c->unseen_bytes += len;
	/* 16 that write at once are within the limit together: trim(). */
	if (c->unseen_bytes >= c->limit_bytes / 256) {
		c->unseen_bytes = 0;
		if (cache_trim(c, len, err) == -1)
			return -1;
	}
	for (; len > 0; p += n, off += n, len -= n) {
		n = part_of(off, len);
		if (write_part(c, p, n, blob, off, err) == -1)
			return -1;
	}
	hook_step("cache-write");
	return 0;
}

bool
cache_load(struct cache *c, char **buf, size_t *len, const struct digest *blob,
    size_t max)
{
	unsigned char got[SHA256_BYTES];
	char *p = NULL, *more;
	struct segment *s;
	struct stat st;
	size_t n = 0, size;
	uint32_t i;

	for (i = 0; (s = get(c, blob, i, false)) != NULL; i++) {
		if (fstat(s->fd, &st) == -1 || st.st_size <= 0 ||
		    st.st_size > (off_t)CACHE_SEGMENT ||
		    (size_t)st.st_size > max - n)
			break;
		size = (size_t)st.st_size;
		more = realloc(p, n + size + 1);
		if (more == NULL)
			break;
		p = more;
		if (!read_part(c, (unsigned char *)p + n, size, blob,
			i * CACHE_SEGMENT))
			break;
		n += size;
		if (size < CACHE_SEGMENT)
			break;
	}
	if (p != NULL) {
		sha256_of(got, p, n);
		if (memcmp(got, blob->raw, sizeof(got)) == 0) {
			p[n] = '\0';
			*buf = p;
			*len = n;
			return true;
		}
	}
	free(p);
	return false;
}

static int
by_use(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
	if (x->used.tv_nsec != y->used.tv_nsec)
		return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
	return strcmp(x->name, y->name);
}

/*
 * HEX-NNNNNN, HEX-order, or what a write of that has left, hidden: whatever else
 * is there is somebody's own.
 */
static bool
is_ours(const char *name)
{
	if (name[0] == '.')
		return true;
	return strspn(name, "0123456789abcdef") == 2 * DIGEST_BYTES &&
	    name[2 * DIGEST_BYTES] == '-';
}

/* What is there, the longest unused first; *total are its bytes. */
static size_t
list(struct entry *v, uint64_t *total, const struct cache *c,
    const struct strv *names)
{
	struct stat st;
	size_t i, n = 0;

	*total = 0;
	for (i = 0; i < names->n; i++) {
		if (!is_ours(names->v[i]) ||
		    fstatat(c->dirfd, names->v[i], &st, AT_SYMLINK_NOFOLLOW) ==
			-1 ||
		    !S_ISREG(st.st_mode))
			continue;
		v[n].name = names->v[i];
		v[n].bytes = (uint64_t)st.st_blocks * 512;
		v[n].used = st.st_mtim;
		*total += v[n].bytes;
		n++;
	}
	qsort(v, n, sizeof(*v), by_use);
	return n;
}

/* Its blocks are free at once, whoever has it open. */
static void
drop(const struct cache *c, const char *name)
{
	int fd;

	fd = openat(c->dirfd, name,
	    O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd != -1 && ftruncate(fd, 0) == -1)
		errno = 0;
	fd_drop(&fd);
	unlinkat(c->dirfd, name, 0);
	hook_step("cache-drop");
}

/*
 * With the lock.  The sixteenth below the limit is for what others write
 * before they look, and what is removed lasts for a while.
 */
static int
trim(struct cache *c, uint64_t room_bytes, struct error *err)
{
	struct strv names = { 0 };
	struct entry *v;
	uint64_t total;
	size_t i, n;

	if (dir_list(&names, c->dirfd, "cache", err) == -1)
		return -1;
	v = calloc(names.n + 1, sizeof(*v));
	if (v == NULL) {
		strv_fini(&names);
		return error_nomem(err, "cache");
	}
	n = list(v, &total, c, &names);
	total += room_bytes;
	if (total > c->limit_bytes - c->limit_bytes / 16)
		for (i = 0;
		     i < n && total > c->limit_bytes - c->limit_bytes / 8;
		     i++) {
			drop(c, v[i].name);
			total -= v[i].bytes;
		}
	free(v);
	strv_fini(&names);
	return 0;
}

int
cache_trim(struct cache *c, uint64_t room_bytes, struct error *err)
{
	int fd, rc = 0;

	if (fd_open_dir(&fd, c->dirfd, ".", false, err) == -1)
		return -1;
	/* Who has it removes what is too much. */
	if (lock_fd(fd, LOCK_EXCLUSIVE, 0, "cache", NULL) == 0)
		rc = trim(c, room_bytes, err);
	fd_drop(&fd);
	return rc;
}
