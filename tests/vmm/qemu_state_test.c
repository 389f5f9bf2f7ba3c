/* SPDX-License-Identifier: ISC */
/* Heads of QEMU's streams, built here as migration/savevm.c writes them. */
#include "vmm/qemu/qemu_state.h"

#include <atf-c.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"

#define MACHINE "pc-q35-7.2"
#define MEMORY (UINT64_C(32) << 20)
#define STREAM_MAX 65536

/* Places in the stream that a case damages. */
enum mark {
	MARK_START,
	MARK_MACHINE,
	MARK_SUBSECTION,
	MARK_CAPABILITIES,
	MARK_BLOCKS,
	MARK_TOTAL,
	MARK_MEM,
	MARK_BLOCKS_END,
	MARK_PART,
	MARK_PAGE,
	MARK_PAGE_NAME,
	MARK_NEXT_PAGE,
	MARK_PART_END,
	MARK_END,
	MARK_DEVICES,
	MARKS
};

struct stream {
	unsigned char raw[STREAM_MAX];
	size_t len;
	size_t mark[MARKS];
};

static void
put(struct stream *s, const void *bytes, size_t n)
{
	memcpy(s->raw + s->len, bytes, n);
	s->len += n;
}

static void
put_u8(struct stream *s, unsigned n)
{
	s->raw[s->len++] = (unsigned char)n;
}

static void
put_u32(struct stream *s, uint32_t n)
{
	be32_put(s->raw + s->len, n);
	s->len += 4;
}

static void
put_u64(struct stream *s, uint64_t n)
{
	be64_put(s->raw + s->len, n);
	s->len += 8;
}

static void
put_name(struct stream *s, const char *name)
{
	put_u8(s, (unsigned)strlen(name));
	put(s, name, strlen(name));
}

static void
put_footer(struct stream *s, uint32_t section)
{
	put_u8(s, 0x7e);
	put_u32(s, section);
}

static void
put_configuration(struct stream *s)
{
	s->mark[MARK_START] = s->len;
	put_u32(s, 0x5145564d);
	put_u32(s, 3);
	put_u8(s, 0x07);
	put_u32(s, (uint32_t)strlen(MACHINE));
	s->mark[MARK_MACHINE] = s->len;
	put(s, MACHINE, strlen(MACHINE));
	put_u8(s, 0x05);
	s->mark[MARK_SUBSECTION] = s->len;
	put_name(s, "configuration/capabilities");
	s->mark[MARK_CAPABILITIES] = s->len;
	put_u32(s, 1);
	put_u32(s, 1);
	put_name(s, "x-ignore-shared");
}

static void
put_blocks(struct stream *s)
{
	s->mark[MARK_BLOCKS] = s->len;
	put_u8(s, 0x01);
	put_u32(s, 2);
	put_name(s, "ram");
	put_u32(s, 0);
	put_u32(s, 4);
	s->mark[MARK_TOTAL] = s->len;
	put_u64(s, (MEMORY + 0x40000) | 0x04);
	s->mark[MARK_MEM] = s->len;
	put_name(s, "mem");
	put_u64(s, MEMORY);
	put_u64(s, 0);
	put_name(s, "pc.bios");
	put_u64(s, 0x40000);
	put_u64(s, 0xfffc0000);
	s->mark[MARK_BLOCKS_END] = s->len;
	put_u64(s, 0x10);
	put_footer(s, 2);
}

/* Three pages of the ROM: one with data, a zero one, one more with data. */
static void
put_pages(struct stream *s)
{
	static const unsigned char page[4096] = { 1 };

	s->mark[MARK_PART] = s->len;
	put_u8(s, 0x02);
	put_u32(s, 2);
	s->mark[MARK_PAGE] = s->len;
	put_u64(s, 0x08);
	s->mark[MARK_PAGE_NAME] = s->len;
	put_name(s, "pc.bios");
	put(s, page, sizeof(page));
	s->mark[MARK_NEXT_PAGE] = s->len;
	put_u64(s, 0x1000 | 0x20 | 0x02);
	put_u8(s, 0);
	put_u64(s, 0x2000 | 0x20 | 0x08);
	put(s, page, sizeof(page));
	s->mark[MARK_PART_END] = s->len;
	put_u64(s, 0x10);
	put_footer(s, 2);
	s->mark[MARK_END] = s->len;
	put_u8(s, 0x03);
	put_u32(s, 2);
	put_u64(s, 0x10);
	put_footer(s, 2);
}

static void
build(struct stream *s)
{
	memset(s, 0, sizeof(*s));
	put_configuration(s);
	put_blocks(s);
	put_pages(s);
	s->mark[MARK_DEVICES] = s->len;
	put_u8(s, 0x04);
	put(s, "device sections", 15);
}

static struct stream *
new_stream(void)
{
	struct stream *s = malloc(sizeof(*s));

	ATF_REQUIRE(s != NULL);
	build(s);
	return s;
}

