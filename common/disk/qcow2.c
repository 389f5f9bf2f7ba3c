/* SPDX-License-Identifier: ISC */
/* Field names are those of QEMU's docs/interop/qcow2.txt. */
#include "disk/qcow2.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/le.h"
#include "base/num.h"
#include "base/path.h"

#define QCOW2_MAGIC UINT32_C(0x514649fb) /* "QFI\xfb" */
#define QCOW2_V2_BYTES 72
#define QCOW2_V3_BYTES 104
#define QCOW2_HEAD_BYTES 112 /* with compression_type: what QEMU writes */

#define QCOW2_CLUSTER_BITS_MIN 9
#define QCOW2_CLUSTER_BITS_MAX 21
#define QCOW2_REFCOUNT_ORDER_MAX 6
/* QEMU block/qcow2.h, QCOW_MAX_L1_SIZE, _REFTABLE_SIZE and _SNAPSHOTS. */
#define QCOW2_L1_BYTES_MAX (32 * NUM_MIB)
#define QCOW2_REFTABLE_BYTES_MAX (8 * NUM_MIB)
#define QCOW2_SNAPSHOTS_MAX 65536
#define QCOW2_SNAPSHOT_BYTES_MIN 40 /* of one entry of the table */

/* Bits of incompatible_features. */
#define QCOW2_CORRUPT (UINT64_C(1) << 1)
#define QCOW2_DATA_FILE (UINT64_C(1) << 2)
#define QCOW2_COMPRESSION (UINT64_C(1) << 3)
#define QCOW2_EXTENDED_L2 (UINT64_C(1) << 4)
#define QCOW2_KNOWN UINT64_C(0x1f) /* bit 0: dirty; QEMU repairs that */

/* Header extensions. */
#define QCOW2_EXT_END UINT32_C(0)
#define QCOW2_EXT_BACKING_FORMAT UINT32_C(0xe2792aca)
#define QCOW2_EXT_DATA_FILE UINT32_C(0x44415441)
#define QCOW2_EXT_LUKS UINT32_C(0x0537be77)

/* What we write: 64 KiB clusters, 16 bits a refcount. */
#define QCOW2_CLUSTER_BITS 16
#define QCOW2_CLUSTER (UINT64_C(1) << QCOW2_CLUSTER_BITS)
#define QCOW2_REFCOUNT_ORDER 4
#define QCOW2_L1_REACH (QCOW2_CLUSTER * (QCOW2_CLUSTER / 8)) /* an entry's */

/* Header, refcount table, refcount block: a cluster each; then L1. */
enum { AT_HEADER, AT_REFTABLE, AT_REFBLOCK, AT_L1 };

/* Fields of a header that others depend on. */
struct fields {
	uint32_t version;
	uint64_t backing_file_offset;
	uint32_t backing_file_size;
	uint32_t cluster_bits;
	uint64_t size;
	uint32_t l1_size;
	uint64_t l1_table_offset;
	uint64_t refcount_table_offset;
	uint32_t refcount_table_clusters;
	uint32_t nb_snapshots;
	uint64_t snapshots_offset;
	uint64_t incompatible_features;
	uint32_t header_length;
};

static void
put_header(unsigned char *p, uint64_t size_bytes, uint64_t l1_entries,
    const char *backing, const char *backing_format)
{
	size_t format_len = strlen(backing_format), ext = QCOW2_HEAD_BYTES, off;

	be32_put(p + ext, QCOW2_EXT_BACKING_FORMAT);
	be32_put(p + ext + 4, (uint32_t)format_len);
	memcpy(p + ext + 8, backing_format, format_len);
	/* Padded to 8 bytes; then the end, type and length 0. */
	off = ext + 8 + (size_t)num_round_up(format_len, 8) + 8;
	memcpy(p + off, backing, strlen(backing));

	be32_put(p, QCOW2_MAGIC);
	be32_put(p + 4, 3);
	be64_put(p + 8, off);
	be32_put(p + 16, (uint32_t)strlen(backing));
	be32_put(p + 20, QCOW2_CLUSTER_BITS);
	be64_put(p + 24, size_bytes);
	be32_put(p + 36, (uint32_t)l1_entries);
	be64_put(p + 40, AT_L1 * QCOW2_CLUSTER);
	be64_put(p + 48, AT_REFTABLE * QCOW2_CLUSTER);
	be32_put(p + 56, 1);
	be32_put(p + 96, QCOW2_REFCOUNT_ORDER);
	be32_put(p + 100, QCOW2_HEAD_BYTES);
}

