/* SPDX-License-Identifier: ISC */
#include "disk/digest.h"
#include "disk/digest_file.h"
#include "disk/verity.h"

#include <sys/mman.h>

#include <signal.h>
#include <stdio.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/sig.h"
#include "lib/disk_make.h"

/* `hex` without the prefix. */
static void
check_digest(const struct digest *d, const char *hex, const char *name)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(text, d);
	ATF_CHECK_STREQ_MSG(hex, text + 7, "%s", name);
}

static void
sha256(unsigned char *out, const void *buf, size_t len)
{
	ATF_REQUIRE_EQ(1, EVP_Digest(buf, len, out, NULL, EVP_sha256(), NULL));
}

/* The rule read literally: a list of hashes, and lists of their lists. */
static struct digest
plain_digest(const unsigned char *data, uint64_t size)
{
	unsigned char block[BLOCK], desc[256] = { 1, 1, 12 }, *hashes;
	size_t n = (size_t)((size + BLOCK - 1) / BLOCK), i, m;
	struct digest d;

	hashes = calloc(n + 1, DIGEST_BYTES);
	ATF_REQUIRE(hashes != NULL);
	for (i = 0; i < n; i++) {
		m = (size_t)size - i * BLOCK;
		memset(block, 0, sizeof(block));
		memcpy(block, data + i * BLOCK, m < BLOCK ? m : BLOCK);
		sha256(hashes + i * DIGEST_BYTES, block, BLOCK);
	}
	for (; n > 1; n = (n + 127) / 128)
		for (i = 0; i < n; i += 128) {
			m = n - i < 128 ? n - i : 128;
			memset(block, 0, sizeof(block));
			memcpy(block, hashes + i * DIGEST_BYTES,
			    m * DIGEST_BYTES);
			sha256(hashes + i / 128 * DIGEST_BYTES, block, BLOCK);
		}
	for (i = 0; i < 8; i++)
		desc[8 + i] = (unsigned char)(size >> 8 * i);
	memcpy(desc + 16, hashes, DIGEST_BYTES);
	sha256(d.raw, desc, sizeof(desc));
	free(hashes);
	return d;
}

static struct digest
digest_of_zeros(uint64_t size)
{
	struct verity *d;
	struct digest out;

	ATF_REQUIRE_EQ(0, verity_new(&d, NULL));
	ATF_REQUIRE_EQ(0, verity_zeros(d, size, NULL));
	verity_final(d, &out);
	verity_free(d);
	return out;
}

/* Printed by `fsverity digest --compact`. */
static const struct {
	const char *name, *data;
	uint64_t zeros;
	const char *hex;
} vectors[] = {
	{ "empty", "", 0,
	    "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95" },
	{ "hello", "hello", 0,
	    "555b589c26ee43b7a2510e6c67ced9fb3190b6da6e9e683984551f5d77a763de" },
	{ "a block", "", 4096,
	    "babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97e" },
	{ "1 MiB", "", 1 << 20,
	    "feb19a23e72cb1b8f935d668a09ecaad0bf7c5b9cdfa6dbba7c88a9998ed2b87" },
	{ "64 MiB", "", 64 << 20,
	    "382b8844ad09fb5f7b53e0fc27413cd4e72f47d69604dac5d4865e609ba33c53" },
	{ "64 MiB + 1", "", (64 << 20) + 1,
	    "be5993679f703697692cc6ce69e480edc9721baff591795438ae8097275c0687" },
};

ATF_TC_WITHOUT_HEAD(stream__vectors);
ATF_TC_BODY(stream__vectors, tc)
{
	struct error err = { 0 };
	struct verity *d;
	struct digest out;
	size_t i;

	ATF_REQUIRE_EQ(0, verity_new(&d, &err));
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		verity_reset(d);
		ATF_REQUIRE_EQ(0,
		    verity_data(d, vectors[i].data, strlen(vectors[i].data),
			&err));
		ATF_REQUIRE_EQ(0, verity_zeros(d, vectors[i].zeros, &err));
		verity_final(d, &out);
		check_digest(&out, vectors[i].hex, vectors[i].name);
	}
	verity_free(d);
}

ATF_TC_WITHOUT_HEAD(file__vectors);
ATF_TC_BODY(file__vectors, tc)
{
	struct error err = { 0 };
	struct digest out;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		fd = make_file("f", strlen(vectors[i].data) + vectors[i].zeros);
		make_data(fd, 0, vectors[i].data, strlen(vectors[i].data));
		ATF_REQUIRE_EQ(0,
		    digest_file(&out, fd, make_size(fd), "f", &err));
		check_digest(&out, vectors[i].hex, vectors[i].name);
		close(fd);
		ATF_REQUIRE_EQ(0, unlink("f"));
	}
}

