/* SPDX-License-Identifier: ISC */
/* Files into a layout, by packs and trees, and back by the reader. */
#include "registry/packer.h"

#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "disk/digest_file.h"

#include "lib/disk_make.h"

#define LAYOUT "oci-layout:lay"
#define MIB (UINT64_C(1) << 20)

struct bed {
	struct ref ref;
	struct transport t;
};

static void
bed_open(struct bed *bed, const char *text)
{
	const struct transport_how how = { .mode = TRANSPORT_WRITE };
	struct error err = { 0 };

	ATF_REQUIRE_EQ(0, ref_parse(&bed->ref, text, &err));
	memset(&bed->t, 0, sizeof(bed->t));
	ATF_REQUIRE_EQ_MSG(0, transport_open(&bed->t, &bed->ref, &how, &err),
	    "%s", err.msg);
}

static void
bed_close(struct bed *bed)
{
	transport_close(&bed->t);
	ref_fini(&bed->ref);
}

/* Pushes the files, whose names end with NULL, under the tag. */
static void
push(const char *text, const char *const *names, struct reader *parent,
    uint64_t *moved)
{
	struct envelope_file *file;
	struct error err = { 0 };
	struct packer *packer;
	struct envelope e;
	struct artifact a;
	unsigned char *raw;
	struct bed bed;
	char *json;
	size_t len;
	int fd;

	bed_open(&bed, text);
	envelope_init(&e);
	e.has_files = true;
	ATF_REQUIRE_EQ_MSG(0, packer_new(&packer, &bed.t, false, parent, &err),
	    "%s", err.msg);
	for (; *names != NULL; names++) {
		file = envelope_add_file(&e, *names, NULL);
		ATF_REQUIRE(file != NULL);
		ATF_REQUIRE_EQ(0,
		    fd_open_file(&fd, &file->size_bytes, AT_FDCWD, *names,
			O_RDONLY, &err));
		ATF_REQUIRE_EQ_MSG(0,
		    packer_file(packer, &file->digest, *names, fd,
			file->size_bytes, &err),
		    "%s", err.msg);
		file->has_digest = true;
		fd_drop(&fd);
	}
	ATF_REQUIRE_EQ(0, packer_end(packer, &err));
	a = *packer_artifact(packer);
	ATF_REQUIRE_EQ(0,
	    page_index_encode(&raw, &len, packer_index(packer), &err));
	ATF_REQUIRE_EQ(0, put_all(&bed.t, false, &a.index, raw, len, &err));
	free(raw);
	ATF_REQUIRE_EQ_MSG(0, envelope_encode(&json, &len, &e, &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ(0, put_all(&bed.t, false, &a.envelope, json, len, &err));
	free(json);
	*moved = bed.t.moved_bytes;
	ATF_REQUIRE_EQ(0, artifact_encode(&json, &len, &a, "", &err));
	ATF_REQUIRE_EQ_MSG(0,
	    transport_put_manifest(&bed.t, &bed.ref, json, len, NULL, &err),
	    "%s", err.msg);
	free(json);
	packer_free(packer);
	envelope_fini(&e);
	bed_close(&bed);
}

/* Whether the reader has the bytes of the file of that number; 1: damaged. */
static int
compare(struct reader *r, size_t number, struct error *err)
{
	const struct page_file *f = &r->index.files[number];
	const char *name = r->envelope.files[number].name;
	const struct page_group *group;
	const unsigned char *page;
	unsigned char want[LEAF_PAGE];
	struct leaf leaf;
	uint64_t off, n;
	unsigned i;
	int fd;

	ATF_REQUIRE_EQ(0,
	    fd_open_file(&fd, NULL, AT_FDCWD, name, O_RDONLY, NULL));
	for (off = 0; off < f->bytes; off += LEAF_PAGE) {
		i = (unsigned)(off / LEAF_PAGE % LEAF_PAGES);
		group = page_index_find(&r->index, f,
		    (uint32_t)(off / LEAF_GROUP));
		page = NULL;
		if (group != NULL &&
		    ((i == 0 && reader_leaf(&leaf, r, number, group, err)) ||
			(leaf.is_data[i] &&
			    reader_page(&page, r, &leaf.place[i], &leaf.hash[i],
				err) == -1))) {
			fd_drop(&fd);
			return 1;
		}
		n = f->bytes - off < LEAF_PAGE ? f->bytes - off : LEAF_PAGE;
		memset(want, 0, sizeof(want));
		ATF_REQUIRE_EQ(0,
		    fd_pread(fd, want, (size_t)n, off, name, NULL));
		if (page == NULL)
			ATF_REQUIRE(want[0] == 0 &&
			    memcmp(want, want + 1, LEAF_PAGE - 1) == 0);
		else
			ATF_REQUIRE_EQ_MSG(0, memcmp(want, page, LEAF_PAGE),
			    "%s: byte %ju", name, (uintmax_t)off);
	}
	fd_drop(&fd);
	return 0;
}

static void
compare_all(const char *text)
{
	struct error err = { 0 };
	struct reader r = { 0 };
	struct digest digest;
	struct bed bed;
	size_t i;
	int fd;

	bed_open(&bed, text);
	ATF_REQUIRE_EQ_MSG(0, reader_open(&r, &bed.t, &bed.ref, &err), "%s",
	    err.msg);
	for (i = 0; i < r.index.files_n; i++) {
		ATF_CHECK_EQ_MSG(0, compare(&r, i, &err), "%s", err.msg);
		/* The tree's root is the digest that is known elsewhere. */
		fd = open(r.envelope.files[i].name, O_RDONLY | O_CLOEXEC);
		ATF_REQUIRE_EQ(0,
		    digest_file(&digest, fd, r.index.files[i].bytes, "file",
			&err));
		ATF_CHECK(digest_equal(&digest, &r.envelope.files[i].digest));
		fd_drop(&fd);
	}
	reader_close(&r);
	bed_close(&bed);
}

/* Files of all kinds of ends, holes, and pages that occur again. */
static void
make_files_of_all_kinds(void)
{
	static unsigned char buf[MIB];
	uint64_t seed = 7;
	unsigned i;
	int fd;

	fd = make_file("empty", 0);
	fd_drop(&fd);
	fd = make_file("zeros", 40 * MIB + 1);
	fd_drop(&fd);
	fd = make_file("one", 1);
	make_data(fd, 0, "x", 1);
	fd_drop(&fd);
	fd = make_file("page", LEAF_PAGE);
	make_data(fd, LEAF_PAGE - 1, "y", 1);
	fd_drop(&fd);
	make_bytes(buf, sizeof(buf), &seed);
	fd = make_file("twice", 2 * MIB + 100);
	make_data(fd, 0, buf, MIB);
	make_data(fd, MIB + 50, buf, MIB); /* out of step */
	fd_drop(&fd);
	fd = make_file("again", 70 * MIB);
	for (i = 0; i < 8; i++)
		make_data(fd, (1 + 9 * i) * 4096 * 128 + i * 4096, buf,
		    MIB / 2 + 4096 * i);
	make_data(fd, 70 * MIB - 5, "end", 3);
	fd_drop(&fd);
	fd = make_sparse("sparse", 33 * MIB + 777, 60, 3);
	fd_drop(&fd);
}

static const char *const all[] = { "empty", "zeros", "one", "page", "twice",
	"again", "sparse", NULL };

static uint64_t
count_blobs(const char *text, struct artifact *out)
{
	struct error err = { 0 };
	struct reader r = { 0 };
	struct bed bed;
	uint64_t bytes = 0;
	size_t i;

	bed_open(&bed, text);
	ATF_REQUIRE_EQ(0, reader_open(&r, &bed.t, &bed.ref, &err));
	for (i = 0; i < r.artifact.parts_n; i++)
		bytes += r.artifact.parts[i].blob.bytes;
	memset(out, 0, sizeof(*out));
	out->parts_n = r.artifact.parts_n;
	out->index = r.artifact.index;
	reader_close(&r);
	bed_close(&bed);
	return bytes;
}

ATF_TC_WITHOUT_HEAD(pack__round_trip);
ATF_TC_BODY(pack__round_trip, tc)
{
	static const char *const none[] = { "empty", "zeros", NULL };
	struct artifact a;
	uint64_t moved, bytes;

	make_files_of_all_kinds();
	push(LAYOUT ":a", all, NULL, &moved);
	compare_all(LAYOUT ":a");
	/*
	 * Random bytes are no smaller: 1 MiB of them in step, 1 MiB out of step,
	 * what is odd in `sparse`; all else is one of these, or a hole.
	 */
	bytes = count_blobs(LAYOUT ":a", &a);
	ATF_CHECK_EQ(2, a.parts_n);
	ATF_CHECK_MSG(bytes < 5 * MIB, "%ju bytes", (uintmax_t)bytes);
	/* Of holes alone nothing is stored. */
	push(LAYOUT ":none", none, NULL, &moved);
	compare_all(LAYOUT ":none");
	ATF_CHECK_EQ(0, count_blobs(LAYOUT ":none", &a));
	ATF_CHECK_EQ(PAGE_INDEX_HEAD + 2 * 16, a.index.bytes);
}

/* What comes after builds on it: what has changed is moved, and no more. */
ATF_TC_WITHOUT_HEAD(pack__difference);
ATF_TC_BODY(pack__difference, tc)
{
	static unsigned char page[LEAF_PAGE];
	struct error err = { 0 };
	struct reader parent = { 0 };
	struct artifact a;
	uint64_t moved, seed = 99;
	struct bed bed;
	int fd;

	make_files_of_all_kinds();
	push(LAYOUT ":a", all, NULL, &moved);
	/* One page of random bytes, one moved from elsewhere, one gone. */
	make_bytes(page, sizeof(page), &seed);
	fd = open("twice", O_RDWR | O_CLOEXEC);
	make_data(fd, 8 * LEAF_PAGE, page, LEAF_PAGE);
	ATF_REQUIRE_EQ(0,
	    fd_pread(fd, page, LEAF_PAGE, 3 * LEAF_PAGE, "twice", &err));
	make_data(fd, 200 * LEAF_PAGE, page, LEAF_PAGE);
	memset(page, 0, sizeof(page));
	make_data(fd, 10 * LEAF_PAGE, page, LEAF_PAGE);
	fd_drop(&fd);
	bed_open(&bed, LAYOUT ":a");
	ATF_REQUIRE_EQ(0, reader_open(&parent, &bed.t, &bed.ref, &err));
	push(LAYOUT ":b", all, &parent, &moved);
	compare_all(LAYOUT ":b");
	count_blobs(LAYOUT ":b", &a);
	ATF_CHECK_EQ(4, a.parts_n);
	/* A page, the leaves of two groups, the index, the envelope. */
	ATF_CHECK_MSG(moved <
		LEAF_PAGE + 100 + 2 * LEAF_BYTES_MAX + a.index.bytes + 2048,
	    "%ju bytes", (uintmax_t)moved);
	/* The parent is as it was. */
	reader_close(&parent);
	bed_close(&bed);
	fd_drop(&fd);
}

/* A file that the parent has as it is need not be read, nor be there. */
ATF_TC_WITHOUT_HEAD(pack__same);
ATF_TC_BODY(pack__same, tc)
{
	struct error err = { 0 };
	struct reader parent = { 0 };
	const struct envelope_file *file;
	struct packer *packer;
	struct digest other;
	struct bed bed;
	uint64_t moved;
	size_t i;

	make_files_of_all_kinds();
	push(LAYOUT ":a", all, NULL, &moved);
	bed_open(&bed, LAYOUT ":a");
	ATF_REQUIRE_EQ(0, reader_open(&parent, &bed.t, &bed.ref, &err));
	ATF_REQUIRE_EQ(0, packer_new(&packer, &bed.t, false, &parent, &err));
	file = &parent.envelope.files[0];
	other = file->digest;
	other.raw[31] ^= 1;
	ATF_CHECK_EQ(0,
	    packer_same(packer, file->name, file->size_bytes, &other, &err));
	ATF_CHECK_EQ(0,
	    packer_same(packer, file->name, file->size_bytes + 1, &file->digest,
		&err));
	ATF_CHECK_EQ(0,
	    packer_same(packer, "other", file->size_bytes, &file->digest,
		&err));
	for (i = 0; i < parent.envelope.files_n; i++) {
		file = &parent.envelope.files[i];
		ATF_REQUIRE_EQ(0, unlink(file->name));
		ATF_CHECK_EQ(1,
		    packer_same(packer, file->name, file->size_bytes,
			&file->digest, &err));
	}
	ATF_REQUIRE_EQ(0, packer_end(packer, &err));
	ATF_CHECK_EQ_MSG(0,
	    page_index_check(packer_index(packer), &parent.envelope, &err),
	    "%s", err.msg);
	ATF_CHECK_EQ(parent.index.depth, packer_index(packer)->depth);
	ATF_CHECK_EQ(parent.artifact.parts_n, packer_artifact(packer)->parts_n);
	ATF_CHECK_EQ(0, bed.t.moved_bytes);
	packer_free(packer);
	ATF_REQUIRE_EQ(0, packer_new(&packer, &bed.t, false, NULL, &err));
	file = &parent.envelope.files[0];
	ATF_CHECK_EQ(0,
	    packer_same(packer, file->name, file->size_bytes, &file->digest,
		&err));
	packer_free(packer);
	reader_close(&parent);
	bed_close(&bed);
}

/* Each byte of the parts flipped: told, or nothing that anybody reads. */
ATF_TC_WITHOUT_HEAD(read__damaged);
ATF_TC_BODY(read__damaged, tc)
{
	static const char *const names[] = { "page", "twice", NULL };
	char path[128], hex[65], text[DIGEST_TEXT_MAX];
	struct error err = { 0 };
	struct reader r = { 0 };
	struct bed bed;
	unsigned char byte;
	uint64_t moved, off;
	size_t i, told = 0, tried = 0;
	int fd;

	make_files_of_all_kinds();
	push(LAYOUT ":a", names, NULL, &moved);
	bed_open(&bed, LAYOUT ":a");
	ATF_REQUIRE_EQ(0, reader_open(&r, &bed.t, &bed.ref, &err));
	for (i = 0; i < r.artifact.parts_n; i++) {
		digest_text(text, &r.artifact.parts[i].blob.digest);
		memcpy(hex, text + 7, sizeof(hex));
		snprintf(path, sizeof(path), "lay/blobs/sha256/%s", hex);
		fd = open(path, O_RDWR | O_CLOEXEC);
		ATF_REQUIRE(fd != -1);
		for (off = 0; off < r.artifact.parts[i].blob.bytes;
		     off += 8191) {
			struct reader again = { 0 };

			ATF_REQUIRE_EQ(1, pread(fd, &byte, 1, (off_t)off));
			byte ^= 0x20;
			make_data(fd, off, &byte, 1);
			memset(&err, 0, sizeof(err));
			ATF_REQUIRE_EQ(0,
			    reader_open(&again, &bed.t, &bed.ref, &err));
			if (compare(&again, 0, &err) == 1 ||
			    compare(&again, 1, &err) == 1) {
				ATF_CHECK_EQ_MSG(EX_DATAERR, err.code, "%s",
				    err.msg);
				told++;
			}
			tried++;
			reader_close(&again);
			byte ^= 0x20;
			make_data(fd, off, &byte, 1);
		}
		fd_drop(&fd);
	}
	/* A frame's unused bits may be either way; there are hardly any. */
	ATF_CHECK_MSG(told * 10 >= tried * 9, "%zu of %zu", told, tried);
	reader_close(&r);
	bed_close(&bed);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, pack__round_trip);
	ATF_TP_ADD_TC(tp, pack__difference);
	ATF_TP_ADD_TC(tp, pack__same);
	ATF_TP_ADD_TC(tp, read__damaged);
	return atf_no_error();
}
