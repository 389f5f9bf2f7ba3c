/* SPDX-License-Identifier: ISC */
/*
 * libarchive writes it; the times that it takes from the clock are set to that
 * of the files afterwards.  The library is opened here, for with all that it
 * brings along it would double the time that a seed on vfat takes.  ECMA-119 for all but the TF field, which is of the
 * Rock Ridge Interchange Protocol.
 */
#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "seed/cidata.h"

#define ISO_LIBRARY "libarchive.so.13"
#define SECTOR 2048
#define DESCRIPTORS 16 /* sector of the first volume descriptor */
#define ISO_OVERHEAD (1 * NUM_MIB) /* libarchive 3.6 takes 368 KiB */
#define DATE_BYTES 7 /* 9.1.5 */
#define LONG_DATE_BYTES 17 /* 8.4.26.1 */

struct libarchive {
	void *handle;
	__typeof__(archive_write_new) *write_new;
	__typeof__(archive_write_set_format_iso9660) *set_format;
	__typeof__(archive_write_set_options) *set_options;
	__typeof__(archive_write_open_memory) *open_memory;
	__typeof__(archive_write_header) *write_header;
	__typeof__(archive_write_data) *write_data;
	__typeof__(archive_write_close) *write_close;
	__typeof__(archive_write_free) *write_free;
	__typeof__(archive_error_string) *error_string;
	__typeof__(archive_entry_new) *entry_new;
	__typeof__(archive_entry_free) *entry_free;
	__typeof__(archive_entry_set_pathname) *set_pathname;
	__typeof__(archive_entry_set_filetype) *set_filetype;
	__typeof__(archive_entry_set_perm) *set_perm;
	__typeof__(archive_entry_set_nlink) *set_nlink;
	__typeof__(archive_entry_set_size) *set_size;
	__typeof__(archive_entry_set_birthtime) *set_birthtime;
	__typeof__(archive_entry_set_mtime) *set_mtime;
	__typeof__(archive_entry_set_atime) *set_atime;
	__typeof__(archive_entry_set_ctime) *set_ctime;
};

static const struct {
	const char *name;
	size_t place;
} symbols[] = {
	{ "archive_write_new", offsetof(struct libarchive, write_new) },
	{ "archive_write_set_format_iso9660",
	    offsetof(struct libarchive, set_format) },
	{ "archive_write_set_options",
	    offsetof(struct libarchive, set_options) },
	{ "archive_write_open_memory",
	    offsetof(struct libarchive, open_memory) },
	{ "archive_write_header", offsetof(struct libarchive, write_header) },
	{ "archive_write_data", offsetof(struct libarchive, write_data) },
	{ "archive_write_close", offsetof(struct libarchive, write_close) },
	{ "archive_write_free", offsetof(struct libarchive, write_free) },
	{ "archive_error_string", offsetof(struct libarchive, error_string) },
	{ "archive_entry_new", offsetof(struct libarchive, entry_new) },
	{ "archive_entry_free", offsetof(struct libarchive, entry_free) },
	{ "archive_entry_set_pathname",
	    offsetof(struct libarchive, set_pathname) },
	{ "archive_entry_set_filetype",
	    offsetof(struct libarchive, set_filetype) },
	{ "archive_entry_set_perm", offsetof(struct libarchive, set_perm) },
	{ "archive_entry_set_nlink", offsetof(struct libarchive, set_nlink) },
	{ "archive_entry_set_size", offsetof(struct libarchive, set_size) },
	{ "archive_entry_set_birthtime",
	    offsetof(struct libarchive, set_birthtime) },
	{ "archive_entry_set_mtime", offsetof(struct libarchive, set_mtime) },
	{ "archive_entry_set_atime", offsetof(struct libarchive, set_atime) },
	{ "archive_entry_set_ctime", offsetof(struct libarchive, set_ctime) },
};

int
cidata_iso_prepare(struct error *err)
{
	if (dlopen(ISO_LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) == NULL)
		return error_set(err, EX_UNAVAILABLE, "%s", dlerror());
	return 0;
}