ATF_TC_WITHOUT_HEAD(stream__any_split);
ATF_TC_BODY(stream__any_split, tc)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 128 * 4096,
		128 * 4096 + 1, 129 * 4096, 3000000 };
	unsigned char *data = malloc(3000000);
	struct digest want, out;
	struct verity *d;
	uint64_t state = 99;
	size_t i, off, n, round;
	int rc;

	ATF_REQUIRE(data != NULL);
	make_bytes(data, 3000000, &state);
	memset(data + 10000, 0, 1200000); /* fed as zeros or as data */
	ATF_REQUIRE_EQ(0, verity_new(&d, NULL));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		want = plain_digest(data, sizes[i]);
		for (round = 0; round < 6; round++) {
			verity_reset(d);
			for (off = 0; off < sizes[i]; off += n) {
				n = make_random(&state) %
				    (UINT64_C(7000) << 2 * round);
				if (n > sizes[i] - off)
					n = sizes[i] - off;
				if (off >= 10000 && n <= 1210000 - off &&
				    off < 1210000)
					rc = verity_zeros(d, n, NULL);
				else
					rc = verity_data(d, data + off, n,
					    NULL);
				ATF_REQUIRE_EQ(0, rc);
			}
			verity_final(d, &out);
			ATF_CHECK_MSG(digest_equal(&want, &out),
			    "%zu bytes, round %zu", sizes[i], round);
		}
	}
	verity_free(d);
	free(data);
}

/* 4096 * 128^k zeros, the hash of each level made of that below. */
ATF_TC_WITHOUT_HEAD(stream__zeros_of_every_level);
ATF_TC_BODY(stream__zeros_of_every_level, tc)
{
	unsigned char block[BLOCK] = { 0 }, desc[256] = { 1, 1, 12 };
	unsigned char hash[DIGEST_BYTES];
	struct digest want, out;
	uint64_t size = BLOCK;
	size_t k, i;

	for (k = 0; k < 8; k++, size *= 128) {
		sha256(hash, block, sizeof(block));
		for (i = 0; i < sizeof(block); i += DIGEST_BYTES)
			memcpy(block + i, hash, DIGEST_BYTES);
		memcpy(desc + 16, hash, DIGEST_BYTES);
		for (i = 0; i < 8; i++)
			desc[8 + i] = (unsigned char)(size >> 8 * i);
		sha256(want.raw, desc, sizeof(desc));
		out = digest_of_zeros(size);
		ATF_CHECK_MSG(digest_equal(&want, &out), "level %zu", k);
	}
}

ATF_TC_WITHOUT_HEAD(stream__zeros_behind_any_block);
ATF_TC_BODY(stream__zeros_behind_any_block, tc)
{
	static unsigned char one[BLOCK], zeros[300 * BLOCK];
	struct verity *a, *b;
	struct digest x, y;
	size_t before;

	one[5] = 1;
	ATF_REQUIRE_EQ(0, verity_new(&a, NULL));
	ATF_REQUIRE_EQ(0, verity_new(&b, NULL));
	for (before = 0; before < 130; before++) {
		verity_reset(a);
		verity_reset(b);
		ATF_REQUIRE_EQ(0, verity_data(a, one, BLOCK, NULL));
		ATF_REQUIRE_EQ(0, verity_data(b, one, BLOCK, NULL));
		ATF_REQUIRE_EQ(0, verity_zeros(a, before * BLOCK, NULL));
		ATF_REQUIRE_EQ(0, verity_data(b, zeros, before * BLOCK, NULL));
		ATF_REQUIRE_EQ(0, verity_data(a, one, BLOCK, NULL));
		ATF_REQUIRE_EQ(0, verity_data(b, one, BLOCK, NULL));
		ATF_REQUIRE_EQ(0, verity_zeros(a, sizeof(zeros), NULL));
		ATF_REQUIRE_EQ(0, verity_data(b, zeros, sizeof(zeros), NULL));
		verity_final(a, &x);
		verity_final(b, &y);
		ATF_CHECK_MSG(digest_equal(&x, &y), "%zu blocks", before);
	}
	verity_free(b);
	verity_free(a);
}

