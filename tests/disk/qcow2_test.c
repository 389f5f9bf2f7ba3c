/* SPDX-License-Identifier: ISC */
#include "disk/qcow2.h"

#include <dirent.h>
#include <stdio.h>

#include "base/le.h"
#include "lib/disk_make.h"

#define FILE_BYTES 4096 /* of the small good image: clusters of 512 bytes */

/* The smallest image that the format allows, with everything we look at. */
static void
good_image(unsigned char *p)
{
	memset(p, 0, FILE_BYTES);
	be32_put(p, 0x514649fb);
	be32_put(p + 4, 3);
	be64_put(p + 8, 128); /* backing_file_offset */
	be32_put(p + 16, 7); /* backing_file_size */
	be32_put(p + 20, 9); /* cluster_bits */
	be64_put(p + 24, 65536); /* size: two L1 entries of 32 KiB */
	be32_put(p + 36, 2); /* l1_size */
	be64_put(p + 40, 1536); /* l1_table_offset */
	be64_put(p + 48, 512); /* refcount_table_offset */
	be32_put(p + 56, 1); /* refcount_table_clusters */
	be32_put(p + 96, 4); /* refcount_order */
	be32_put(p + 100, 104); /* header_length */
	be32_put(p + 104, 0xe2792aca);
	be32_put(p + 108, 3);
	memcpy(p + 112, "raw", 3);
	memcpy(p + 128, "cow.raw", 7);
}

static const struct patch {
	const char *why; /* the message behind the file's name; NULL: good */
	size_t off[3];
	uint64_t value[3]; /* of `bytes` bytes each */
	size_t bytes[3]; /* 0: none; 1, 4 or 8 */
	uint64_t cut; /* the file's length when not 0 */
} table[] = {
	{ .why = NULL },
	{ .why = "no qcow2 magic", { 0 }, { 0x514649fc }, { 4 } },
	{ .why = "no qcow2 magic", .cut = 7 },
	{ .why = "header is cut at byte 103", .cut = 103 },
	{ .why = "qcow2 version 1", { 4 }, { 1 }, { 4 } },
	{ .why = "qcow2 version 4", { 4 }, { 4 }, { 4 } },
	{ .why = "clusters of 2^8 bytes", { 20 }, { 8 }, { 4 } },
	{ .why = "clusters of 2^22 bytes", { 20 }, { 22 }, { 4 } },
	{ .why = "clusters of 2^4294967295 bytes",
	    { 20 },
	    { 0xffffffff },
	    { 4 } },
	{ .why = "8796093022209 bytes, more than 8 TiB",
	    { 24 },
	    { (UINT64_C(8) << 40) + 1 },
	    { 8 } },
	{ .why = "18446744073709551615 bytes, more than 8 TiB",
	    { 24 },
	    { UINT64_MAX },
	    { 8 } },
	{ .why = "is encrypted", { 32 }, { 1 }, { 4 } },
	{ .why = "is encrypted", { 104 }, { 0x0537be77 }, { 4 } },
	{ .why = "L1 table of 4194305 entries", { 36 }, { 4194305 }, { 4 } },
	{ .why = "L1 table of 1 entries, 2 needed", { 36 }, { 1 }, { 4 } },
	{ .why = "L1 table of 0 entries, 2 needed", { 36 }, { 0 }, { 4 } },
	{ .why = "L1 table at byte 1537 of 4096", { 40 }, { 1537 }, { 8 } },
	{ .why = "L1 table at byte 0 of 4096", { 40 }, { 0 }, { 8 } },
	{ .why = "L1 table at byte 4096 of 4096", { 40 }, { 4096 }, { 8 } },
	{ .why = "L1 table at byte 18446744073709551104 of 4096",
	    { 40 },
	    { UINT64_MAX - 511 },
	    { 8 } },
	{ .why = "L1 table at byte 1536 of 1551", .cut = 1551 },
	{ .why = "refcount table at byte 513 of 4096", { 48 }, { 513 }, { 8 } },
	{ .why = "refcount table at byte 0 of 4096", { 48 }, { 0 }, { 8 } },
	{ .why = "refcount table of 0 clusters", { 56 }, { 0 }, { 4 } },
	{ .why = "refcount table of 16385 clusters", { 56 }, { 16385 }, { 4 } },
	{ .why = "refcount table at byte 512 of 4096", { 56 }, { 9 }, { 4 } },
	{ .why = "65537 internal snapshots", { 60 }, { 65537 }, { 4 } },
	{ .why = "snapshot table at byte 0 of 4096", { 60 }, { 1 }, { 4 } },
	{ .why = "snapshot table at byte 3584 of 4096",
	    { 60, 64 },
	    { 13, 3584 },
	    { 4, 8 } },
	{ .why = NULL, { 60, 64 }, { 12, 3584 }, { 4, 8 } },
	{ .why = "is marked as corrupt", { 72 }, { 2 }, { 8 } },
	{ .why = NULL, { 72 }, { 1 }, { 8 } }, /* dirty */
	{ .why = "unknown incompatible features 0x20",
	    { 72 },
	    { 0x20 },
	    { 8 } },
	{ .why = "unknown incompatible features 0x8000000000000000",
	    { 72 },
	    { UINT64_C(1) << 63 },
	    { 8 } },
	{ .why = NULL, { 80 }, { UINT64_MAX }, { 8 } }, /* compatible ones */
	{ .why = "compression type 0", { 72 }, { 8 }, { 8 } },
	{ .why = "refcounts of 2^7 bits", { 96 }, { 7 }, { 4 } },
	{ .why = "header of 103 bytes", { 100 }, { 103 }, { 4 } },
	{ .why = "header of 105 bytes", { 100 }, { 105 }, { 4 } },
	{ .why = "header of 96 bytes", { 100 }, { 96 }, { 4 } },
	{ .why = "header of 520 bytes", { 100 }, { 520 }, { 4 } },
	{ .why = "backing file name at byte 96", { 8 }, { 96 }, { 8 } },
	{ .why = "backing file name at byte 506", { 8 }, { 506 }, { 8 } },
	{ .why = "backing file name at byte 18446744073709551615",
	    { 8 },
	    { UINT64_MAX },
	    { 8 } },
	{ .why = "backing file name of 7 bytes at byte 0",
	    { 8 },
	    { 0 },
	    { 8 } },
	{ .why = "backing file name of 0 bytes", { 16 }, { 0 }, { 4 } },
	{ .why = "backing file name at byte 128", { 16 }, { 385 }, { 4 } },
	{ .why = "backing file name of 384 bytes", { 16 }, { 384 }, { 4 } },
	{ .why = "backing file name of 7 bytes", { 130 }, { 0 }, { 1 } },
	{ .why = "backing format without a backing file",
	    { 8, 16 },
	    { 0, 0 },
	    { 8, 4 } },
	{ .why = "backing format of 0 bytes", { 108 }, { 0 }, { 4 } },
	{ .why = "backing format of 16 bytes", { 108 }, { 16 }, { 4 } },
	{ .why = "backing format of 4 bytes", { 108 }, { 4 }, { 4 } },
	{ .why = "header extension 0xe2792aca of 17 bytes",
	    { 108 },
	    { 17 },
	    { 4 } },
	{ .why = "header extension 0xe2792aca of 4294967295 bytes",
	    { 108 },
	    { 0xffffffff },
	    { 4 } },
	{ .why = "header extension is cut at byte 125",
	    { 8, 125 },
	    { 125, 0x78787878 },
	    { 8, 4 } },
	{ .why = "two backing formats",
	    { 8, 120, 124 },
	    { 136, 0xe2792aca, 3 },
	    { 8, 4, 4 } },
	{ .why = "data file without its feature bit",
	    { 104 },
	    { 0x44415441 },
	    { 4 } },
	{ .why = NULL, { 120 }, { 0x12345678 }, { 4 } }, /* unknown */
};

