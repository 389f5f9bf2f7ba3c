/* SPDX-License-Identifier: ISC */
#include "base/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define PROGRESS_QUIET_US 500000
#define PROGRESS_EVERY_US 100000

void
progress_init(struct progress *p, const char *label, uint64_t total_bytes,
    bool quiet)
{
	p->label = label;
	p->total_bytes = total_bytes;
	p->start_us = clock_us();
	p->shown_us = 0;
	p->on = !quiet && isatty(STDERR_FILENO);
}

static void
print_line(const struct progress *p, uint64_t done_bytes, int64_t spent_us)
{
	double mib = (double)done_bytes / 1048576.0;
	double rate = mib / ((double)spent_us / 1e6);
	double left;

	if (p->total_bytes == 0 || done_bytes > p->total_bytes) {
		fprintf(stderr, "\r%s: %.0f MiB, %.0f MiB/s\033[K", p->label,
		    mib, rate);
		return;
	}
	left = rate > 0 ? ((double)p->total_bytes / 1048576.0 - mib) / rate : 0;
	fprintf(stderr, "\r%s: %.0f of %.0f MiB, %.0f MiB/s, %.0f s left\033[K",
	    p->label, mib, (double)p->total_bytes / 1048576.0, rate, left);
}

void
progress_update(struct progress *p, uint64_t done_bytes)
{
	int64_t now;

	if (!p->on)
		return;
	now = clock_us();
	if (now - p->start_us < PROGRESS_QUIET_US ||
	    now - p->shown_us < PROGRESS_EVERY_US)
		return;
	p->shown_us = now;
	print_line(p, done_bytes, now - p->start_us);
}

void
progress_show(void *progress, uint64_t done_bytes)
{
	progress_update(progress, done_bytes);
}

void
progress_fini(struct progress *p)
{
	if (p->on && p->shown_us != 0)
		fputs("\r\033[K", stderr);
	p->on = false;
}
