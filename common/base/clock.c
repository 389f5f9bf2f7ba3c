/* SPDX-License-Identifier: ISC */
#include "base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

int64_t
clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_ms(void)
{
	return clock_us() / 1000;
}

int
clock_left(int64_t deadline_ms)
{
	int64_t left = deadline_ms - clock_ms();

	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

void
clock_nap(int ms)
{
	struct timespec ts;

	ts.tv_sec = ms / 1000;
	ts.tv_nsec = (long)(ms % 1000) * 1000000;
	nanosleep(&ts, NULL);
}

void
clock_rfc3339(char *out, const struct timespec *now)
{
	char frac[16];
	struct tm tm;
	size_t len;

	gmtime_r(&now->tv_sec, &tm);
	strftime(out, CLOCK_RFC3339_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(frac, sizeof(frac), ".%06uZ",
	    (unsigned)(now->tv_nsec / 1000) % 1000000u);
	len = strlen(out);
	snprintf(out + len, CLOCK_RFC3339_MAX - len, "%s", frac);
}

int64_t
clock_parse_rfc3339(const char *text)
{
	struct tm tm;
	const char *end;

	memset(&tm, 0, sizeof(tm));
	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (end == NULL)
		return -1;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	return strcmp(end, "Z") == 0 ? (int64_t)timegm(&tm) : -1;
}