ATF_TC_WITHOUT_HEAD(head__good);
ATF_TC_BODY(head__good, tc)
{
	struct stream *s = new_stream();
	struct error err = { 0 };
	struct qemu_head end = { 0 };

	ATF_CHECK_EQ_MSG(0,
	    qemu_head_decode(&end, s->raw, s->len, MACHINE, MEMORY, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(s->mark[MARK_DEVICES], end.end);
	ATF_CHECK_EQ(0, end.flash_n);
	free(s);
}

/* Two devices' pages, with a ROM's between them and with an end of a round. */
ATF_TC_WITHOUT_HEAD(head__flash);
ATF_TC_BODY(head__flash, tc)
{
	static const unsigned char page[4096] = { 1 };
	struct stream *s = calloc(1, sizeof(*s));
	struct error err = { 0 };
	struct qemu_head head = { 0 };
	size_t from[3], to[3], i;

	ATF_REQUIRE(s != NULL);
	put_configuration(s);
	put_blocks(s);
	put_u8(s, 0x02);
	put_u32(s, 2);
	from[0] = s->len;
	put_u64(s, 0x08);
	put_name(s, "system.flash0");
	put(s, page, sizeof(page));
	put_u64(s, 0x1000 | 0x20 | 0x02);
	put_u8(s, 0xff);
	to[0] = s->len;
	put_u64(s, 0x02);
	put_name(s, "pc.rom");
	put_u8(s, 0);
	from[1] = s->len;
	put_u64(s, 0x08);
	put_name(s, "system.flash1");
	put(s, page, sizeof(page));
	to[1] = s->len;
	put_u64(s, 0x10);
	put_footer(s, 2);
	put_u8(s, 0x03);
	put_u32(s, 2);
	from[2] = s->len;
	put_u64(s, 0x1000 | 0x20 | 0x08);
	put(s, page, sizeof(page));
	to[2] = s->len;
	put_u64(s, 0x10);
	put_footer(s, 2);
	put_u8(s, 0x04);
	put(s, "device sections", 15);

	ATF_REQUIRE_EQ_MSG(0,
	    qemu_head_decode(&head, s->raw, s->len, MACHINE, MEMORY, &err),
	    "%s", err.msg);
	ATF_REQUIRE_EQ(3, head.flash_n);
	for (i = 0; i < 3; i++) {
		ATF_CHECK_EQ(from[i], head.flash[i].from);
		ATF_CHECK_EQ(to[i], head.flash[i].to);
	}
	free(s);
}

ATF_TC_WITHOUT_HEAD(head__damaged);
ATF_TC_BODY(head__damaged, tc)
{
	static const struct {
		enum mark mark;
		size_t at; /* bytes behind it */
		unsigned char byte;
		const char *message;
	} table[] = {
		{ MARK_START, 0, 'X', "not a stream of version 3" },
		{ MARK_START, 7, 4, "not a stream of version 3" },
		{ MARK_START, 8, 0x01, "not a stream of version 3" },
		{ MARK_START, 9, 0xff, "stream ends" },
		{ MARK_START, 12, 9, "another machine" },
		{ MARK_MACHINE, 0, 'q', "another machine" },
		{ MARK_SUBSECTION, 1, 'x', "unknown subsection" },
		{ MARK_CAPABILITIES, 3, 2, "unknown capabilities" },
		{ MARK_CAPABILITIES, 7, 65, "unknown capabilities" },
		{ MARK_CAPABILITIES, 7, 64, "no list of RAM blocks" },
		{ MARK_BLOCKS, 0, 0x02, "no list of RAM blocks" },
		{ MARK_BLOCKS, 6, 'x', "no list of RAM blocks" },
		{ MARK_BLOCKS, 16, 5, "no list of RAM blocks" },
		{ MARK_TOTAL, 7, 0x08, "no list of RAM blocks" },
		{ MARK_TOTAL, 5, 0x01, "RAM blocks larger than their sum" },
		{ MARK_MEM, 1, 'x', "no RAM block \"mem\"" },
		{ MARK_MEM, 4, 0xff, "RAM blocks larger than their sum" },
		{ MARK_MEM, 10, 0x10, "memory of another size" },
		{ MARK_BLOCKS_END, 7, 0x20, "no end of the RAM blocks" },
		{ MARK_BLOCKS_END, 8, 0x7f, "no footer" },
		{ MARK_BLOCKS_END, 12, 3, "no footer" },
		{ MARK_PART, 0, 0x04, "unknown section" },
		{ MARK_PART, 4, 9, "unknown section" },
		{ MARK_PAGE, 7, 0x00, "page with unknown flags" },
		{ MARK_PAGE, 7, 0x0a, "page with unknown flags" },
		{ MARK_PAGE, 7, 0x88, "page with unknown flags" },
		{ MARK_PAGE, 6, 0x01, "page with unknown flags" },
		{ MARK_PAGE, 7, 0x28, "page of the guest's memory" },
		{ MARK_NEXT_PAGE, 7, 0x22 | 0x08, "page with unknown flags" },
		{ MARK_PART_END, 8, 0, "no footer" },
		{ MARK_END, 0, 0x00, "unknown section" },
		{ MARK_DEVICES, 0, 0x00, "no device section" },
	};
	struct stream *s = new_stream();
	struct error err;
	struct qemu_head end = { 0 };
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		build(s);
		s->raw[s->mark[table[i].mark] + table[i].at] = table[i].byte;
		memset(&err, 0, sizeof(err));
		end.end = 77;
		ATF_CHECK_EQ_MSG(-1,
		    qemu_head_decode(&end, s->raw, s->len, MACHINE, MEMORY,
			&err),
		    "%zu: taken", i);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_EQ(77, end.end);
		ATF_CHECK_MSG(strncmp(err.msg, table[i].message,
				  strlen(table[i].message)) == 0,
		    "%zu: %s, not %s", i, err.msg, table[i].message);
	}
	free(s);
}

/* A page of the guest's memory in the stream would be loaded twice. */
ATF_TC_WITHOUT_HEAD(head__memory_in_the_stream);
ATF_TC_BODY(head__memory_in_the_stream, tc)
{
	struct stream *s = new_stream();
	struct error err = { 0 };
	struct qemu_head end;

	s->len = s->mark[MARK_PAGE];
	put_u64(s, 0x08);
	put_name(s, "mem");
	s->len = STREAM_MAX;
	ATF_CHECK_EQ(-1,
	    qemu_head_decode(&end, s->raw, s->len, MACHINE, MEMORY, &err));
	ATF_CHECK_MSG(strncmp(err.msg, "page of the guest's memory", 26) == 0,
	    "%s", err.msg);
	free(s);
}

ATF_TC_WITHOUT_HEAD(head__cut_anywhere);
ATF_TC_BODY(head__cut_anywhere, tc)
{
	struct stream *s = new_stream();
	struct error err;
	unsigned char *copy;
	struct qemu_head end = { .end = 77 };
	size_t len;

	for (len = 0; len <= s->mark[MARK_DEVICES]; len++) {
		/* On the heap and of this length, so that a sanitizer sees. */
		copy = malloc(len + 1);
		ATF_REQUIRE(copy != NULL);
		memcpy(copy, s->raw, len);
		err.code = 0;
		ATF_REQUIRE_EQ_MSG(-1,
		    qemu_head_decode(&end, copy, len, MACHINE, MEMORY, &err),
		    "%zu bytes: taken", len);
		ATF_REQUIRE_EQ(EX_DATAERR, err.code);
		ATF_REQUIRE_EQ(77, end.end);
		free(copy);
	}
	free(s);
}

ATF_TC_WITHOUT_HEAD(head__another_size_or_machine);
ATF_TC_BODY(head__another_size_or_machine, tc)
{
	struct stream *s = new_stream();
	struct error err = { 0 };
	struct qemu_head end;

	ATF_CHECK_EQ(-1,
	    qemu_head_decode(&end, s->raw, s->len, MACHINE, MEMORY * 2, &err));
	ATF_CHECK(strncmp(err.msg, "memory of another size", 22) == 0);
	ATF_CHECK_EQ(-1,
	    qemu_head_decode(&end, s->raw, s->len, "pc-q35-7.20", MEMORY,
		&err));
	ATF_CHECK(strncmp(err.msg, "another machine", 15) == 0);
	free(s);
}

ATF_TC_WITHOUT_HEAD(head__too_many_blocks);
ATF_TC_BODY(head__too_many_blocks, tc)
{
	struct stream *s = new_stream();
	struct error err = { 0 };
	struct qemu_head end;
	size_t i;

	s->len = s->mark[MARK_TOTAL];
	put_u64(s, (UINT64_C(1) << 40) | 0x04);
	for (i = 0; i <= QEMU_BLOCKS_MAX; i++) {
		put_name(s, "x");
		put_u64(s, 4096);
		put_u64(s, 0);
	}
	ATF_CHECK_EQ(-1,
	    qemu_head_decode(&end, s->raw, s->len, MACHINE, MEMORY, &err));
	ATF_CHECK_MSG(strncmp(err.msg, "too many RAM blocks", 19) == 0, "%s",
	    err.msg);
	free(s);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, head__good);
	ATF_TP_ADD_TC(tp, head__flash);
	ATF_TP_ADD_TC(tp, head__damaged);
	ATF_TP_ADD_TC(tp, head__memory_in_the_stream);
	ATF_TP_ADD_TC(tp, head__cut_anywhere);
	ATF_TP_ADD_TC(tp, head__another_size_or_machine);
	ATF_TP_ADD_TC(tp, head__too_many_blocks);
	return atf_no_error();
}
