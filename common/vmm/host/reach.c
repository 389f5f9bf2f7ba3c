/* SPDX-License-Identifier: ISC */
#include "vmm/host/reach.h"

#include "base/clock.h"

/*
 * From one try to the next, where somebody says no.  Silence is another thing:
 * the network of a user-mode NIC goes on with each try for more than a minute,
 * whether we do or not, and a guest that comes up then would have to answer
 * hundreds.
 */
#define REFUSED_FIRST_MS 10
#define REFUSED_MOST_MS 200
#define SILENT_FIRST_MS 2000 /* a slow guest needs it for its first line */
#define SILENT_THEN_MS 3000
#define LOOK_MS 200 /* between two looks at the record */

void
reach_init(struct reach *r)
{
	*r = (struct reach){ .refused_ms = REFUSED_FIRST_MS,
		.silent_ms = SILENT_FIRST_MS };
	answer_init(&r->answer);
}

void
reach_fini(struct reach *r)
{
	answer_fini(&r->answer);
}

static void
tried(struct reach *r)
{
	r->tried_ms = clock_ms();
	r->due_ms = r->tried_ms + r->silent_ms;
	r->silent_ms = SILENT_THEN_MS;
}

static void
refused(struct reach *r)
{
	r->silent_ms = SILENT_FIRST_MS;
	if (r->due_ms > r->tried_ms + r->refused_ms)
		r->due_ms = r->tried_ms + r->refused_ms;
	r->refused_ms *= 2;
	if (r->refused_ms > REFUSED_MOST_MS)
		r->refused_ms = REFUSED_MOST_MS;
}

/* It may have other forwards than before. */
static int
find_route(struct reach *r, const struct vm *vm, struct error *err)
{
	struct route now;

	if (route_find(&now, vm, err) == -1)
		return -1;
	if (!route_is_same(&now, &r->route)) {
		answer_fini(&r->answer);
		answer_init(&r->answer);
		r->due_ms = 0;
	}
	r->route = now;
	return 0;
}

int
reach_look(struct reach *r, const struct vm *vm, int64_t deadline_ms,
    struct error *err)
{
	int64_t until_ms = clock_ms() + LOOK_MS;
	enum answer_seen seen;

	if (find_route(r, vm, err) == -1)
		return -1;
	if (r->route.port == 0)
		r->due_ms = until_ms;
	else if (clock_left(r->due_ms) == 0) {
		tried(r);
		if (!answer_try(&r->answer, &r->route))
			refused(r);
	}
	if (until_ms > r->due_ms)
		until_ms = r->due_ms;
	seen = answer_look(&r->answer,
	    until_ms < deadline_ms ? until_ms : deadline_ms);
	if (seen == ANSWER_REFUSED)
		refused(r);
	return seen == ANSWER_SERVER ? 1 : 0;
}
