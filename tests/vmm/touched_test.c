/* SPDX-License-Identifier: ISC */
#include "vmm/host/touched.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGES 8192u /* of the file: 32 MiB */
#define PAGE WORKING_SET_PAGE

struct bed {
	int fd, asks[2], answers[2];
	pid_t
	    pid; /* it maps the file in two parts, and touches what it is told */
};

static void
serve(const struct bed *b)
{
	size_t half = PAGES / 2 * (size_t)PAGE;
	char *low, *high;
	uint32_t page;

	/* The second half of the file has the lower address. */
	high = mmap(NULL, 2 * half, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	    0);
	low = mmap(high + half, half, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_FIXED, b->fd, 0);
	high = mmap(high, half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
	    b->fd, (off_t)half);
	if (low == MAP_FAILED || high == MAP_FAILED ||
	    write(b->answers[1], "m", 1) != 1)
		_exit(1);
	while (read(b->asks[0], &page, sizeof(page)) == sizeof(page)) {
		if (page < PAGES / 2)
			low[page * PAGE] = 'x';
		else
			high[(page - PAGES / 2) * PAGE] = 'x';
		if (write(b->answers[1], "t", 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static void
begin(struct bed *b)
{
	char c;

	b->fd = open("template", O_RDWR | O_CREAT, 0600);
	ATF_REQUIRE(b->fd != -1);
	ATF_REQUIRE_EQ(0, ftruncate(b->fd, (off_t)(PAGES * PAGE)));
	ATF_REQUIRE_EQ(0, pipe(b->asks));
	ATF_REQUIRE_EQ(0, pipe(b->answers));
	b->pid = fork();
	if (b->pid == 0) {
		close(b->asks[1]);
		serve(b);
	}
	ATF_REQUIRE_EQ(1, read(b->answers[0], &c, 1));
}

/* A write makes the page its own, and no neighbour comes along. */
static void
touch(const struct bed *b, uint32_t page)
{
	char c;

	ATF_REQUIRE_EQ((ssize_t)sizeof(page),
	    write(b->asks[1], &page, sizeof(page)));
	ATF_REQUIRE_EQ(1, read(b->answers[0], &c, 1));
}

static void
end(const struct bed *b)
{
	close(b->asks[1]);
	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
}

ATF_TC_WITHOUT_HEAD(look__in_the_order_of_touching);
ATF_TC_BODY(look__in_the_order_of_touching, tc)
{
	struct error err = { 0 };
	struct working_set w = { 0 };
	struct touched *t;
	struct bed b;

	if (sysconf(_SC_PAGESIZE) != 4096)
		atf_tc_skip("pages of another size");
	begin(&b);
	ATF_REQUIRE_EQ_MSG(0, touched_new(&t, b.pid, b.fd, PAGES * PAGE, &err),
	    "%s", err.msg);
	ATF_REQUIRE_EQ_MSG(0, touched_look(t, 0, &err), "%s", err.msg);
	touch(&b, 5000);
	touch(&b, 101);
	touch(&b, 100);
	ATF_REQUIRE_EQ(0, touched_look(t, 5, &err));
	touch(&b, 100);
	touch(&b, 7);
	ATF_REQUIRE_EQ(0, touched_look(t, 9, &err));
	ATF_REQUIRE_EQ(0, touched_look(t, 12, &err));
	ATF_REQUIRE_EQ(0, touched_take(&w, t, &err));
	ATF_REQUIRE_EQ(3, w.n);
	ATF_CHECK_EQ(PAGES * PAGE, w.memory_bytes);
	ATF_CHECK_EQ(100, w.v[0].first);
	ATF_CHECK_EQ(2, w.v[0].n);
	ATF_CHECK_EQ(5, w.v[0].at_ms);
	ATF_CHECK_EQ(5000, w.v[1].first);
	ATF_CHECK_EQ(1, w.v[1].n);
	ATF_CHECK_EQ(7, w.v[2].first);
	ATF_CHECK_EQ(9, w.v[2].at_ms);
	working_set_fini(&w);
	touched_free(t);
	end(&b);
}

ATF_TC_WITHOUT_HEAD(take__more_runs_than_a_file_has);
ATF_TC_BODY(take__more_runs_than_a_file_has, tc)
{
	struct error err = { 0 };
	struct working_set w = { 0 }, back;
	struct touched *t;
	size_t len, bytes = 3 * WORKING_SET_RUNS_MAX * (size_t)PAGE;
	char *text, *map;
	uint32_t page;
	int fd;

	if (sysconf(_SC_PAGESIZE) != 4096)
		atf_tc_skip("pages of another size");
	fd = open("template", O_RDWR | O_CREAT, 0600);
	ATF_REQUIRE_EQ(0, ftruncate(fd, (off_t)bytes));
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ATF_REQUIRE(map != MAP_FAILED);
	for (page = 0; page < 3 * WORKING_SET_RUNS_MAX; page += 2)
		map[page * PAGE] = 'x';
	ATF_REQUIRE_EQ(0, touched_new(&t, getpid(), fd, bytes, &err));
	ATF_REQUIRE_EQ(0, touched_look(t, 1, &err));
	ATF_REQUIRE_EQ(0, touched_take(&w, t, &err));
	ATF_CHECK(w.n > 0 && w.n <= WORKING_SET_RUNS_MAX);
	ATF_REQUIRE_EQ(0, working_set_encode(&text, &len, &w, &err));
	ATF_CHECK_EQ_MSG(0, working_set_decode(&back, text, len, &err), "%s",
	    err.msg);
	/* Nothing that was touched is lost. */
	ATF_CHECK(working_set_bytes(&back) >= bytes / 2);
	working_set_fini(&back);
	working_set_fini(&w);
	free(text);
	touched_free(t);
	munmap(map, bytes);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(look__at_one_that_is_gone);
ATF_TC_BODY(look__at_one_that_is_gone, tc)
{
	struct error err = { 0 };
	struct touched *t;
	struct bed b;

	begin(&b);
	ATF_REQUIRE_EQ(0, touched_new(&t, b.pid, b.fd, PAGES * PAGE, &err));
	end(&b);
	ATF_CHECK_EQ(-1, touched_look(t, 0, &err));
	touched_free(t);
	ATF_CHECK_EQ(-1, touched_new(&t, b.pid, b.fd, PAGES * PAGE, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, look__in_the_order_of_touching);
	ATF_TP_ADD_TC(tp, take__more_runs_than_a_file_has);
	ATF_TP_ADD_TC(tp, look__at_one_that_is_gone);
	return atf_no_error();
}