static int
make_patched(const struct patch *p)
{
	unsigned char image[FILE_BYTES];
	size_t i;
	int fd = make_file("f", 0);

	good_image(image);
	if (p->why != NULL && strcmp(p->why, "two backing formats") == 0)
		memcpy(image + 128, "raw\0\0\0\0\0cow.raw", 15);
	for (i = 0; i < 3; i++) {
		if (p->bytes[i] == 8)
			be64_put(image + p->off[i], p->value[i]);
		if (p->bytes[i] == 4)
			be32_put(image + p->off[i], (uint32_t)p->value[i]);
		if (p->bytes[i] == 1)
			image[p->off[i]] = (unsigned char)p->value[i];
	}
	make_data(fd, 0, image, p->cut != 0 ? (size_t)p->cut : FILE_BYTES);
	return fd;
}

ATF_TC_WITHOUT_HEAD(head__damaged);
ATF_TC_BODY(head__damaged, tc)
{
	struct qcow2_head h;
	struct error err;
	char want[128];
	size_t i;
	int fd, rc;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&err, 0, sizeof(err));
		memset(&h, 5, sizeof(h));
		fd = make_patched(&table[i]);
		rc = qcow2_read_head(&h, fd, make_size(fd), "f", &err);
		if (table[i].why == NULL) {
			ATF_CHECK_EQ_MSG(0, rc, "%zu: %s", i, err.msg);
			ATF_CHECK_STREQ("cow.raw", h.backing);
			ATF_CHECK_STREQ("raw", h.backing_format);
			ATF_CHECK_EQ(65536, h.size_bytes);
			ATF_CHECK(!h.has_data_file);
		} else {
			ATF_CHECK_EQ_MSG(-1, rc, "%s", table[i].why);
			ATF_CHECK_EQ(EX_DATAERR, err.code);
			snprintf(want, sizeof(want), "f: %s", table[i].why);
			ATF_CHECK_STREQ(want, err.msg);
			ATF_CHECK_EQ_MSG(5, h.backing[0], "%s", table[i].why);
		}
		close(fd);
		ATF_REQUIRE_EQ(0, unlink("f"));
	}
}