ATF_TC_WITHOUT_HEAD(stream__groups_side_by_side);
ATF_TC_BODY(stream__groups_side_by_side, tc)
{
	static unsigned char data[3 * VERITY_GROUP + 100];
	struct digest groups[8], want, out;
	struct verity *part, *whole;
	uint64_t state = 4;

	make_bytes(data, sizeof(data), &state);
	want = plain_digest(data, sizeof(data));
	ATF_REQUIRE_EQ(0, verity_new(&part, NULL));
	ATF_REQUIRE_EQ(0, verity_new(&whole, NULL));
	ATF_REQUIRE_EQ(0, verity_data(whole, data, VERITY_GROUP, NULL));
	ATF_REQUIRE_EQ(0,
	    verity_data(part, data + VERITY_GROUP, 2 * VERITY_GROUP, NULL));
	ATF_CHECK_EQ(2, verity_groups(groups, 8, part));
	ATF_REQUIRE_EQ(0, verity_add_groups(whole, groups, 2, NULL));
	ATF_REQUIRE_EQ(0,
	    verity_data(whole, data + 3 * VERITY_GROUP, 100, NULL));
	verity_final(whole, &out);
	ATF_CHECK(digest_equal(&want, &out));
	verity_free(whole);
	verity_free(part);
}

