/* SPDX-License-Identifier: ISC */
#include "disk/chain.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/path.h"
#include "disk/qcow2.h"

#define MAGIC_MAX 8
#define NUMBER_DIGITS_MAX 7
#define NUMBER_MAX 9999999

static int
raw_bytes(uint64_t *out, int fd, uint64_t file_bytes, const char *what,
    struct error *err)
{
	(void)fd;
	(void)what;
	(void)err;
	*out = file_bytes;
	return 0;
}

static int
raw_check(int fd, uint64_t file_bytes, uint64_t disk_bytes, const char *below,
    const char *what, struct error *err)
{
	(void)fd;
	if (below != NULL)
		return error_set(err, EX_DATAERR,
		    "%s: a raw disk with a backing file", what);
	if (disk_bytes != 0 && file_bytes != disk_bytes)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes, the disk has %" PRIu64, what,
		    file_bytes, disk_bytes);
	return 0;
}

static int
qcow2_bytes(uint64_t *out, int fd, uint64_t file_bytes, const char *what,
    struct error *err)
{
	struct qcow2_head head;

	if (qcow2_read_head(&head, fd, file_bytes, what, err) == -1)
		return -1;
	*out = head.size_bytes;
	return 0;
}

static int
check_qcow2(int fd, uint64_t file_bytes, uint64_t disk_bytes, const char *below,
    const char *what, struct error *err)
{
	return qcow2_check(fd, file_bytes, disk_bytes,
	    below == NULL ? "" : below,
	    below == NULL ? "" : chain_format(below)->name, what, err);
}

/* The first row is of overlays, the last takes every name and content. */
static const struct chain_format formats[] = {
	{ "qcow2", ".qcow2", "QFI\xfb", false, qcow2_bytes, check_qcow2 },
	{ "raw", ".raw", "", true, raw_bytes, raw_check },
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

const struct chain_format *
chain_overlay(void)
{
	return &formats[0];
}

const struct chain_format *
chain_flat(void)
{
	return &formats[FORMATS - 1];
}

const struct chain_format *
chain_format(const char *path)
{
	size_t len = strlen(path), i, end;

	for (i = 0; i < FORMATS - 1; i++) {
		end = strlen(formats[i].suffix);
		if (len > end &&
		    strcmp(path + len - end, formats[i].suffix) == 0)
			break;
	}
	return &formats[i];
}

const struct chain_format *
chain_find_format(const char *name)
{
	size_t i;

	for (i = 0; i < FORMATS; i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

int
chain_recognize(const struct chain_format **out, int fd, uint64_t file_bytes,
    const char *what, struct error *err)
{
	char head[MAGIC_MAX];
	size_t i, len;

	for (i = 0; i < FORMATS - 1; i++) {
		len = strlen(formats[i].magic);
		if (file_bytes < len)
			continue;
		if (fd_pread(fd, head, len, 0, what, err) == -1)
			return -1;
		if (memcmp(head, formats[i].magic, len) == 0)
			break;
	}
	*out = &formats[i];
	return 0;
}

bool
chain_is_name(const char *name)
{
	return path_is_name(name) && name[0] != '-' &&
	    strchr(name, ':') == NULL;
}

void
chain_first_name(char *out, size_t cap, const char *stem,
    const struct chain_format *format)
{
	snprintf(out, cap, "%s%s%s", stem, format->is_flat ? "" : ".1",
	    format->suffix);
}

int
chain_next_name(char **out, const char *top, const struct chain_format *format,
    struct error *err)
{
	const char *dot = strchr(top, '.');
	unsigned long n;

	if (dot == NULL || dot == top)
		return error_set(err, EX_DATAERR, "%s: not a disk's name", top);
	n = strtoul(dot + 1, NULL, 10);
	if (n >= NUMBER_MAX)
		return error_set(err, EX_DATAERR, "%s: the last of its disk",
		    top);
	*out = path_format("%.*s.%lu%s", (int)(dot - top), top, n + 1,
	    format->suffix);
	return *out == NULL ? error_nomem(err, NULL) : 0;
}

bool
chain_is_later(const char *name, const char *top)
{
	const char *dot = strchr(top, '.');
	size_t stem, digits;

	if (dot == NULL)
		return false;
	stem = (size_t)(dot - top) + 1;
	if (strncmp(name, top, stem) != 0)
		return false;
	digits = strspn(name + stem, "0123456789");
	return digits > 0 && name[stem + digits] == '.' &&
	    strtoul(name + stem, NULL, 10) > strtoul(dot + 1, NULL, 10);
}

unsigned
chain_number(const char *name)
{
	const char *end = strrchr(name, '.'), *p;

	if (end == NULL || chain_format(name)->is_flat)
		return 0;
	for (p = end; p > name && p[-1] >= '0' && p[-1] <= '9';)
		p--;
	if (p == end || p == name || p[-1] != '.' ||
	    end - p > NUMBER_DIGITS_MAX)
		return 0;
	return (unsigned)strtoul(p, NULL, 10);
}

int
chain_disk_bytes(uint64_t *out, const struct chain_format *format, int dirfd,
    const char *name, struct error *err)
{
	uint64_t file_bytes;
	int fd, rc;

	if (fd_open_file(&fd, &file_bytes, dirfd, name, O_RDONLY, err) == -1)
		return -1;
	rc = format->disk_bytes(out, fd, file_bytes, name, err);
	fd_drop(&fd);
	return rc;
}

int
chain_check(int fd, uint64_t file_bytes, uint64_t disk_bytes, const char *name,
    const char *below, struct error *err)
{
	return chain_format(name)->check(fd, file_bytes, disk_bytes, below,
	    name, err);
}

int
chain_write_overlay(int fd, uint64_t disk_bytes, const char *below,
    const char *what, struct error *err)
{
	return qcow2_write_overlay(fd, disk_bytes, below,
	    chain_format(below)->name, what, err);
}