static int
libarchive_open(struct libarchive *l, struct error *err)
{
	void *found;
	size_t i;

	l->handle = dlopen(ISO_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (l->handle == NULL)
		return error_set(err, EX_UNAVAILABLE, "%s", dlerror());
	for (i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		found = dlsym(l->handle, symbols[i].name);
		if (found == NULL)
			return error_set(err, EX_UNAVAILABLE,
			    ISO_LIBRARY ": no %s", symbols[i].name);
		/* POSIX, dlsym(): a function's address comes as a void *. */
		memcpy((char *)l + symbols[i].place, &found, sizeof(found));
	}
	return 0;
}

static void
libarchive_close(struct libarchive *l)
{
	if (l->handle != NULL)
		dlclose(l->handle);
}

/* CIDATA_MTIME in both forms. */
static const unsigned char date[DATE_BYTES] = { 80, 1, 1, 0, 0, 0, 0 };
static const char long_date[LONG_DATE_BYTES] = "1980010100000000";

/* The TF field of a record's system use area, `left` bytes at p: 4.1.6. */
static void
set_rock_ridge_times(unsigned char *p, size_t left)
{
	size_t len, i;

	for (; left >= 4; p += len, left -= len) {
		len = p[2];
		if (len < 4 || len > left)
			return;
		if (memcmp(p, "TF", 2) != 0)
			continue;
		for (i = 5; i + DATE_BYTES <= len; i += DATE_BYTES)
			memcpy(p + i, date, DATE_BYTES);
	}
}

/* Every record of the directory in [off, off + len).  9.1 */
static void
set_directory_times(unsigned char *image, size_t off, size_t len)
{
	unsigned char *p;
	size_t at, size, head;

	for (at = 0; at < len; at += size) {
		p = image + off + at;
		size = p[0];
		if (size == 0) {
			/* No record crosses a sector's end. */
			size = SECTOR - at % SECTOR;
			continue;
		}
		head = 33u + p[32] + (p[32] % 2 == 0);
		if (size > len - at || head > size)
			return;
		memcpy(p + 18, date, DATE_BYTES);
		set_rock_ridge_times(p + head, size - head);
	}
}

/* Volume descriptors, their root directories, libarchive's own sector. */
static int
set_times(unsigned char *image, size_t size, struct error *err)
{
	static const size_t dates[] = { 813, 830, 864 }; /* 8.4.26, 27, 29 */
	unsigned char *p;
	size_t off, dir, len, i;

	for (off = DESCRIPTORS * SECTOR; size - off >= SECTOR; off += SECTOR) {
		p = image + off;
		if (memcmp(p + 1, "CD001", 5) != 0)
			break;
		if (p[0] == 255) {
			/* Behind the last one: when and by what it was made. */
			if (size - off >= 2 * SECTOR &&
			    memcmp(p + SECTOR, "INFO", 4) == 0)
				memset(p + SECTOR, 0, SECTOR);
			return 0;
		}
		for (i = 0; i < 3; i++)
			memcpy(p + dates[i], long_date, LONG_DATE_BYTES);
		memcpy(p + 156 + 18, date, DATE_BYTES);
		dir = (size_t)le32(p + 156 + 2);
		len = le32(p + 156 + 10);
		if (dir >= size / SECTOR || len > size - dir * SECTOR ||
		    len % SECTOR != 0)
			break;
		set_directory_times(image, dir * SECTOR, len);
	}
	return error_set(err, EX_SOFTWARE,
	    "libarchive's image is not as expected");
}

static int
add_file(const struct libarchive *l, struct archive *a,
    const struct cidata_file *file)
{
	struct archive_entry *entry;
	int rc = -1;

	entry = l->entry_new();
	if (entry == NULL)
		return -1;
	l->set_pathname(entry, file->name);
	l->set_filetype(entry, AE_IFREG);
	l->set_perm(entry, 0444);
	l->set_nlink(entry, 1);
	l->set_size(entry, (la_int64_t)file->len);
	l->set_birthtime(entry, CIDATA_MTIME, 0);
	l->set_mtime(entry, CIDATA_MTIME, 0);
	l->set_atime(entry, CIDATA_MTIME, 0);
	l->set_ctime(entry, CIDATA_MTIME, 0);
	if (l->write_header(a, entry) == ARCHIVE_OK &&
	    (file->len == 0 ||
		l->write_data(a, file->text, file->len) ==
		    (la_ssize_t)file->len))
		rc = 0;
	l->entry_free(entry);
	return rc;
}

/* -1: error_string() says why. */
static int
write_image(const struct libarchive *l, struct archive *a, unsigned char *image,
    size_t cap, size_t *used, const struct cidata_files *files)
{
	size_t i;

	if (l->set_format(a) != ARCHIVE_OK ||
	    l->set_options(a, "iso9660:volume-id=" CIDATA_LABEL) !=
		ARCHIVE_OK ||
	    l->open_memory(a, image, cap, used) != ARCHIVE_OK)
		return -1;
	for (i = 0; i < files->n; i++)
		if (add_file(l, a, &files->v[i]) == -1)
			return -1;
	return l->write_close(a) == ARCHIVE_OK ? 0 : -1;
}

int
cidata_iso(unsigned char **out, size_t *len, const struct cidata_files *files,
    struct error *err)
{
	struct libarchive l = { 0 };
	struct archive *a = NULL;
	unsigned char *image = NULL;
	size_t cap = ISO_OVERHEAD, used = 0, i;
	int rc = -1;

	if (libarchive_open(&l, err) == -1)
		goto out;
	for (i = 0; i < files->n; i++)
		cap += num_round_up(files->v[i].len, SECTOR);
	a = l.write_new();
	image = calloc(1, cap);
	if (a == NULL || image == NULL)
		error_nomem(err, NULL);
	else if (write_image(&l, a, image, cap, &used, files) == -1)
		error_set(err, EX_IOERR, "libarchive: %s", l.error_string(a));
	else if (set_times(image, used, err) == 0) {
		*out = image;
		*len = used;
		image = NULL;
		rc = 0;
	}
out:
	free(image);
	if (a != NULL)
		l.write_free(a);
	libarchive_close(&l);
	return rc;
}