/* Each byte of the header, each bit: nothing worse than a refusal. */
ATF_TC_WITHOUT_HEAD(head__flipped_bits);
ATF_TC_BODY(head__flipped_bits, tc)
{
	unsigned char image[FILE_BYTES];
	struct qcow2_head h;
	size_t bit;
	int fd = make_file("f", FILE_BYTES);

	for (bit = 0; bit < 512 * 8; bit++) {
		good_image(image);
		image[bit / 8] ^= (unsigned char)(1 << bit % 8);
		make_data(fd, 0, image, sizeof(image));
		if (qcow2_read_head(&h, fd, FILE_BYTES, "f", NULL) == 0) {
			ATF_CHECK(h.size_bytes <= QCOW2_SIZE_MAX);
			ATF_CHECK(strlen(h.backing) <= QCOW2_BACKING_MAX);
		}
	}
	close(fd);
}

ATF_TC_WITHOUT_HEAD(head__data_file);
ATF_TC_BODY(head__data_file, tc)
{
	static const struct patch p = { .why = "",
		.off = { 72 },
		.value = { 4 },
		.bytes = { 8 } };
	struct error err = { 0 };
	struct qcow2_head h;
	int fd = make_patched(&p);

	ATF_REQUIRE_EQ(0, qcow2_read_head(&h, fd, FILE_BYTES, "f", &err));
	ATF_CHECK(h.has_data_file);
	ATF_CHECK_EQ(-1,
	    qcow2_check(fd, FILE_BYTES, 65536, "cow.raw", "raw", "f", &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("f: keeps its data in another file", err.msg);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(check__something_else);
ATF_TC_BODY(check__something_else, tc)
{
	static const struct {
		uint64_t size;
		const char *backing, *format, *msg;
	} other[] = {
		{ 65536, "/etc/passwd", "raw",
		    "f: backing file 'cow.raw', not '/etc/passwd'" },
		{ 65536, "", "",
		    "f: lies on another file, cow.raw: qemu-img convert makes "
		    "one of both" },
		{ 65536, "cow.ra", "raw",
		    "f: backing file 'cow.raw', not 'cow.ra'" },
		{ 65536, "cow.raw", "qcow2",
		    "f: backing format 'raw', not 'qcow2'" },
		{ 65536, "cow.raw", "", "f: backing format 'raw', not ''" },
		{ 65024, "cow.raw", "raw",
		    "f: disk of 65536 bytes, not 65024" },
	};
	struct error err = { 0 };
	size_t i;
	int fd = make_patched(&table[0]);

	ATF_CHECK_EQ(0,
	    qcow2_check(fd, FILE_BYTES, 65536, "cow.raw", "raw", "f", &err));
	ATF_CHECK_EQ(0,
	    qcow2_check(fd, FILE_BYTES, 0, "cow.raw", "raw", "f", &err));
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		ATF_CHECK_EQ(-1,
		    qcow2_check(fd, FILE_BYTES, other[i].size, other[i].backing,
			other[i].format, "f", &err));
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_STREQ(other[i].msg, err.msg);
	}
	close(fd);
}

/* The seeds of the fuzz entry. */
ATF_TC_WITHOUT_HEAD(head__good_files);
ATF_TC_BODY(head__good_files, tc)
{
	const char *dir = atf_tc_get_config_var_wd(tc, "srcdir", ".");
	struct error err = { 0 };
	struct qcow2_head h;
	struct dirent *de;
	char path[1024];
	unsigned n = 0;
	DIR *d;
	int fd;

	snprintf(path, sizeof(path), "%s/../data/good/qcow2", dir);
	d = opendir(path);
	ATF_REQUIRE(d != NULL);
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		fd = openat(dirfd(d), de->d_name, O_RDONLY | O_CLOEXEC);
		ATF_REQUIRE(fd != -1);
		ATF_CHECK_EQ_MSG(0,
		    qcow2_read_head(&h, fd, make_size(fd), de->d_name, &err),
		    "%s", err.msg);
		ATF_CHECK_EQ(65536, h.size_bytes);
		close(fd);
		n++;
	}
	closedir(d);
	ATF_CHECK(n >= 3);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, head__damaged);
	ATF_TP_ADD_TC(tp, head__flipped_bits);
	ATF_TP_ADD_TC(tp, head__data_file);
	ATF_TP_ADD_TC(tp, head__good_files);
	ATF_TP_ADD_TC(tp, check__something_else);
	return atf_no_error();
}
