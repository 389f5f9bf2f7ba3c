/* SPDX-License-Identifier: ISC */
/* The memory behind a map: the files of its builds, read and written. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "disk/extent.h"
#include "foreign/memmap.h"

#define MEMMAP_PIECE ((size_t)64 * MEMMAP_BLOCK)

/* memfile.UUID, or memfile once: older directories have no other. */
static int
open_build(int *fd, uint64_t *bytes, const struct memmap_uuid *build, int dirfd,
    const struct memmap_uuid **plain, struct error *err)
{
	char name[sizeof("memfile.") + MEMMAP_UUID_TEXT] = "memfile.";
	struct error why;

	memmap_uuid_text(name + 8, build);
	if (fd_open_file(fd, bytes, dirfd, name, O_RDONLY, &why) == 0)
		return 0;
	if (why.sys != ENOENT) {
		if (err != NULL)
			*err = why;
		return -1;
	}
	if (*plain != NULL)
		return error_set(err, EX_DATAERR,
		    "%s: no such file, and memfile stands for another build",
		    name);
	*plain = build;
	if (fd_open_file(fd, bytes, dirfd, "memfile", O_RDONLY, err) == -1)
		return error_wrap(err, "no %s", name);
	return 0;
}

static int
check_lengths(const struct memmap *map, const uint64_t *bytes,
    struct error *err)
{
	char name[MEMMAP_UUID_TEXT];
	const struct memmap_entry *e;
	size_t i;

	for (i = 0; i < map->n; i++) {
		e = &map->v[i];
		if (e->build == MEMMAP_ZEROS ||
		    (e->storage_off <= bytes[e->build] &&
			e->len <= bytes[e->build] - e->storage_off))
			continue;
		memmap_uuid_text(name, &map->builds[e->build]);
		return error_set(err, EX_DATAERR,
		    "memfile of %s: ends at byte %" PRIu64 ", memory %" PRIu64
		    " is at %" PRIu64,
		    name, bytes[e->build], e->off, e->storage_off);
	}
	return 0;
}

int
memmap_files_open(struct memmap_files *files, const struct memmap *map,
    int dirfd, struct error *err)
{
	const struct memmap_uuid *plain = NULL;
	uint64_t bytes[MEMMAP_BUILDS_MAX];

	files->n = 0;
	while (files->n < map->builds_n) {
		if (open_build(&files->fds[files->n], &bytes[files->n],
			&map->builds[files->n], dirfd, &plain, err) == -1)
			return -1;
		files->n++;
	}
	return check_lengths(map, bytes, err);
}

void
memmap_files_close(struct memmap_files *files)
{
	while (files->n > 0)
		fd_drop(&files->fds[--files->n]);
}

int
memmap_unpack(struct sink *out, const struct memmap *map,
    const struct memmap_files *files, struct error *err)
{
	const struct memmap_entry *e;
	size_t i;
	int rc;

	for (i = 0; i < map->n; i++) {
		e = &map->v[i];
		if (e->build == MEMMAP_ZEROS)
			rc = sink_zeros(out, e->len, err);
		else
			rc = sink_copy(out, files->fds[e->build],
			    e->storage_off, e->len, "memfile", err);
		if (rc == -1)
			return -1;
	}
	return sink_finish(out, err);
}

/* What is not zero of a piece of memory, a block at a time. */
static int
pack_piece(struct memmap *map, struct sink *out, const unsigned char *buf,
    size_t len, struct error *err)
{
	uint64_t stored;
	size_t pos;

	for (pos = 0; pos < len; pos += MEMMAP_BLOCK) {
		if (extent_is_zero(buf + pos, MEMMAP_BLOCK)) {
			if (memmap_add(map, MEMMAP_BLOCK, NULL, 0, err) == -1)
				return -1;
			continue;
		}
		stored = out->off;
		if (sink_data(out, buf + pos, MEMMAP_BLOCK, err) == -1 ||
		    memmap_add(map, MEMMAP_BLOCK, &map->build, stored, err) ==
			-1)
			return -1;
	}
	return 0;
}

static int
pack_all(struct memmap *map, struct sink *out, int from, unsigned char *buf,
    const char *what, struct error *err)
{
	uint64_t off = 0, start, size = map->size_bytes;
	struct extent data;
	size_t part;
	int more;

	while (off < size) {
		more = extent_next(&data, from, off, size, what, err);
		if (more == -1)
			return -1;
		start = more == 0 ? size : data.off;
		start -= start % MEMMAP_BLOCK;
		if (start > off) {
			if (memmap_add(map, start - off, NULL, 0, err) == -1)
				return -1;
			off = start;
			continue;
		}
		part = size - off < MEMMAP_PIECE ? (size_t)(size - off)
						 : MEMMAP_PIECE;
		if (fd_pread(from, buf, part, off, what, err) == -1 ||
		    pack_piece(map, out, buf, part, err) == -1)
			return -1;
		off += part;
	}
	return 0;
}

int
memmap_pack(struct memmap *map, struct sink *out, int from, uint64_t size_bytes,
    const struct memmap_uuid *build, const char *what, struct error *err)
{
	struct memmap m = { .block_bytes = MEMMAP_BLOCK,
		.size_bytes = size_bytes,
		.build = *build,
		.base_build = *build };
	unsigned char *buf;
	int rc;

	if (size_bytes == 0 || size_bytes > MEMMAP_SIZE_MAX ||
	    size_bytes % MEMMAP_BLOCK != 0)
		return error_set(err, EX_DATAERR,
		    "%s: memory of %" PRIu64 " bytes", what, size_bytes);
	buf = malloc(MEMMAP_PIECE);
	if (buf == NULL)
		return error_sys(err, EX_OSERR, "%s", what);
	rc = pack_all(&m, out, from, buf, what, err);
	if (rc == 0)
		rc = sink_finish(out, err);
	free(buf);
	if (rc == -1) {
		memmap_fini(&m);
		return -1;
	}
	*map = m;
	return 0;
}
