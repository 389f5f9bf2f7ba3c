/* SPDX-License-Identifier: ISC */
#include "foreign/memmap.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/le.h"
#include "base/path.h"
#include "base/proc.h"
#include "disk/hash.h"

#define RAW_MAX (MEMMAP_HEAD_BYTES + 8 * MEMMAP_ENTRY_BYTES)

/* 1 MiB: 64 KiB in build 1, zeros up to 512 KiB, the rest in build 2. */
static size_t
make_good(unsigned char raw[RAW_MAX])
{
	static const uint64_t entries[3][4] = { { 0, 65536, 1, 4096 },
		{ 65536, 458752, 0, 65536 }, { 524288, 524288, 2, 0 } };
	unsigned char *p;
	size_t i;

	memset(raw, 0, RAW_MAX);
	le64_put(raw, 1);
	le64_put(raw + 8, 4096);
	le64_put(raw + 16, 1048576);
	le64_put(raw + 24, 1);
	raw[47] = 2;
	raw[63] = 1;
	for (i = 0; i < 3; i++) {
		p = raw + MEMMAP_HEAD_BYTES + i * MEMMAP_ENTRY_BYTES;
		le64_put(p, entries[i][0]);
		le64_put(p + 8, entries[i][1]);
		p[31] = (unsigned char)entries[i][2];
		le64_put(p + 32, entries[i][3]);
	}
	return MEMMAP_HEAD_BYTES + 3 * MEMMAP_ENTRY_BYTES;
}

