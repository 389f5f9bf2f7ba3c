/* SPDX-License-Identifier: ISC */
#include "disk/content.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/path.h"

#define MAGIC_MAX 21

/* What makes a raw image of it; the first is given two names. */
#define CONVERT "qemu-img convert -O raw"
#define MAGIC(text) text, sizeof(text) - 1

/* What is only recognized. */
struct foreign {
	const char *name; /* with its article */
	size_t off; /* where its magic lies */
	const char *magic;
	size_t len;
	const char *suffix; /* of such files' names, with its dot */
	const char *unpack; /* a program that writes to stdout; NULL: CONVERT */
};

/*
 * QEMU block/: vmdk.c, vdi.c, vhdx.h, vpc.c, qed.h, parallels.c.  RFC 1952,
 * RFC 8878, the specifications of xz 1.2.1 and of LZ4's frames 1.6.4; bzip2's
 * first block begins with the digits of pi, behind its level.
 */
static const struct foreign foreigns[] = {
	{ "a VMDK image", 0, MAGIC("KDMV"), ".vmdk", NULL },
	{ "a VMDK image", 0, MAGIC("COWD"), ".vmdk", NULL },
	{ "a VMDK descriptor", 0, MAGIC("# Disk DescriptorFile"), ".vmdk",
	    NULL },
	{ "a VDI image", 64, MAGIC("\x7f\x10\xda\xbe"), ".vdi", NULL },
	{ "a VHDX image", 0, MAGIC("vhdxfile"), ".vhdx", NULL },
	{ "a VHD image", 0, MAGIC("conectix"), ".vhd", NULL },
	{ "a QED image", 0, MAGIC("QED\0"), ".qed", NULL },
	{ "a Parallels image", 0, MAGIC("WithoutFreeSpace"), ".hdd", NULL },
	{ "a Parallels image", 0, MAGIC("WithouFreSpacExt"), ".hdd", NULL },
	{ "compressed by gzip", 0, MAGIC("\x1f\x8b\x08"), ".gz", "gzip" },
	{ "compressed by xz", 0,
	    MAGIC("\xfd"
		  "7zXZ"),
	    ".xz", "xz" },
	{ "compressed by zstd", 0, MAGIC("\x28\xb5\x2f\xfd"), ".zst", "zstd" },
	{ "compressed by bzip2", 4, MAGIC("1AY&SY"), ".bz2", "bzip2" },
	{ "compressed by lz4", 0, MAGIC("\x04\x22\x4d\x18"), ".lz4", "lz4" },
};

static int
has_magic(bool *out, const struct foreign *f, int fd, uint64_t file_bytes,
    const char *path, struct error *err)
{
	char head[MAGIC_MAX];

	*out = false;
	if (file_bytes < f->off + f->len)
		return 0;
	if (fd_pread(fd, head, f->len, f->off, path, err) == -1)
		return -1;
	*out = memcmp(head, f->magic, f->len) == 0;
	return 0;
}

/* The file's name without that suffix, and with .raw where it is not so. */
static char *
raw_name(const char *path, const char *suffix, bool is_packed)
{
	size_t len = strlen(path), end = strlen(suffix);
	bool has = len > end && strcmp(path + len - end, suffix) == 0;

	return path_format("%.*s%s", (int)(has ? len - end : len), path,
	    has && is_packed ? "" : ".raw");
}

static int
refuse(const char *name, const char *suffix, const char *unpack,
    const char *path, struct error *err)
{
	char *to = raw_name(path, suffix, unpack != NULL);
	/* What it would take for an option, or for a protocol. */
	const char *here = path[0] == '-' ||
		(path[0] != '/' && strchr(path, ':') != NULL)
	    ? "./"
	    : "";

	if (to == NULL)
		return error_nomem(err, path);
	if (unpack == NULL)
		error_set(err, EX_DATAERR, "%s: %s: " CONVERT " %s%s %s%s",
		    path, name, here, path, here, to);
	else
		error_set(err, EX_DATAERR, "%s: %s: %s -dc <%s >%s", path, name,
		    unpack, path, to);
	free(to);
	return -1;
}

int
content_look(const struct chain_format **out, int fd, uint64_t file_bytes,
    const char *path, struct error *err)
{
	const struct foreign *f;
	bool is;
	size_t i;

	for (i = 0; i < sizeof(foreigns) / sizeof(foreigns[0]); i++) {
		f = &foreigns[i];
		if (has_magic(&is, f, fd, file_bytes, path, err) == -1)
			return -1;
		if (is)
			return refuse(f->name, f->suffix, f->unpack, path, err);
	}
	return chain_recognize(out, fd, file_bytes, path, err);
}

int
content_check_raw(int fd, uint64_t file_bytes, const char *path,
    struct error *err)
{
	const struct chain_format *format;
	char name[32];

	if (content_look(&format, fd, file_bytes, path, err) == -1)
		return -1;
	if (format->is_flat)
		return 0;
	snprintf(name, sizeof(name), "a %s image", format->name);
	return refuse(name, format->suffix, NULL, path, err);
}
