/* SPDX-License-Identifier: ISC */
/* An archive's entries into files: their bytes, holes, digests, and ends. */
#include "archive/unpack.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "disk/digest_file.h"

#include "lib/disk_make.h"

#define TAR "a.tar"
#define MIB (UINT64_C(1) << 20)
#define ENVELOPE_TEXT "{\"version\":1}"

/* A file of 3 MiB: data, a hole of the file's, and zeros that were written. */
static int
make_holed(const char *name)
{
	static unsigned char data[MIB], zeros[MIB];
	int fd = make_file(name, 3 * MIB);

	memset(data, 'd', sizeof(data));
	make_data(fd, 0, data, 4096 + 1);
	make_data(fd, MIB, zeros, sizeof(zeros));
	make_data(fd, 3 * MIB - 7, data, 7);
	return fd;
}

struct make {
	struct archive_writer *w;
	int fd;
};

static void
make_begin(struct make *m, bool is_dense)
{
	const struct archive_how how = { .is_dense = is_dense };

	m->fd = open(TAR, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ATF_REQUIRE(m->fd != -1);
	ATF_REQUIRE_EQ(0, archive_writer_new(&m->w, m->fd, TAR, &how, NULL));
}

static void
make_end(struct make *m)
{
	ATF_REQUIRE_EQ(0, archive_writer_end(m->w, NULL));
	archive_writer_free(m->w);
	ATF_REQUIRE_EQ(0, lseek(m->fd, 0, SEEK_SET));
}

static int
open_target(void)
{
	int fd;

	ATF_REQUIRE(mkdir("to", 0700) == 0 || errno == EEXIST);
	fd = open("to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	return fd;
}

/* The same bytes, and the digest that they have. */
static void
check_file(int dirfd, const struct unpacked *file, int want)
{
	struct digest digest;
	struct stat a, b;
	int fd = openat(dirfd, file->name, O_RDONLY | O_CLOEXEC);
	char one[65536], two[65536];
	off_t off;
	ssize_t n;

	ATF_REQUIRE(fd != -1 && fstat(fd, &a) == 0 && fstat(want, &b) == 0);
	ATF_CHECK_EQ(0600, a.st_mode & 07777);
	ATF_REQUIRE_EQ(a.st_size, b.st_size);
	ATF_CHECK_EQ((uint64_t)a.st_size, file->size_bytes);
	for (off = 0; off < a.st_size; off += n) {
		n = pread(fd, one, sizeof(one), off);
		ATF_REQUIRE(n > 0);
		ATF_REQUIRE_EQ(n, pread(want, two, (size_t)n, off));
		ATF_REQUIRE_EQ(0, memcmp(one, two, (size_t)n));
	}
	ATF_REQUIRE_EQ(0,
	    digest_file(&digest, fd, (uint64_t)a.st_size, "f", NULL));
	ATF_CHECK(digest_equal(&digest, &file->digest));
	close(fd);
}

static void
note_progress(void *arg, uint64_t read_bytes)
{
	uint64_t *last = arg;

	ATF_CHECK(read_bytes >= *last);
	*last = read_bytes;
}

/* Everything that a snapshot's archive has, sparse or not. */
static void
round_trip(bool is_dense)
{
	struct unpack u = { 0 };
	struct error err = { 0 };
	struct make m;
	uint64_t last = 0;
	struct stat st;
	int fds[3], to;
	size_t i;

	fds[0] = make_holed("sparse");
	fds[1] = make_file("hole", MIB + 1);
	fds[2] = make_file("empty", 0);
	make_begin(&m, is_dense);
	ATF_REQUIRE_EQ(0,
	    archive_writer_text(m.w, ENVELOPE_NAME, ENVELOPE_TEXT,
		strlen(ENVELOPE_TEXT), NULL));
	ATF_REQUIRE_EQ(0,
	    archive_writer_file(m.w, "sparse", fds[0], 3 * MIB, NULL));
	ATF_REQUIRE_EQ(0,
	    archive_writer_file(m.w, "hole", fds[1], MIB + 1, NULL));
	ATF_REQUIRE_EQ(0, archive_writer_file(m.w, "empty", fds[2], 0, NULL));
	ATF_REQUIRE_EQ(0,
	    archive_writer_text(m.w, ENVELOPE_TRAILER, "{}", 2, NULL));
	make_end(&m);
	to = open_target();
	ATF_REQUIRE_EQ_MSG(0,
	    unpack_archive(&u, m.fd, to, note_progress, &last, &err), "%s",
	    err.msg);
	ATF_CHECK_STREQ(ENVELOPE_TEXT, u.envelope);
	ATF_CHECK_EQ(strlen(ENVELOPE_TEXT), u.envelope_len);
	ATF_CHECK_EQ(0, u.envelope_off);
	ATF_CHECK_STREQ("{}", u.trailer);
	ATF_CHECK_STREQ("", u.oddity);
	ATF_CHECK(last > 0);
	ATF_REQUIRE_EQ(3, u.files_n);
	ATF_CHECK_STREQ("sparse", u.files[0]->name);
	ATF_CHECK_STREQ("hole", u.files[1]->name);
	ATF_CHECK_STREQ("empty", u.files[2]->name);
	for (i = 0; i < 3; i++) {
		check_file(to, u.files[i], fds[i]);
		close(fds[i]);
	}
	ATF_CHECK(u.files[0]->head_off < u.files[1]->head_off);
	ATF_CHECK(u.trailer_off < u.tar_bytes);
	/* Zeros become holes, however they came. */
	ATF_REQUIRE_EQ(0, fstatat(to, "sparse", &st, 0));
	ATF_CHECK(st.st_blocks * 512 < (off_t)MIB);
	/* Neither is a file of the snapshot. */
	ATF_CHECK_EQ(-1, faccessat(to, ENVELOPE_NAME, F_OK, 0));
	ATF_CHECK_EQ(-1, faccessat(to, ENVELOPE_TRAILER, F_OK, 0));
	unpack_fini(&u);
	ATF_CHECK(u.files == NULL && u.envelope == NULL);
	close(to);
	close(m.fd);
}

ATF_TC_WITHOUT_HEAD(archive__sparse);
ATF_TC_BODY(archive__sparse, tc)
{
	round_trip(false);
}

ATF_TC_WITHOUT_HEAD(archive__dense);
ATF_TC_BODY(archive__dense, tc)
{
	round_trip(true);
}

/* More files than wait for their sync at once. */
ATF_TC_WITHOUT_HEAD(archive__many_files);
ATF_TC_BODY(archive__many_files, tc)
{
	struct unpack u = { 0 };
	struct error err = { 0 };
	struct make m;
	char name[16];
	int i, to, fd;

	make_begin(&m, false);
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		ATF_REQUIRE_EQ(0,
		    archive_writer_text(m.w, name, name, strlen(name), NULL));
	}
	make_end(&m);
	to = open_target();
	ATF_REQUIRE_EQ_MSG(0, unpack_archive(&u, m.fd, to, NULL, NULL, &err),
	    "%s", err.msg);
	ATF_REQUIRE_EQ(200, u.files_n);
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		ATF_CHECK_STREQ(name, u.files[i]->name);
		fd = open("want", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		ATF_REQUIRE(fd != -1 &&
		    write(fd, name, strlen(name)) == (ssize_t)strlen(name));
		check_file(to, u.files[i], fd);
		close(fd);
	}
	/* Nothing stays open. */
	ATF_CHECK(u.envelope == NULL && u.trailer == NULL);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ATF_CHECK(fd < 16);
	unpack_fini(&u);
	close(to);
	close(m.fd);
}

/* What breaks the rules, by the names of two entries and what is said. */
ATF_TC_WITHOUT_HEAD(archive__refused);
ATF_TC_BODY(archive__refused, tc)
{
	static const struct {
		const char *first, *second;
		size_t len; /* of the second */
		const char *said;
	} cases[] = {
		{ "twice", "twice", 4, "a second file of that name" },
		{ ENVELOPE_NAME, ENVELOPE_NAME, 4,
		    "a second entry of that name" },
		{ ENVELOPE_TRAILER, ENVELOPE_TRAILER, 4,
		    "a second entry of that name" },
		{ "f", ENVELOPE_NAME, ENVELOPE_BYTES_MAX + 1, "larger than" },
		{ "f", "there", 4, "a second file of that name" },
	};
	static char text[ENVELOPE_BYTES_MAX + 1];
	struct make m;
	size_t i;
	int to, fd;

	to = open_target();
	fd = openat(to, "there", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1 && write(fd, "mine", 4) == 4);
	close(fd);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct unpack u = { 0 };
		struct error err = { 0 };

		unlinkat(to, cases[i].first, 0);
		make_begin(&m, false);
		ATF_REQUIRE_EQ(0,
		    archive_writer_text(m.w, cases[i].first, text, 4, NULL));
		ATF_REQUIRE_EQ(0,
		    archive_writer_text(m.w, cases[i].second, text,
			cases[i].len, NULL));
		make_end(&m);
		ATF_CHECK_EQ_MSG(-1,
		    unpack_archive(&u, m.fd, to, NULL, NULL, &err), "case %zu",
		    i);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_MSG(strstr(err.msg, cases[i].said) != NULL &&
			strncmp(err.msg, cases[i].second,
			    strlen(cases[i].second)) == 0,
		    "case %zu: %s", i, err.msg);
		unpack_fini(&u);
		close(m.fd);
	}
	/* What was there is as it was. */
	fd = openat(to, "there", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE_EQ(4, read(fd, text, sizeof(text)));
	ATF_CHECK_EQ(0, memcmp(text, "mine", 4));
	close(fd);
	close(to);
}

/* Cut anywhere: never taken for whole, and always said to be damaged. */
ATF_TC_WITHOUT_HEAD(archive__cut);
ATF_TC_BODY(archive__cut, tc)
{
	struct make m;
	struct stat st;
	off_t size;
	int fd = make_holed("sparse"), to = open_target();

	make_begin(&m, false);
	ATF_REQUIRE_EQ(0,
	    archive_writer_text(m.w, ENVELOPE_NAME, ENVELOPE_TEXT,
		strlen(ENVELOPE_TEXT), NULL));
	ATF_REQUIRE_EQ(0,
	    archive_writer_file(m.w, "sparse", fd, 3 * MIB, NULL));
	make_end(&m);
	ATF_REQUIRE_EQ(0, fstat(m.fd, &st));
	/* Behind the last entry two blocks of zeros end it. */
	for (size = st.st_size - 1025; size > 0; size -= 509) {
		struct unpack u = { 0 };
		struct error err = { 0 };

		ATF_REQUIRE(ftruncate(m.fd, size) == 0 &&
		    lseek(m.fd, 0, SEEK_SET) == 0);
		ATF_CHECK_EQ_MSG(-1,
		    unpack_archive(&u, m.fd, to, NULL, NULL, &err), "%jd bytes",
		    (intmax_t)size);
		ATF_CHECK_EQ_MSG(EX_DATAERR, err.code, "%jd bytes: %s",
		    (intmax_t)size, err.msg);
		unpack_fini(&u);
		unlinkat(to, "sparse", 0);
	}
	close(fd);
	close(m.fd);
	close(to);
}

ATF_TC_WITHOUT_HEAD(open__what_there_is);
ATF_TC_BODY(open__what_there_is, tc)
{
	struct error err = { 0 };
	uint64_t size = 1;
	int fd = make_file("file", 12345);

	close(fd);
	ATF_REQUIRE_EQ(0, unpack_open(&fd, &size, "file", &err));
	ATF_CHECK_EQ(12345, size);
	close(fd);
	ATF_CHECK_EQ(-1, unpack_open(&fd, &size, "none", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_EQ(-1, unpack_open(&fd, &size, ".", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_STREQ(".: a directory, not an archive", err.msg);
	ATF_CHECK(unpack_is_stdin(NULL) && unpack_is_stdin("-"));
	ATF_CHECK(!unpack_is_stdin("./-"));
	ATF_REQUIRE_EQ(0, unpack_open(&fd, &size, "-", &err));
	ATF_CHECK_EQ(STDIN_FILENO, fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, archive__sparse);
	ATF_TP_ADD_TC(tp, archive__dense);
	ATF_TP_ADD_TC(tp, archive__many_files);
	ATF_TP_ADD_TC(tp, archive__refused);
	ATF_TP_ADD_TC(tp, archive__cut);
	ATF_TP_ADD_TC(tp, open__what_there_is);
	return atf_no_error();
}
