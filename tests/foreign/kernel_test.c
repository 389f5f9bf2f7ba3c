/* SPDX-License-Identifier: ISC */
#include "foreign/kernel.h"

#include <sys/mman.h>

#include <atf-c.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/fd.h"
#include "base/le.h"

#define IMAGE_MAX (64u << 10)
#define SETUP (2 * 512) /* the head and one sector of setup */
#define PAYLOAD (SETUP + 0x40)
#define ELF_LEN 300000

/* An ELF file's head, and something to compress. */
static unsigned char *
make_elf(void)
{
	unsigned char *p = malloc(ELF_LEN);
	size_t i;

	ATF_REQUIRE(p != NULL);
	for (i = 0; i < ELF_LEN; i++)
		p[i] = (unsigned char)(i / 97 * 31);
	memcpy(p, "\177ELF\2\1\1", 7);
	le16_put(p + 18, 62);
	return p;
}

/* A bzImage of one setup sector around `len` bytes of payload. */
static size_t
wrap(unsigned char image[IMAGE_MAX], const void *payload, size_t len)
{
	ATF_REQUIRE(PAYLOAD + len + 100 <= IMAGE_MAX);
	memset(image, 0x90, IMAGE_MAX);
	image[0x1f1] = 1;
	le16_put(image + 0x1fe, 0xaa55);
	memcpy(image + 0x202, "HdrS", 4);
	le16_put(image + 0x206, 0x020f);
	le32_put(image + 0x248, PAYLOAD - SETUP);
	le32_put(image + 0x24c, (uint32_t)len);
	memcpy(image + PAYLOAD, payload, len);
	return PAYLOAD + len + 100;
}

static size_t
pack_zstd(unsigned char *out, size_t max, const void *data, size_t len)
{
	size_t n = ZSTD_compress(out, max, data, len, 3);

	ATF_REQUIRE(!ZSTD_isError(n));
	return n;
}

static size_t
pack_gzip(unsigned char *out, size_t max, const void *data, size_t len)
{
	z_stream z = { 0 };

	ATF_REQUIRE_EQ(Z_OK, deflateInit2(&z, 6, Z_DEFLATED, 31, 8, 0));
	z.next_in = (unsigned char *)(size_t)data;
	z.avail_in = (unsigned)len;
	z.next_out = out;
	z.avail_out = (unsigned)max;
	ATF_REQUIRE_EQ(Z_STREAM_END, deflate(&z, Z_FINISH));
	deflateEnd(&z);
	return z.total_out;
}

static size_t
pack_xz(unsigned char *out, size_t max, const void *data, size_t len)
{
	size_t n = 0;

	ATF_REQUIRE_EQ(LZMA_OK,
	    lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, data, len, out,
		&n, max));
	return n;
}

/* kernel_unpack() of `len` bytes, what came of it in the memfd *to. */
static int
unpack(int *to, const unsigned char *image, size_t len, struct error *err)
{
	int from = memfd_create("image", MFD_CLOEXEC), rc;

	*to = memfd_create("kernel", MFD_CLOEXEC);
	ATF_REQUIRE(from != -1 && *to != -1);
	ATF_REQUIRE_EQ(0, fd_write(from, image, len, "image", err));
	rc = kernel_unpack(*to, from, len, "image", err);
	fd_drop(&from);
	return rc;
}

