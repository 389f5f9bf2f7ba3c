/* SPDX-License-Identifier: ISC */
#include "base/pool.h"

#include <atf-c.h>
#include <stdio.h>
#include <unistd.h>

#define JOBS 64
#define ROUNDS 200

struct sum {
	struct pool_job job; /* first */
	unsigned from, total, worker;
};

static int
add_up(struct pool_job *job, unsigned worker, struct error *err)
{
	struct sum *s = (struct sum *)job;
	unsigned i;

	s->total = 0;
	s->worker = worker;
	for (i = 0; i < 1000; i++)
		s->total += s->from + i;
	return s->from % 7 == 3 ? error_set(err, EX_DATAERR, "%u", s->from) : 0;
}

/* A ring of jobs that are given and awaited again and again, in order. */
ATF_TC_WITHOUT_HEAD(pool__ring);
ATF_TC_BODY(pool__ring, tc)
{
	struct sum sum[JOBS] = { 0 };
	struct error err = { 0 };
	struct pool *pool;
	char text[16];
	unsigned n, from;
	int rc;

	ATF_REQUIRE_EQ(0, pool_new(&pool, NULL));
	for (n = 0; n < JOBS * ROUNDS; n++) {
		struct sum *s = &sum[n % JOBS];

		from = s->from;
		rc = pool_await(pool, &s->job, &err);
		if (n >= JOBS) {
			ATF_REQUIRE_EQ(n - JOBS, from);
			ATF_REQUIRE_EQ(from * 1000 + 499500, s->total);
			ATF_REQUIRE(s->worker < POOL_WORKERS_MAX);
			ATF_REQUIRE_EQ(from % 7 == 3 ? -1 : 0, rc);
			if (rc == -1) {
				snprintf(text, sizeof(text), "%u", from);
				ATF_REQUIRE_EQ(EX_DATAERR, err.code);
				ATF_REQUIRE_STREQ(text, err.msg);
			}
		}
		s->job.run = add_up;
		s->from = n;
		pool_give(pool, &s->job);
	}
	pool_free(pool);
}

/* What was never given is done; awaiting twice is no more than once. */
ATF_TC_WITHOUT_HEAD(pool__idle);
ATF_TC_BODY(pool__idle, tc)
{
	struct sum s = { .job.run = add_up, .from = 3 };
	struct pool *pool;

	ATF_REQUIRE_EQ(0, pool_new(&pool, NULL));
	ATF_CHECK_EQ(0, pool_await(pool, &s.job, NULL));
	pool_give(pool, &s.job);
	ATF_CHECK_EQ(-1, pool_await(pool, &s.job, NULL));
	ATF_CHECK_EQ(0, pool_await(pool, &s.job, NULL));
	pool_free(pool);
	pool_free(NULL);
}

static int
nap(struct pool_job *job, unsigned worker, struct error *err)
{
	(void)worker;
	(void)err;
	usleep(1000);
	((struct sum *)job)->total = 1;
	return 0;
}

/* One that is freed with jobs has done each, or left it alone. */
ATF_TC_WITHOUT_HEAD(pool__given_up);
ATF_TC_BODY(pool__given_up, tc)
{
	struct sum sum[JOBS] = { 0 };
	struct pool *pool;
	unsigned i;

	ATF_REQUIRE_EQ(0, pool_new(&pool, NULL));
	for (i = 0; i < JOBS; i++) {
		sum[i].job.run = nap;
		pool_give(pool, &sum[i].job);
	}
	pool_free(pool);
	for (i = 0; i < JOBS; i++)
		ATF_CHECK_EQ(sum[i].total == 1, sum[i].job.state == POOL_DONE);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, pool__ring);
	ATF_TP_ADD_TC(tp, pool__idle);
	ATF_TP_ADD_TC(tp, pool__given_up);
	return atf_no_error();
}