ATF_TC_WITHOUT_HEAD(decode__good);
ATF_TC_BODY(decode__good, tc)
{
	unsigned char raw[RAW_MAX], *back;
	struct memmap map = { 0 };
	struct error err = { 0 };
	size_t len, back_len;

	len = make_good(raw);
	ATF_REQUIRE_EQ_MSG(0, memmap_decode(&map, raw, len, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(4096, map.block_bytes);
	ATF_CHECK_EQ(1048576, map.size_bytes);
	ATF_CHECK_EQ(1, map.generation);
	ATF_REQUIRE_EQ(3, map.n);
	ATF_CHECK_EQ(2, map.builds_n);
	ATF_CHECK_EQ(0, map.v[0].build);
	ATF_CHECK_EQ(4096, map.v[0].storage_off);
	ATF_CHECK_EQ(MEMMAP_ZEROS, map.v[1].build);
	ATF_CHECK_EQ(1, map.v[2].build);
	ATF_CHECK_EQ(524288, map.v[2].off);
	ATF_REQUIRE_EQ(0, memmap_encode(&back, &back_len, &map, &err));
	ATF_CHECK_EQ(len, back_len);
	/* What stands in an entry of zeros for its place means nothing. */
	le64_put(raw + 64 + 40 + 32, 0);
	ATF_CHECK_EQ(0, memcmp(raw, back, len));
	free(back);
	memmap_fini(&map);

	ATF_REQUIRE_EQ(0, memmap_decode(&map, raw, 64, &err));
	ATF_REQUIRE_EQ(1, map.n);
	ATF_CHECK_EQ(1048576, map.v[0].len);
	ATF_CHECK_EQ(2, map.builds[0].raw[15]);
	memmap_fini(&map);
}

struct bad {
	const char *why;
	size_t off; /* of eight bytes that are changed; 0 with size: none */
	uint64_t value;
	size_t size; /* of the file; 0: as it is */
	const char *message;
};

/* Entries at 64, 104, 144; the file has 184 bytes. */
static const struct bad table[] = {
	{ "empty", 0, 1, 1, "ends at byte 1, 63 short" },
	{ "head cut", 0, 1, 63, "ends at byte 63, 1 short" },
	{ "entry of a byte", 0, 1, 65, "ends at byte 65, inside an entry" },
	{ "entry cut", 0, 1, 103, "ends at byte 103, inside an entry" },
	{ "last entry cut", 0, 1, 183, "ends at byte 183, inside an entry" },
	{ "byte behind", 0, 1, 185, "ends at byte 185, inside an entry" },
	{ "last entry missing", 0, 1, 144,
	    "ends at byte 144: memory is covered up to 524288 of 1048576" },
	{ "only one entry", 0, 1, 104,
	    "ends at byte 104: memory is covered up to 65536 of 1048576" },
	{ "entry of zeros behind", 0, 1, 224,
	    "byte 184: memory at 0, which is covered up to 1048576" },
	{ "version 0", 0, 0, 0, "byte 0: version 0, not 1" },
	{ "version 2", 0, 2, 0, "byte 0: version 2, not 1" },
	{ "version big-endian", 0, UINT64_C(1) << 56, 0,
	    "byte 0: version 72057594037927936, not 1" },
	{ "block 0", 8, 0, 0, "byte 8: blocks of 0 bytes" },
	{ "block 512", 8, 512, 0, "byte 8: blocks of 512 bytes" },
	{ "block odd", 8, 4097, 0, "byte 8: blocks of 4097 bytes" },
	{ "block no power", 8, 12288, 0, "byte 8: blocks of 12288 bytes" },
	{ "block huge", 8, 1u << 22, 0, "byte 8: blocks of 4194304 bytes" },
	{ "block larger than runs", 8, 131072, 0,
	    "byte 72: 65536 bytes at 0 of 1048576" },
	{ "size 0", 16, 0, 0, "byte 16: memory of 0 bytes" },
	{ "size no block", 16, 1048577, 0, "byte 16: memory of 1048577 bytes" },
	{ "size beyond", 16, MEMMAP_SIZE_MAX + 4096, 0,
	    "byte 16: memory of 8796093026304 bytes" },
	{ "size negative", 16, UINT64_MAX - 4095, 0,
	    "byte 16: memory of 18446744073709547520 bytes" },
	{ "size smaller", 16, 1044480, 0,
	    "byte 152: 524288 bytes at 524288 of 1044480" },
	{ "size larger", 16, 1052672, 0,
	    "ends at byte 184: memory is covered up to 1048576 of 1052672" },
	{ "generation huge", 24, 1025, 0, "byte 24: generation 1025" },
	{ "generation negative", 24, UINT64_MAX, 0,
	    "byte 24: generation 18446744073709551615" },
	{ "no build", 40, 0, 0, "byte 32: no build" },
	{ "gap at 0", 64, 4096, 0,
	    "byte 64: memory at 4096, with a gap behind 0" },
	{ "gap", 104, 69632, 0,
	    "byte 104: memory at 69632, with a gap behind 65536" },
	{ "overlap", 104, 61440, 0,
	    "byte 104: memory at 61440, which is covered up to 65536" },
	{ "order", 144, 0, 0,
	    "byte 144: memory at 0, which is covered up to 524288" },
	{ "offset huge", 144, UINT64_MAX - 4095, 0,
	    "byte 144: memory at 18446744073709547520, with a gap behind "
	    "524288" },
	{ "length 0", 72, 0, 0, "byte 72: 0 bytes at 0 of 1048576" },
	{ "length no block", 72, 65537, 0,
	    "byte 72: 65537 bytes at 0 of 1048576" },
	{ "length shorter", 72, 61440, 0,
	    "byte 104: memory at 65536, with a gap behind 61440" },
	{ "length longer", 72, 69632, 0,
	    "byte 104: memory at 65536, which is covered up to 69632" },
	{ "length beyond", 152, 528384, 0,
	    "byte 152: 528384 bytes at 524288 of 1048576" },
	{ "length wraps", 152, UINT64_MAX - 524287, 0,
	    "byte 152: 18446744073709027328 bytes at 524288 of 1048576" },
	{ "stored at a remainder", 96, 4097, 0, "byte 96: stored at 4097" },
	{ "stored beyond", 96, MEMMAP_SIZE_MAX, 0,
	    "byte 96: stored at 8796093022208" },
	{ "stored wraps", 96, UINT64_MAX - 65535, 0,
	    "byte 96: stored at 18446744073709486080" },
};

ATF_TC_WITHOUT_HEAD(decode__bad);
ATF_TC_BODY(decode__bad, tc)
{
	unsigned char raw[RAW_MAX];
	struct memmap map = { 0 };
	struct error err;
	size_t i, len;

	ATF_CHECK(sizeof(table) / sizeof(table[0]) >= 30);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		len = make_good(raw);
		le64_put(raw + table[i].off, table[i].value);
		if (table[i].size != 0)
			len = table[i].size;
		ATF_CHECK_EQ_MSG(-1, memmap_decode(&map, raw, len, &err), "%s",
		    table[i].why);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_STREQ_MSG(table[i].message, err.msg, "%s",
		    table[i].why);
		ATF_CHECK_EQ(NULL, map.v);
	}
}

/* 64 generations and no more. */
ATF_TC_WITHOUT_HEAD(decode__many_builds);
ATF_TC_BODY(decode__many_builds, tc)
{
	const size_t n = MEMMAP_BUILDS_MAX + 1;
	size_t len = MEMMAP_HEAD_BYTES + n * MEMMAP_ENTRY_BYTES, i;
	struct memmap map = { 0 };
	unsigned char *raw, *p;
	struct error err;

	raw = calloc(1, len);
	ATF_REQUIRE(raw != NULL);
	make_good(raw);
	for (i = 0; i < n; i++) {
		p = raw + MEMMAP_HEAD_BYTES + i * MEMMAP_ENTRY_BYTES;
		memset(p, 0, MEMMAP_ENTRY_BYTES);
		le64_put(p, i * 4096);
		le64_put(p + 8, 4096);
		p[20] = (unsigned char)(i + 1);
	}
	le64_put(raw + 16, n * 4096);
	ATF_CHECK_EQ(-1, memmap_decode(&map, raw, len, &err));
	ATF_CHECK_STREQ("byte 2624: more than 64 builds", err.msg);
	le64_put(raw + 16, (n - 1) * 4096);
	ATF_CHECK_EQ(0,
	    memmap_decode(&map, raw, len - MEMMAP_ENTRY_BYTES, &err));
	ATF_CHECK_EQ(64, map.builds_n);
	memmap_fini(&map);
	free(raw);
}

/* The SHA-256 of all of `fd`. */
static void
sum_of(char out[HASH_TEXT_LEN + 1], int fd)
{
	unsigned char buf[65536];
	struct error err = { 0 };
	struct hash *hash;
	size_t got = 1;

	ATF_REQUIRE_EQ(0, hash_new(&hash, &err));
	ATF_REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
	while (got > 0) {
		ATF_REQUIRE_EQ(0,
		    fd_read(&got, fd, buf, sizeof(buf), "memory", &err));
		hash_data(hash, buf, got);
	}
	hash_final(out, hash);
	hash_free(hash);
}

static void
decode_file(struct memmap *map, int dirfd)
{
	struct error err = { 0 };
	char *raw;
	size_t len;

	ATF_REQUIRE_EQ(0,
	    fd_slurp(&raw, &len, dirfd, MEMMAP_NAME, MEMMAP_BYTES_MAX, &err));
	ATF_REQUIRE_EQ_MSG(0,
	    memmap_decode(map, (unsigned char *)raw, len, &err), "%s", err.msg);
	free(raw);
}

/* The files of directory `name` as one memory, in an open file. */
static int
unpack_dir(const char *name)
{
	struct memmap_files files = { .n = 0 };
	struct memmap map = { 0 };
	struct error err = { 0 };
	struct sink sink;
	int dirfd, fd;

	ATF_REQUIRE_EQ(0, fd_open_dir(&dirfd, AT_FDCWD, name, true, &err));
	decode_file(&map, dirfd);
	ATF_REQUIRE_EQ_MSG(0, memmap_files_open(&files, &map, dirfd, &err),
	    "%s", err.msg);
	fd = open("memory", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, sink_init(&sink, fd, "memory", &err));
	ATF_REQUIRE_EQ_MSG(0, memmap_unpack(&sink, &map, &files, &err), "%s",
	    err.msg);
	sink_fini(&sink);
	memmap_files_close(&files);
	memmap_fini(&map);
	fd_drop(&dirfd);
	return fd;
}

struct fixture {
	const char *name, *sum;
};

/* Unpacks the archive of a fixture into a directory of its name. */
static void
untar(const atf_tc_t *tc, const char *name)
{
	char tar[] = "tar", extract[] = "-xf", to[] = "-C";
	struct error err = { 0 };
	char *dir = path_format("%s", name), *file;
	char *argv[] = { tar, to, dir, extract, NULL, NULL };
	struct proc_run how = { .argv = argv, .dirfd = -1, .stdin_fd = -1 };

	file = path_format("%s/../data/wrenn-%s.tar.zst",
	    atf_tc_get_config_var(tc, "srcdir"), name);
	ATF_REQUIRE(dir != NULL && file != NULL);
	argv[4] = file;
	how.deadline_ms = clock_ms() + 60000;
	ATF_REQUIRE_EQ(0, mkdir(name, 0700));
	ATF_REQUIRE_EQ_MSG(0, proc_run(&how, &err), "%s", err.msg);
	free(file);
	free(dir);
}

ATF_TC(files__fixtures);
ATF_TC_HEAD(files__fixtures, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "tar zstd");
}
ATF_TC_BODY(files__fixtures, tc)
{
	static const struct fixture fixtures[] = {
		{ "gen0-cow",
		    "9cc4c4d28b88b7adfff82f31235426230ff5e8b3ccc2e3a636a6229e3a"
		    "c6fbfa" },
		{ "gen2-cow",
		    "c4ac562443039df08158364d92cc67c00130bd3b233ee3939d0ea546d3"
		    "9c2baf" },
		{ "merged",
		    "c4ac562443039df08158364d92cc67c00130bd3b233ee3939d0ea546d3"
		    "9c2baf" },
	};
	char sum[HASH_TEXT_LEN + 1];
	struct stat st;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++) {
		untar(tc, fixtures[i].name);
		fd = unpack_dir(fixtures[i].name);
		sum_of(sum, fd);
		ATF_CHECK_STREQ_MSG(fixtures[i].sum, sum, "%s",
		    fixtures[i].name);
		ATF_REQUIRE_EQ(0, fstat(fd, &st));
		ATF_CHECK_EQ(67108864, st.st_size);
		ATF_CHECK(st.st_blocks * 512 < 1048576);
		fd_drop(&fd);
	}
}