static int
check_overlay(uint64_t size_bytes, const char *backing,
    const char *backing_format, const char *what, struct error *err)
{
	if (size_bytes == 0 || size_bytes > QCOW2_SIZE_MAX ||
	    size_bytes % 512 != 0)
		return error_set(err, EX_DATAERR,
		    "%s: no overlay of %" PRIu64 " bytes", what, size_bytes);
	if (!path_is_name(backing) || strchr(backing, ':') != NULL)
		return error_set(err, EX_DATAERR,
		    "%s: no overlay over a file named '%s'", what, backing);
	if (backing_format[0] == '\0' ||
	    strlen(backing_format) >= QCOW2_FORMAT_CAP)
		return error_set(err, EX_DATAERR,
		    "%s: no overlay over format '%s'", what, backing_format);
	return 0;
}

int
qcow2_write_overlay(int fd, uint64_t size_bytes, const char *backing,
    const char *backing_format, const char *what, struct error *err)
{
	unsigned char head[1024] = { 0 }, entry[8], refcounts[64] = { 0 };
	uint64_t l1_entries, l1_clusters, i;

	if (check_overlay(size_bytes, backing, backing_format, what, err) == -1)
		return -1;
	l1_entries = num_round_up(size_bytes, QCOW2_L1_REACH) / QCOW2_L1_REACH;
	l1_clusters = num_round_up(l1_entries * 8, QCOW2_CLUSTER) /
	    QCOW2_CLUSTER;
	put_header(head, size_bytes, l1_entries, backing, backing_format);
	be64_put(entry, AT_REFBLOCK * QCOW2_CLUSTER);
	for (i = 0; i < AT_L1 + l1_clusters; i++)
		refcounts[2 * i + 1] = 1;
	/* The L1 table is a hole: nothing is allocated. */
	if (ftruncate(fd, (off_t)((AT_L1 + l1_clusters) * QCOW2_CLUSTER)) == -1)
		return error_sys(err, EX_IOERR, "%s", what);
	if (fd_pwrite(fd, head, sizeof(head), 0, what, err) == -1 ||
	    fd_pwrite(fd, entry, sizeof(entry), AT_REFTABLE * QCOW2_CLUSTER,
		what, err) == -1)
		return -1;
	return fd_pwrite(fd, refcounts, sizeof(refcounts),
	    AT_REFBLOCK * QCOW2_CLUSTER, what, err);
}