ATF_TC_WITHOUT_HEAD(stream__more_than_fits);
ATF_TC_BODY(stream__more_than_fits, tc)
{
	struct error err = { 0 };
	struct verity *d;

	ATF_REQUIRE_EQ(0, verity_new(&d, &err));
	ATF_CHECK_EQ(0, verity_zeros(d, UINT64_MAX, &err));
	ATF_CHECK_EQ(-1, verity_zeros(d, 1, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	verity_free(d);
}

/* Against the reference, over sizes on both sides of a group and a job. */
ATF_TC_WITHOUT_HEAD(file__random_sparse);
ATF_TC_BODY(file__random_sparse, tc)
{
	static const uint64_t sizes[] = { 4097, VERITY_GROUP - 1, VERITY_GROUP,
		VERITY_GROUP + 1, 4 * VERITY_GROUP, 4 * VERITY_GROUP + 4095,
		(20 << 20) + 777, 45 << 20 };
	struct error err = { 0 };
	struct digest want, out;
	void *map;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fd = make_sparse("f", sizes[i], 60, i + 1);
		map = mmap(NULL, (size_t)sizes[i], PROT_READ, MAP_SHARED, fd,
		    0);
		ATF_REQUIRE(map != MAP_FAILED);
		want = plain_digest(map, sizes[i]);
		munmap(map, (size_t)sizes[i]);
		ATF_REQUIRE_EQ_MSG(0,
		    digest_file(&out, fd, sizes[i], "f", &err), "%s", err.msg);
		ATF_CHECK_MSG(digest_equal(&want, &out), "%ju bytes",
		    (uintmax_t)sizes[i]);
		close(fd);
		ATF_REQUIRE_EQ(0, unlink("f"));
	}
}

ATF_TC_WITHOUT_HEAD(file__as_fsverity_says);
ATF_TC_BODY(file__as_fsverity_says, tc)
{
	char program[] = "fsverity", digest[] = "digest",
	     compact[] = "--compact", name[] = "f", said[256];
	char *argv[] = { program, digest, compact, name, NULL };
	struct proc_run how = { .argv = argv,
		.dirfd = -1,
		.stdin_fd = -1,
		.out = said,
		.out_cap = sizeof(said) };
	struct error err = { 0 };
	struct digest out;
	uint64_t seed;
	int fd;

	for (seed = 1; seed <= 3; seed++) {
		fd = make_sparse("f", (30 << 20) + seed * 1000, 80, seed);
		how.deadline_ms = clock_ms() + 60000;
		if (proc_run(&how, &err) == -1)
			atf_tc_skip("%s", err.msg);
		said[strcspn(said, "\n")] = '\0';
		ATF_REQUIRE_EQ(0,
		    digest_file(&out, fd, make_size(fd), "f", &err));
		check_digest(&out, said, "fsverity");
		close(fd);
		ATF_REQUIRE_EQ(0, unlink("f"));
	}
}

/* A hole of terabytes with a byte at each end. */
ATF_TC_WITHOUT_HEAD(file__huge_hole);
ATF_TC_BODY(file__huge_hole, tc)
{
	static const uint64_t size = 8 * NUM_TIB;
	struct error err = { 0 };
	struct verity *d;
	struct digest want, out;
	int64_t begin = clock_ms();
	int fd;

	fd = memfd_create("huge", MFD_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	if (ftruncate(fd, (off_t)size) == -1)
		atf_tc_skip("no file of 8 TiB here");
	make_data(fd, 0, "a", 1);
	make_data(fd, size - 1, "z", 1);
	ATF_REQUIRE_EQ(0, verity_new(&d, &err));
	ATF_REQUIRE_EQ(0, verity_data(d, "a", 1, &err));
	ATF_REQUIRE_EQ(0, verity_zeros(d, size - 2, &err));
	ATF_REQUIRE_EQ(0, verity_data(d, "z", 1, &err));
	verity_final(d, &want);
	ATF_REQUIRE_EQ(0, digest_file(&out, fd, size, "huge", &err));
	ATF_CHECK(digest_equal(&want, &out));
	ATF_CHECK_MSG(clock_ms() - begin < 5000, "holes are read");
	verity_free(d);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(file__shorter);
ATF_TC_BODY(file__shorter, tc)
{
	struct error err = { 0 };
	struct digest out;
	int fd = make_file("f", 4096);

	ATF_CHECK_EQ(-1, digest_file(&out, fd, 5000, "f", &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("f: ends at byte 4096, 904 short", err.msg);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(file__part);
ATF_TC_BODY(file__part, tc)
{
	struct digest want = digest_of_zeros(5000), out;
	int fd = make_file("f", 1 << 20);

	make_data(fd, 5000, "behind", 6);
	ATF_REQUIRE_EQ(0, digest_file(&out, fd, 5000, "f", NULL));
	ATF_CHECK(digest_equal(&want, &out));
	close(fd);
}

ATF_TC_WITHOUT_HEAD(file__unreadable);
ATF_TC_BODY(file__unreadable, tc)
{
	struct error err = { 0 };
	struct digest out;
	uint64_t size = 12 << 20; /* for several threads */
	int fd;

	close(make_sparse("f", size, 40, 3));
	fd = open("f", O_WRONLY | O_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	ATF_CHECK_EQ(-1, digest_file(&out, fd, size, "f", &err));
	ATF_CHECK_EQ(EX_IOERR, err.code);
	ATF_CHECK_STREQ("f: Bad file descriptor", err.msg);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(file__signal);
ATF_TC_BODY(file__signal, tc)
{
	struct error err = { 0 };
	struct digest out;
	int fd = make_sparse("f", 12 << 20, 40, 3);

	sig_setup();
	ATF_REQUIRE_EQ(0, raise(SIGTERM));
	ATF_CHECK_EQ(-1, digest_file(&out, fd, 12 << 20, "f", &err));
	ATF_CHECK_EQ(128 + SIGTERM, err.code);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(text__there_and_back);
ATF_TC_BODY(text__there_and_back, tc)
{
	struct digest d = digest_of_zeros(4096), back;
	char text[DIGEST_TEXT_MAX];

	digest_text(text, &d);
	ATF_CHECK_STREQ(
	    "sha256:babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97e",
	    text);
	ATF_REQUIRE_EQ(0, digest_parse(&back, text, NULL));
	ATF_CHECK(digest_equal(&d, &back));
	back.raw[31] ^= 1;
	ATF_CHECK(!digest_equal(&d, &back));
}

ATF_TC_WITHOUT_HEAD(parse__wrong);
ATF_TC_BODY(parse__wrong, tc)
{
	static const char *const table[] = {
		"",
		"sha256:",
		"sha256:babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97",
		"sha256:babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97ee",
		"sha256:BABC284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97e",
		"sha256:babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97g",
		"sha512:babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97e",
		"babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97e",
	};
	struct error err = { 0 };
	struct digest d, before;
	size_t i;

	memset(&d, 5, sizeof(d));
	before = d;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ATF_CHECK_EQ_MSG(-1, digest_parse(&d, table[i], &err), "%s",
		    table[i]);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK(digest_equal(&before, &d));
	}
	ATF_CHECK_EQ(-1, digest_parse(&d, "sha256:x", &err));
	ATF_CHECK_STREQ("sha256:x: not a digest", err.msg);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, stream__vectors);
	ATF_TP_ADD_TC(tp, stream__any_split);
	ATF_TP_ADD_TC(tp, stream__zeros_of_every_level);
	ATF_TP_ADD_TC(tp, stream__zeros_behind_any_block);
	ATF_TP_ADD_TC(tp, stream__groups_side_by_side);
	ATF_TP_ADD_TC(tp, stream__more_than_fits);
	ATF_TP_ADD_TC(tp, file__vectors);
	ATF_TP_ADD_TC(tp, file__random_sparse);
	ATF_TP_ADD_TC(tp, file__as_fsverity_says);
	ATF_TP_ADD_TC(tp, file__huge_hole);
	ATF_TP_ADD_TC(tp, file__shorter);
	ATF_TP_ADD_TC(tp, file__part);
	ATF_TP_ADD_TC(tp, file__unreadable);
	ATF_TP_ADD_TC(tp, file__signal);
	ATF_TP_ADD_TC(tp, text__there_and_back);
	ATF_TP_ADD_TC(tp, parse__wrong);
	return atf_no_error();
}