/* One generation made of a memory is, byte by byte, the one of wrenn. */
ATF_TC(pack__as_merged);
ATF_TC_HEAD(pack__as_merged, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "tar zstd");
}
ATF_TC_BODY(pack__as_merged, tc)
{
	char ours[HASH_TEXT_LEN + 1], theirs[HASH_TEXT_LEN + 1];
	struct memmap map = { 0 }, want = { 0 };
	struct error err = { 0 };
	struct sink sink;
	int dirfd, memory, fd, old;
	size_t i;

	untar(tc, "merged");
	memory = unpack_dir("merged");
	ATF_REQUIRE_EQ(0, fd_open_dir(&dirfd, AT_FDCWD, "merged", true, &err));
	decode_file(&want, dirfd);
	fd = memfd_create("memfile", MFD_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, sink_init(&sink, fd, "memfile", &err));
	ATF_REQUIRE_EQ_MSG(0,
	    memmap_pack(&map, &sink, memory, 67108864, &want.build, "memory",
		&err),
	    "%s", err.msg);
	ATF_REQUIRE_EQ(want.n, map.n);
	for (i = 0; i < map.n; i++) {
		ATF_CHECK_EQ(want.v[i].off, map.v[i].off);
		ATF_CHECK_EQ(want.v[i].len, map.v[i].len);
		ATF_CHECK_EQ(want.v[i].build, map.v[i].build);
		ATF_CHECK_EQ(want.v[i].storage_off, map.v[i].storage_off);
	}
	ATF_REQUIRE_EQ(0,
	    fd_open_file(&old, NULL, dirfd, "memfile", O_RDONLY, &err));
	sum_of(ours, fd);
	sum_of(theirs, old);
	ATF_CHECK_STREQ(theirs, ours);
	sink_fini(&sink);
	memmap_fini(&map);
	memmap_fini(&want);
	fd_drop(&old);
	fd_drop(&fd);
	fd_drop(&memory);
	fd_drop(&dirfd);
}