static void
check_refused(const unsigned char *image, size_t len, const char *message)
{
	struct error err = { 0 };
	int to;

	ATF_CHECK_EQ(-1, unpack(&to, image, len, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ(message, err.msg);
	fd_drop(&to);
}

static void
check_form(enum kernel_form want, const void *data, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct error err = { 0 };
	enum kernel_form form;

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, fd_write(fd, data, len, "image", &err));
	ATF_CHECK_EQ(0, kernel_form(&form, fd, len, "image", &err));
	ATF_CHECK_EQ(want, form);
	fd_drop(&fd);
}

/* With the four bytes that the kernel's build puts behind a frame, too. */
ATF_TC_WITHOUT_HEAD(unpack__each_compression);
ATF_TC_BODY(unpack__each_compression, tc)
{
	static size_t (*const packs[])(unsigned char *, size_t, const void *,
	    size_t) = { pack_zstd, pack_gzip, pack_xz };
	unsigned char *elf = make_elf(), *image = malloc(IMAGE_MAX), *back;
	unsigned char packed[IMAGE_MAX / 2];
	struct error err = { 0 };
	size_t i, len;
	int to;

	(void)tc;
	back = malloc(ELF_LEN + 1);
	ATF_REQUIRE(image != NULL && back != NULL);
	for (i = 0; i < 3; i++) {
		len = packs[i](packed, sizeof(packed) - 4, elf, ELF_LEN);
		le32_put(packed + len, ELF_LEN);
		len = wrap(image, packed, i == 1 ? len : len + 4);
		check_form(KERNEL_PACKED, image, len);
		ATF_REQUIRE_EQ_MSG(0, unpack(&to, image, len, &err), "%s",
		    err.msg);
		check_form(KERNEL_PLAIN, elf, ELF_LEN);
		ATF_REQUIRE_EQ(0, lseek(to, 0, SEEK_SET));
		ATF_REQUIRE_EQ(0,
		    fd_read(&len, to, back, ELF_LEN + 1, "kernel", &err));
		ATF_CHECK_EQ(ELF_LEN, len);
		ATF_CHECK_EQ(0, memcmp(back, elf, ELF_LEN));
		fd_drop(&to);
	}
	free(back);
	free(image);
	free(elf);
}

ATF_TC_WITHOUT_HEAD(unpack__head_wrong);
ATF_TC_BODY(unpack__head_wrong, tc)
{
	unsigned char *image = malloc(IMAGE_MAX);
	size_t len;

	(void)tc;
	ATF_REQUIRE(image != NULL);
	len = wrap(image, "(\xb5/\xfd", 4);
	check_refused(image, 0, "image: no bzImage");
	check_refused(image, 0x24f, "image: no bzImage");
	check_refused(image, SETUP,
	    "image: payload of 4 bytes at 1088, the file has 1024");
	le32_put(image + 0x24c, UINT32_MAX);
	le32_put(image + 0x248, UINT32_MAX);
	check_refused(image, len,
	    "image: payload of 4294967295 bytes at 4294968319, the file has "
	    "1192");
	image[0x1f1] = 0;
	le32_put(image + 0x248, 0);
	check_refused(image, len,
	    "image: payload of 4294967295 bytes at 2560, the file has 1192");
	le16_put(image + 0x206, 0x0207);
	check_refused(image, len,
	    "image: boot protocol 2.07 does not tell its payload");
	image[0x202] = 'h';
	check_refused(image, len, "image: no bzImage");
	check_form(KERNEL_OTHER, image, len);
	free(image);
}

ATF_TC_WITHOUT_HEAD(unpack__payload_wrong);
ATF_TC_BODY(unpack__payload_wrong, tc)
{
	unsigned char *elf = make_elf(), *image = malloc(IMAGE_MAX);
	unsigned char packed[IMAGE_MAX / 2];
	size_t n, len;

	(void)tc;
	ATF_REQUIRE(image != NULL);
	len = wrap(image, "", 0);
	check_refused(image, len, "image: its payload ends early");
	len = wrap(image, "LZO something", 13);
	check_refused(image, len,
	    "image: packed, but not by zstd, gzip, xz or bzip2");
	n = pack_gzip(packed, sizeof(packed), elf, ELF_LEN);
	len = wrap(image, packed, n - 1);
	check_refused(image, len, "image: its payload ends early");
	packed[n - 8] ^= 1;
	len = wrap(image, packed, n);
	check_refused(image, len, "image: gzip: incorrect data check");
	elf[4] = 1;
	n = pack_zstd(packed, sizeof(packed), elf, ELF_LEN);
	len = wrap(image, packed, n);
	check_refused(image, len,
	    "image: its payload is no ELF file for x86-64");
	n = pack_zstd(packed, sizeof(packed), elf, 0);
	len = wrap(image, packed, n);
	check_refused(image, len,
	    "image: its payload is no ELF file for x86-64");
	check_form(KERNEL_OTHER, elf, ELF_LEN);
	check_form(KERNEL_OTHER, elf, 10);
	check_form(KERNEL_OTHER, "", 0);
	free(image);
	free(elf);
}

/* More than a GiB out of some tens of KiB. */
ATF_TC_WITHOUT_HEAD(unpack__bomb);
ATF_TC_BODY(unpack__bomb, tc)
{
	unsigned char *elf = make_elf(), *image = malloc(4 * IMAGE_MAX);
	int from = memfd_create("image", MFD_CLOEXEC), to;
	size_t len = PAYLOAD, n, size = KERNEL_BYTES_MAX + 1, done = 0;
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	ZSTD_outBuffer out = { image, 4 * IMAGE_MAX, PAYLOAD };
	ZSTD_inBuffer in;
	struct error err = { 0 };

	(void)tc;
	ATF_REQUIRE(image != NULL && ctx != NULL && from != -1);
	memset(elf + 64, 0, ELF_LEN - 64);
	while (done < size) {
		n = size - done < ELF_LEN ? size - done : ELF_LEN;
		in = (ZSTD_inBuffer){ elf, n, 0 };
		done += n;
		ATF_REQUIRE(!ZSTD_isError(ZSTD_compressStream2(ctx, &out, &in,
		    done == size ? ZSTD_e_end : ZSTD_e_continue)));
		ATF_REQUIRE_EQ(n, in.pos);
	}
	ZSTD_freeCCtx(ctx);
	len = out.pos;
	memset(image, 0, PAYLOAD);
	image[0x1f1] = 1;
	le16_put(image + 0x1fe, 0xaa55);
	memcpy(image + 0x202, "HdrS", 4);
	le16_put(image + 0x206, 0x020f);
	le32_put(image + 0x248, PAYLOAD - SETUP);
	le32_put(image + 0x24c, (uint32_t)(len - PAYLOAD));
	ATF_REQUIRE_EQ(0, fd_write(from, image, len, "image", &err));
	to = open("/dev/null", O_WRONLY | O_CLOEXEC);
	ATF_CHECK_EQ(-1, kernel_unpack(to, from, len, "image", &err));
	ATF_CHECK_STREQ("image: unpacks to more than 1 GiB", err.msg);
	fd_drop(&to);
	fd_drop(&from);
	free(image);
	free(elf);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, unpack__each_compression);
	ATF_TP_ADD_TC(tp, unpack__head_wrong);
	ATF_TP_ADD_TC(tp, unpack__payload_wrong);
	ATF_TP_ADD_TC(tp, unpack__bomb);
	return atf_no_error();
}
