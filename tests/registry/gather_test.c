/* SPDX-License-Identifier: ISC */
#include "registry/gather.h"

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#define ASKED_MAX 64

/* A place that has blobs whose bytes can be computed, and notes what is asked. */
struct fake {
	struct range asked[ASKED_MAX];
	size_t asked_n, on_way, on_way_max;
	size_t fail_ask, fail_await; /* number, from 1 on */
	size_t awaited_n;
};

static unsigned char
byte_at(const struct blob *blob, uint64_t off)
{
	return (unsigned char)(off * 31 + (off >> 9) + blob->digest.raw[0]);
}

static int
fake_ask(void *state, struct range *range, struct error *err)
{
	struct fake *f = state;

	ATF_REQUIRE(f->asked_n < ASKED_MAX);
	f->asked[f->asked_n++] = *range;
	if (f->asked_n == f->fail_ask)
		return error_set(err, EX_TEMPFAIL, "not asked");
	if (++f->on_way > f->on_way_max)
		f->on_way_max = f->on_way;
	return 0;
}

static int
fake_await(void *state, struct range *range, struct error *err)
{
	struct fake *f = state;
	unsigned char *p = range->buf;
	size_t i;

	f->on_way--;
	if (++f->awaited_n == f->fail_await)
		return error_set(err, EX_IOERR, "cut");
	for (i = 0; i < range->len; i++)
		p[i] = byte_at(range->blob, range->off + i);
	return 0;
}

static const struct transport_ops fake_ops = { .ask = fake_ask,
	.await = fake_await };

struct plan {
	const struct piece *v;
	size_t n, told;
};

static bool
tell_next(struct piece *out, void *arg)
{
	struct plan *p = arg;

	if (p->told == p->n)
		return false;
	*out = p->v[p->told++];
	return true;
}

/* Takes all of the pieces, and looks at each; how many were had. */
static size_t
take_all(struct fake *f, const struct piece *v, size_t n, unsigned ranges,
    struct error *err)
{
	struct transport t = { .ops = &fake_ops, .state = f };
	struct plan plan = { v, n, 0 };
	const unsigned char *got;
	struct gather g;
	size_t i, k;

	gather_init(&g, &t, ranges, tell_next, &plan);
	for (i = 0; i < n; i++) {
		if (gather_take(&got, &g, &v[i], err) == -1)
			break;
		for (k = 0; k < v[i].len; k++)
			ATF_REQUIRE_EQ(byte_at(v[i].blob, v[i].off + k),
			    got[k]);
	}
	gather_fini(&g);
	ATF_CHECK_EQ(0, f->on_way);
	return i;
}

static const struct blob one = { { { 1 } }, 1u << 30 };
static const struct blob two = { { { 2 } }, 1u << 30 };

/* Neighbours come by one range, and so does what is between them, if little. */
ATF_TC_WITHOUT_HEAD(gather__neighbours);
ATF_TC_BODY(gather__neighbours, tc)
{
	const struct piece v[] = { { &one, 100, 50 }, { &one, 150, 10 },
		{ &one, 150, 10 }, { &one, 155, 2 },
		{ &one, 160 + GATHER_GAP, 7 },
		{ &one, 168 + 2 * (uint64_t)GATHER_GAP, 9 }, { &two, 200, 1 },
		{ &two, 100, 1 } };
	struct fake f = { 0 };

	ATF_CHECK_EQ(8, take_all(&f, v, 8, 0, NULL));
	ATF_REQUIRE_EQ(4, f.asked_n);
	ATF_CHECK_EQ(100, f.asked[0].off);
	ATF_CHECK_EQ(67 + GATHER_GAP, f.asked[0].len);
	ATF_CHECK_EQ(9, f.asked[1].len);
	ATF_CHECK(f.asked[2].blob == &two && f.asked[2].off == 200);
	ATF_CHECK_EQ(100, f.asked[3].off);
}

/* No range is longer than it may be, and no more are on their way. */
ATF_TC_WITHOUT_HEAD(gather__limits);
ATF_TC_BODY(gather__limits, tc)
{
	enum { N = 40, LEN = GATHER_BYTES / 4 + 1 };
	struct piece v[N];
	unsigned i, ranges;

	for (i = 0; i < N; i++)
		v[i] = (struct piece){ &one, (uint64_t)i * LEN, LEN };
	for (ranges = 1; ranges <= 5; ranges += 2) {
		struct fake f = { 0 };

		ATF_CHECK_EQ(N, take_all(&f, v, N, ranges, NULL));
		ATF_CHECK_EQ((N + 2) / 3, f.asked_n);
		ATF_CHECK_EQ(ranges, f.on_way_max);
		for (i = 0; i < f.asked_n; i++)
			ATF_CHECK(f.asked[i].len <= GATHER_BYTES);
	}
}

/* Of each range it is told how much of what lies behind it will be asked for. */
ATF_TC_WITHOUT_HEAD(gather__more);
ATF_TC_BODY(gather__more, tc)
{
	enum { N = 40, LEN = GATHER_BYTES, GAP_AT = 30 };
	struct fake f = { 0 };
	struct piece v[N];
	uint64_t more;
	unsigned i;

	for (i = 0; i < N; i++)
		v[i] = (struct piece){ &one,
			(uint64_t)i * LEN + (i >= GAP_AT ? GATHER_GAP : 0),
			LEN };
	ATF_CHECK_EQ(N, take_all(&f, v, N, 2, NULL));
	ATF_REQUIRE_EQ(N, f.asked_n);
	for (i = 0; i < N; i++) {
		more = (i < GAP_AT ? GAP_AT - 1 - i : N - 1 - i) *
		    (uint64_t)LEN;
		if (more > RANGE_MORE_MAX - LEN)
			more = RANGE_MORE_MAX - LEN;
		ATF_CHECK_EQ(more, f.asked[i].more);
	}
}

/* Whatever fails, what was asked for is awaited. */
ATF_TC_WITHOUT_HEAD(gather__fails);
ATF_TC_BODY(gather__fails, tc)
{
	enum { N = 10, LEN = GATHER_BYTES };
	struct error err = { 0 };
	struct piece v[N];
	unsigned i;

	for (i = 0; i < N; i++)
		v[i] = (struct piece){ &one, (uint64_t)i * LEN, LEN };
	for (i = 1; i <= N; i++) {
		struct fake f = { .fail_await = i }, g = { .fail_ask = i };

		ATF_CHECK_EQ(i - 1, take_all(&f, v, N, 4, &err));
		ATF_CHECK_EQ(EX_IOERR, err.code);
		ATF_CHECK(take_all(&g, v, N, 4, &err) < i);
		ATF_CHECK_EQ(EX_TEMPFAIL, err.code);
	}
	ATF_CHECK_EQ(0, take_all(&(struct fake){ 0 }, v, 0, 4, NULL));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, gather__neighbours);
	ATF_TP_ADD_TC(tp, gather__limits);
	ATF_TP_ADD_TC(tp, gather__more);
	ATF_TP_ADD_TC(tp, gather__fails);
	return atf_no_error();
}