static void
check_refused(const struct memmap *map, int dirfd, const char *message)
{
	struct memmap_files files = { .n = 0 };
	struct error err = { 0 };

	ATF_CHECK_EQ(-1, memmap_files_open(&files, map, dirfd, &err));
	ATF_CHECK_STREQ(message, err.msg);
	memmap_files_close(&files);
}

ATF_TC_WITHOUT_HEAD(files__missing_or_short);
ATF_TC_BODY(files__missing_or_short, tc)
{
	static const char one[] =
	    "memfile.00000000-0000-0000-0000-000000000001";
	static const char two[] =
	    "memfile.00000000-0000-0000-0000-000000000002";
	struct memmap_files files = { .n = 0 };
	unsigned char raw[RAW_MAX];
	struct memmap map = { 0 };
	struct error err = { 0 };
	int dirfd, fd;

	ATF_REQUIRE_EQ(0, memmap_decode(&map, raw, make_good(raw), &err));
	ATF_REQUIRE_EQ(0, fd_open_dir(&dirfd, AT_FDCWD, ".", true, &err));
	check_refused(&map, dirfd,
	    "no memfile.00000000-0000-0000-0000-000000000001: memfile: No "
	    "such file or directory");
	fd = open("memfile", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1 && ftruncate(fd, 69632) == 0);
	check_refused(&map, dirfd,
	    "memfile.00000000-0000-0000-0000-000000000002: no such file, and "
	    "memfile stands for another build");
	ATF_REQUIRE_EQ(0, symlink("memfile", two));
	check_refused(&map, dirfd,
	    "memfile.00000000-0000-0000-0000-000000000002: not a regular "
	    "file");
	ATF_REQUIRE_EQ(0, unlink(two));
	ATF_REQUIRE_EQ(0, rename("memfile", one));
	ATF_REQUIRE_EQ(0, close(fd));
	fd = open(two, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1 && ftruncate(fd, 520192) == 0);
	check_refused(&map, dirfd,
	    "memfile of 00000000-0000-0000-0000-000000000002: ends at byte "
	    "520192, memory 524288 is at 0");
	ATF_REQUIRE_EQ(0, ftruncate(fd, 524288));
	ATF_CHECK_EQ_MSG(0, memmap_files_open(&files, &map, dirfd, &err), "%s",
	    err.msg);
	memmap_files_close(&files);
	memmap_fini(&map);
	fd_drop(&fd);
	fd_drop(&dirfd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, decode__good);
	ATF_TP_ADD_TC(tp, decode__bad);
	ATF_TP_ADD_TC(tp, decode__many_builds);
	ATF_TP_ADD_TC(tp, files__fixtures);
	ATF_TP_ADD_TC(tp, pack__as_merged);
	ATF_TP_ADD_TC(tp, files__missing_or_short);
	return atf_no_error();
}
