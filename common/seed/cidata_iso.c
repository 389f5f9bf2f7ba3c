/* SPDX-License-Identifier: ISC */
/*
 * libarchive writes it.  Its writer has no way to be told the time: what it takes
 * from the clock is set to that of the files afterwards, in the finished image.
 * ECMA-119 for all but the TF field, which is of the Rock Ridge Interchange
 * Protocol.
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "seed/cidata.h"

#define SECTOR 2048
#define DESCRIPTORS 16 /* sector of the first volume descriptor */
#define ISO_OVERHEAD (1 * NUM_MIB) /* libarchive 3.6 takes 368 KiB */
#define DATE_BYTES 7 /* 9.1.5 */
#define LONG_DATE_BYTES 17 /* 8.4.26.1 */

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
add_file(struct archive *a, const struct cidata_file *file)
{
	struct archive_entry *entry;
	int rc = -1;

	entry = archive_entry_new();
	if (entry == NULL)
		return -1;
	archive_entry_set_pathname(entry, file->name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0444);
	archive_entry_set_nlink(entry, 1);
	archive_entry_set_size(entry, (la_int64_t)file->len);
	archive_entry_set_birthtime(entry, CIDATA_MTIME, 0);
	archive_entry_set_mtime(entry, CIDATA_MTIME, 0);
	archive_entry_set_atime(entry, CIDATA_MTIME, 0);
	archive_entry_set_ctime(entry, CIDATA_MTIME, 0);
	if (archive_write_header(a, entry) == ARCHIVE_OK &&
	    (file->len == 0 ||
		archive_write_data(a, file->text, file->len) ==
		    (la_ssize_t)file->len))
		rc = 0;
	archive_entry_free(entry);
	return rc;
}

/* -1: archive_error_string() says why. */
static int
write_image(struct archive *a, unsigned char *image, size_t cap, size_t *used,
    const struct cidata_files *files)
{
	size_t i;

	if (archive_write_set_format_iso9660(a) != ARCHIVE_OK ||
	    archive_write_set_options(a, "iso9660:volume-id=" CIDATA_LABEL) !=
		ARCHIVE_OK ||
	    archive_write_open_memory(a, image, cap, used) != ARCHIVE_OK)
		return -1;
	for (i = 0; i < files->n; i++)
		if (add_file(a, &files->v[i]) == -1)
			return -1;
	return archive_write_close(a) == ARCHIVE_OK ? 0 : -1;
}

int
cidata_iso(unsigned char **out, size_t *len, const struct cidata_files *files,
    struct error *err)
{
	struct archive *a = archive_write_new();
	unsigned char *image = NULL;
	size_t cap = ISO_OVERHEAD, used = 0, i;
	int rc = -1;

	for (i = 0; i < files->n; i++)
		cap += num_round_up(files->v[i].len, SECTOR);
	image = calloc(1, cap);
	if (a == NULL || image == NULL)
		error_nomem(err, NULL);
	else if (write_image(a, image, cap, &used, files) == -1)
		error_set(err, EX_IOERR, "libarchive: %s",
		    archive_error_string(a));
	else if (set_times(image, used, err) == 0) {
		*out = image;
		*len = used;
		image = NULL;
		rc = 0;
	}
	free(image);
	if (a != NULL)
		archive_write_free(a);
	return rc;
}
