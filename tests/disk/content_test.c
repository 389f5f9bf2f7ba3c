/* SPDX-License-Identifier: ISC */
#include "disk/content.h"

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BYTES 512

static int
with(size_t off, const char *magic, size_t len)
{
	int fd = memfd_create("image", 0);

	ATF_REQUIRE(fd != -1 && ftruncate(fd, BYTES) == 0);
	ATF_REQUIRE(pwrite(fd, magic, len, (off_t)off) == (ssize_t)len);
	return fd;
}

/* The whole message: what it is, and what makes a raw one of it. */
ATF_TC_WITHOUT_HEAD(look__table);
ATF_TC_BODY(look__table, tc)
{
	static const struct {
		size_t off;
		const char *magic;
		size_t len;
		const char *path, *message;
	} table[] = {
		{ 0, "KDMV", 4, "x.vmdk",
		    "x.vmdk: a VMDK image: "
		    "qemu-img convert -O raw x.vmdk x.raw" },
		{ 0, "COWD", 4, "a/x.vmdk",
		    "a/x.vmdk: a VMDK image: "
		    "qemu-img convert -O raw a/x.vmdk a/x.raw" },
		{ 0, "# Disk DescriptorFile", 21, "x",
		    "x: a VMDK descriptor: qemu-img convert -O raw x x.raw" },
		{ 64, "\x7f\x10\xda\xbe", 4, "x.vdi",
		    "x.vdi: a VDI image: "
		    "qemu-img convert -O raw x.vdi x.raw" },
		{ 0, "vhdxfile", 8, "x.VHDX",
		    "x.VHDX: a VHDX image: "
		    "qemu-img convert -O raw x.VHDX x.VHDX.raw" },
		{ 0, "conectix", 8, "x.vhd",
		    "x.vhd: a VHD image: "
		    "qemu-img convert -O raw x.vhd x.raw" },
		{ 0, "QED", 4, "nbd:x.qed",
		    "nbd:x.qed: a QED image: "
		    "qemu-img convert -O raw ./nbd:x.qed ./nbd:x.raw" },
		{ 0, "WithoutFreeSpace", 16, "/a:b/x.hdd",
		    "/a:b/x.hdd: a Parallels image: "
		    "qemu-img convert -O raw /a:b/x.hdd /a:b/x.raw" },
		{ 0, "\x1f\x8b\x08", 3, "x.img.gz",
		    "x.img.gz: compressed by gzip: "
		    "gzip -dc <x.img.gz >x.img" },
		{ 0,
		    "\xfd"
		    "7zXZ",
		    6, "x.xz", "x.xz: compressed by xz: xz -dc <x.xz >x" },
		{ 0, "\x28\xb5\x2f\xfd", 4, "x",
		    "x: compressed by zstd: zstd -dc <x >x.raw" },
		{ 0, "BZh91AY&SY", 10, "x.bz2",
		    "x.bz2: compressed by bzip2: bzip2 -dc <x.bz2 >x" },
		{ 0, "\x04\x22\x4d\x18", 4, "x.lz4",
		    "x.lz4: compressed by lz4: lz4 -dc <x.lz4 >x" },
	};
	const struct chain_format *is;
	struct error err;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		fd = with(table[i].off, table[i].magic, table[i].len);
		err = (struct error){ 0 };
		ATF_CHECK_EQ(-1,
		    content_look(&is, fd, BYTES, table[i].path, &err));
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_STREQ(table[i].message, err.msg);
		err = (struct error){ 0 };
		ATF_CHECK_EQ(-1,
		    content_check_raw(fd, BYTES, table[i].path, &err));
		ATF_CHECK_STREQ(table[i].message, err.msg);
		close(fd);
	}
}

ATF_TC_WITHOUT_HEAD(look__qcow2);
ATF_TC_BODY(look__qcow2, tc)
{
	int fd = with(0, "QFI\xfb", 4);
	const struct chain_format *is;
	struct error err = { 0 };

	ATF_REQUIRE_EQ(0, content_look(&is, fd, BYTES, "x.qcow2", &err));
	ATF_CHECK_STREQ("qcow2", is->name);
	ATF_CHECK_EQ(-1, content_check_raw(fd, BYTES, "x.qcow2", &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("x.qcow2: a qcow2 image: "
			"qemu-img convert -O raw x.qcow2 x.raw",
	    err.msg);
	close(fd);
}

/* Near misses, and files that end before their magic would. */
ATF_TC_WITHOUT_HEAD(look__raw);
ATF_TC_BODY(look__raw, tc)
{
	static const struct {
		size_t off;
		const char *magic;
		size_t len;
		uint64_t bytes;
	} table[] = {
		{ 0, "", 0, BYTES },
		{ 0, "", 0, 0 },
		{ 0, "QED!", 4, BYTES },
		{ 0, "KDM", 3, 3 },
		{ 1, "KDMV", 4, BYTES },
		{ 64, "\x7f\x10\xda\xbe", 4, 67 },
		{ 0, "\x7f\x10\xda\xbe", 4, BYTES },
		{ 510, "\x55\xaa", 2, BYTES },
	};
	const struct chain_format *is;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		fd = with(table[i].off, table[i].magic, table[i].len);
		ATF_REQUIRE_EQ(0,
		    content_look(&is, fd, table[i].bytes, "x", NULL));
		ATF_CHECK(is == chain_flat());
		ATF_CHECK_EQ(0,
		    content_check_raw(fd, table[i].bytes, "x", NULL));
		close(fd);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, look__table);
	ATF_TP_ADD_TC(tp, look__qcow2);
	ATF_TP_ADD_TC(tp, look__raw);
	return atf_no_error();
}