/* What versions 2 and 3 have in common, each by itself. */
static int
decode_v2(struct fields *f, const unsigned char *p, struct error *err)
{
	f->backing_file_offset = be64(p + 8);
	f->backing_file_size = be32(p + 16);
	f->cluster_bits = be32(p + 20);
	f->size = be64(p + 24);
	f->l1_size = be32(p + 36);
	f->l1_table_offset = be64(p + 40);
	f->refcount_table_offset = be64(p + 48);
	f->refcount_table_clusters = be32(p + 56);
	f->nb_snapshots = be32(p + 60);
	f->snapshots_offset = be64(p + 64);
	f->header_length = QCOW2_V2_BYTES;
	if (f->cluster_bits < QCOW2_CLUSTER_BITS_MIN ||
	    f->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
		return error_set(err, EX_DATAERR,
		    "clusters of 2^%" PRIu32 " bytes", f->cluster_bits);
	if (f->size > QCOW2_SIZE_MAX)
		return error_set(err, EX_DATAERR,
		    "%" PRIu64 " bytes, more than 8 TiB", f->size);
	if (be32(p + 32) != 0)
		return error_set(err, EX_DATAERR, "is encrypted");
	if (f->l1_size > QCOW2_L1_BYTES_MAX / 8)
		return error_set(err, EX_DATAERR,
		    "L1 table of %" PRIu32 " entries", f->l1_size);
	if (f->nb_snapshots > QCOW2_SNAPSHOTS_MAX)
		return error_set(err, EX_DATAERR,
		    "%" PRIu32 " internal snapshots", f->nb_snapshots);
	return 0;
}

/* What only version 3 has; `p` holds QCOW2_HEAD_BYTES. */
static int
decode_v3(struct fields *f, const unsigned char *p, struct error *err)
{
	unsigned type;

	f->incompatible_features = be64(p + 72);
	f->header_length = be32(p + 100);
	if ((f->incompatible_features & ~QCOW2_KNOWN) != 0)
		return error_set(err, EX_DATAERR,
		    "unknown incompatible features %#" PRIx64,
		    f->incompatible_features & ~QCOW2_KNOWN);
	if ((f->incompatible_features & QCOW2_CORRUPT) != 0)
		return error_set(err, EX_DATAERR, "is marked as corrupt");
	if (be32(p + 96) > QCOW2_REFCOUNT_ORDER_MAX)
		return error_set(err, EX_DATAERR,
		    "refcounts of 2^%" PRIu32 " bits", be32(p + 96));
	if (f->header_length < QCOW2_V3_BYTES || f->header_length % 8 != 0 ||
	    f->header_length > UINT32_C(1) << f->cluster_bits)
		return error_set(err, EX_DATAERR, "header of %" PRIu32 " bytes",
		    f->header_length);
	type = f->header_length > QCOW2_V3_BYTES ? p[104] : 0;
	if (type > 1 ||
	    (type != 0) !=
		((f->incompatible_features & QCOW2_COMPRESSION) != 0))
		return error_set(err, EX_DATAERR, "compression type %u", type);
	return 0;
}

/* Whether a table begins at a cluster behind the first, within the file. */
static bool
is_table(const struct fields *f, uint64_t off, uint64_t len,
    uint64_t file_bytes)
{
	uint64_t cluster = UINT64_C(1) << f->cluster_bits;

	return off >= cluster && off % cluster == 0 &&
	    num_in_range(off, len, file_bytes);
}

/* The tables against the sizes; every product fits by the limits above. */
static int
check_tables(const struct fields *f, uint64_t file_bytes, struct error *err)
{
	uint64_t cluster = UINT64_C(1) << f->cluster_bits, reach, need;
	bool wide = (f->incompatible_features & QCOW2_EXTENDED_L2) != 0;

	reach = cluster * (cluster / (wide ? 16 : 8));
	need = num_round_up(f->size, reach) / reach;
	if (f->l1_size < need)
		return error_set(err, EX_DATAERR,
		    "L1 table of %" PRIu32 " entries, %" PRIu64 " needed",
		    f->l1_size, need);
	if (f->l1_size > 0 &&
	    !is_table(f, f->l1_table_offset, UINT64_C(8) * f->l1_size,
		file_bytes))
		return error_set(err, EX_DATAERR,
		    "L1 table at byte %" PRIu64 " of %" PRIu64,
		    f->l1_table_offset, file_bytes);
	if (f->refcount_table_clusters == 0 ||
	    f->refcount_table_clusters > QCOW2_REFTABLE_BYTES_MAX >>
		f->cluster_bits)
		return error_set(err, EX_DATAERR,
		    "refcount table of %" PRIu32 " clusters",
		    f->refcount_table_clusters);
	if (!is_table(f, f->refcount_table_offset,
		f->refcount_table_clusters * cluster, file_bytes))
		return error_set(err, EX_DATAERR,
		    "refcount table at byte %" PRIu64 " of %" PRIu64,
		    f->refcount_table_offset, file_bytes);
	if (f->nb_snapshots > 0 &&
	    !is_table(f, f->snapshots_offset,
		(uint64_t)f->nb_snapshots * QCOW2_SNAPSHOT_BYTES_MIN,
		file_bytes))
		return error_set(err, EX_DATAERR,
		    "snapshot table at byte %" PRIu64 " of %" PRIu64,
		    f->snapshots_offset, file_bytes);
	return 0;
}

/* Copies a text of the header to out[cap]; a NUL would hide its rest. */
static int
take_text(char *out, size_t cap, const unsigned char *p, size_t len,
    const char *name, struct error *err)
{
	if (len == 0 || len >= cap || memchr(p, '\0', len) != NULL)
		return error_set(err, EX_DATAERR, "%s of %zu bytes", name, len);
	memcpy(out, p, len);
	out[len] = '\0';
	return 0;
}

/* One header extension, `len` bytes at `p`. */
static int
take_extension(struct qcow2_head *h, uint32_t type, const unsigned char *p,
    uint32_t len, struct error *err)
{
	switch (type) {
	case QCOW2_EXT_BACKING_FORMAT:
		if (h->backing_format[0] != '\0')
			return error_set(err, EX_DATAERR,
			    "two backing formats");
		return take_text(h->backing_format, sizeof(h->backing_format),
		    p, len, "backing format", err);
	case QCOW2_EXT_DATA_FILE:
		if (!h->has_data_file)
			return error_set(err, EX_DATAERR,
			    "data file without its feature bit");
		return 0;
	case QCOW2_EXT_LUKS:
		return error_set(err, EX_DATAERR, "is encrypted");
	default:
		return 0; /* "unknown extensions can be ignored" */
	}
}

/* The extensions in [off, end) of the first cluster. */
static int
decode_extensions(struct qcow2_head *h, const unsigned char *cluster,
    size_t off, size_t end, struct error *err)
{
	uint32_t type, len;

	while (off < end) {
		if (end - off < 8)
			return error_set(err, EX_DATAERR,
			    "header extension is cut at byte %zu", end);
		type = be32(cluster + off);
		len = be32(cluster + off + 4);
		off += 8;
		if (type == QCOW2_EXT_END)
			return 0;
		if (len > end - off)
			return error_set(err, EX_DATAERR,
			    "header extension %#" PRIx32 " of %" PRIu32
			    " bytes",
			    type, len);
		if (take_extension(h, type, cluster + off, len, err) == -1)
			return -1;
		len = (uint32_t)num_round_up(len, 8);
		off = len > end - off ? end : off + len;
	}
	return 0;
}

/* All of a header, of which `len` bytes of the first cluster are there. */
static int
decode(struct qcow2_head *out, const unsigned char *p, size_t len,
    const struct fields *f, struct error *err)
{
	struct qcow2_head h = { .size_bytes = f->size };
	size_t end = len;

	h.has_data_file = (f->incompatible_features & QCOW2_DATA_FILE) != 0;
	if (f->header_length > len)
		return error_set(err, EX_DATAERR,
		    "header of %" PRIu32 " bytes is cut at byte %zu",
		    f->header_length, len);
	if (f->backing_file_offset != 0) {
		if (f->backing_file_offset < f->header_length ||
		    !num_in_range(f->backing_file_offset, f->backing_file_size,
			len))
			return error_set(err, EX_DATAERR,
			    "backing file name at byte %" PRIu64,
			    f->backing_file_offset);
		end = (size_t)f->backing_file_offset;
		if (take_text(h.backing, sizeof(h.backing), p + end,
			f->backing_file_size, "backing file name", err) == -1)
			return -1;
	} else if (f->backing_file_size != 0) {
		return error_set(err, EX_DATAERR,
		    "backing file name of %" PRIu32 " bytes at byte 0",
		    f->backing_file_size);
	}
	if (decode_extensions(&h, p, f->header_length, end, err) == -1)
		return -1;
	if (h.backing_format[0] != '\0' && h.backing[0] == '\0')
		return error_set(err, EX_DATAERR,
		    "backing format without a backing file");
	*out = h;
	return 0;
}

/* The fixed part: fields into *f. */
static int
read_fields(struct fields *f, int fd, uint64_t file_bytes, struct error *err)
{
	unsigned char raw[QCOW2_HEAD_BYTES] = { 0 };
	size_t have = sizeof(raw);

	if (file_bytes < have)
		have = (size_t)file_bytes;
	if (fd_pread(fd, raw, have, 0, "header", err) == -1)
		return -1;
	if (have < 8 || be32(raw) != QCOW2_MAGIC)
		return error_set(err, EX_DATAERR, "no qcow2 magic");
	memset(f, 0, sizeof(*f));
	f->version = be32(raw + 4);
	if (f->version != 2 && f->version != 3)
		return error_set(err, EX_DATAERR, "qcow2 version %" PRIu32,
		    f->version);
	if (have < (f->version == 2 ? QCOW2_V2_BYTES : QCOW2_V3_BYTES))
		return error_set(err, EX_DATAERR, "header is cut at byte %zu",
		    have);
	if (decode_v2(f, raw, err) == -1)
		return -1;
	if (f->version == 3 && decode_v3(f, raw, err) == -1)
		return -1;
	return check_tables(f, file_bytes, err);
}

static int
read_head(struct qcow2_head *out, int fd, uint64_t file_bytes,
    struct error *err)
{
	struct fields f;
	unsigned char *cluster;
	size_t len;
	int rc;

	if (read_fields(&f, fd, file_bytes, err) == -1)
		return -1;
	len = (size_t)1 << f.cluster_bits;
	if (len > file_bytes)
		len = (size_t)file_bytes;
	cluster = malloc(len);
	if (cluster == NULL)
		return error_sys(err, EX_OSERR, "header");
	rc = fd_pread(fd, cluster, len, 0, "header", err);
	if (rc == 0)
		rc = decode(out, cluster, len, &f, err);
	free(cluster);
	return rc;
}

int
qcow2_read_head(struct qcow2_head *out, int fd, uint64_t file_bytes,
    const char *what, struct error *err)
{
	if (read_head(out, fd, file_bytes, err) == -1)
		return error_wrap(err, "%s", what);
	return 0;
}

int
qcow2_check(int fd, uint64_t file_bytes, uint64_t size_bytes,
    const char *backing, const char *backing_format, const char *what,
    struct error *err)
{
	struct qcow2_head h;

	if (qcow2_read_head(&h, fd, file_bytes, what, err) == -1)
		return -1;
	if (h.has_data_file)
		return error_set(err, EX_DATAERR,
		    "%s: keeps its data in another file", what);
	if (backing[0] == '\0' && h.backing[0] != '\0')
		return error_set(err, EX_DATAERR,
		    "%s: lies on another file, %.255s: qemu-img convert makes "
		    "one of both",
		    what, h.backing);
	if (strcmp(h.backing, backing) != 0)
		return error_set(err, EX_DATAERR,
		    "%s: backing file '%.255s', not '%.255s'", what, h.backing,
		    backing);
	if (strcmp(h.backing_format, backing_format) != 0)
		return error_set(err, EX_DATAERR,
		    "%s: backing format '%s', not '%s'", what, h.backing_format,
		    backing_format);
	if (size_bytes != 0 && h.size_bytes != size_bytes)
		return error_set(err, EX_DATAERR,
		    "%s: disk of %" PRIu64 " bytes, not %" PRIu64, what,
		    h.size_bytes, size_bytes);
	return 0;
}
