/* SPDX-License-Identifier: ISC */
#include "base/rfc3339.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FRACTION_DIGITS 9 /* a nanosecond */
#define FIRST_S (-INT64_C(62167219200)) /* 0000-01-01T00:00:00Z */
#define LAST_S INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* The first `digits` of the nanoseconds stand behind the point. */
static void
format(char *out, const struct timespec *t, int digits)
{
	time_t s = t->tv_sec;
	char fraction[16];
	struct tm tm;
	size_t n;

	if (s < FIRST_S)
		s = FIRST_S;
	if (s > LAST_S)
		s = LAST_S;
	gmtime_r(&s, &tm);
	/* Not %Y, which has no zeros in front. */
	n = (size_t)snprintf(out, RFC3339_MAX, "%02u%02u",
	    (unsigned)(tm.tm_year + 1900) / 100 % 100,
	    (unsigned)(tm.tm_year + 1900) % 100);
	n += strftime(out + n, RFC3339_MAX - n, "-%m-%dT%H:%M:%S", &tm);
	snprintf(fraction, sizeof(fraction), ".%09u",
	    (unsigned)t->tv_nsec % 1000000000u);
	snprintf(out + n, RFC3339_MAX - n, "%.*sZ",
	    digits == 0 ? 0 : 1 + digits, fraction);
}

void
rfc3339_us(char *out, const struct timespec *t)
{
	format(out, t, 6);
}

void
rfc3339_ns(char *out, const struct timespec *t)
{
	long rest = t->tv_nsec;
	int digits = FRACTION_DIGITS;

	while (digits > 0 && rest % 10 == 0) {
		rest /= 10;
		digits--;
	}
	format(out, t, digits);
}

/* `n` digits at *p, which moves behind them, within [min, max]; -1: none. */
static int
number(const char **p, int n, int min, int max)
{
	int value = 0;

	for (; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		value = value * 10 + (**p - '0');
	}
	return value < min || value > max ? -1 : value;
}

static bool
skip(const char **p, char ch)
{
	if (**p != ch)
		return false;
	(*p)++;
	return true;
}

static int
days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

static bool
read_date(struct tm *tm, const char **p)
{
	int year, month, day;

	year = number(p, 4, 0, 9999);
	if (year == -1 || !skip(p, '-'))
		return false;
	month = number(p, 2, 1, 12);
	if (month == -1 || !skip(p, '-'))
		return false;
	day = number(p, 2, 1, days_in(year, month));
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return day != -1;
}

static bool
read_clock(struct tm *tm, const char **p)
{
	tm->tm_hour = number(p, 2, 0, 23);
	if (tm->tm_hour == -1 || !skip(p, ':'))
		return false;
	tm->tm_min = number(p, 2, 0, 59);
	if (tm->tm_min == -1 || !skip(p, ':'))
		return false;
	tm->tm_sec = number(p, 2, 0, 59);
	return tm->tm_sec != -1;
}

/* The nanoseconds of ".5"; without a point there are none. */
static bool
read_fraction(long *ns, const char **p)
{
	int digits, i;

	*ns = 0;
	if (!skip(p, '.'))
		return true;
	digits = (int)strspn(*p, "0123456789");
	if (digits < 1 || digits > FRACTION_DIGITS)
		return false;
	*ns = number(p, digits, 0, 999999999);
	for (i = digits; i < FRACTION_DIGITS; i++)
		*ns *= 10;
	return true;
}

/* How many seconds its clock is ahead of UTC. */
static bool
read_offset(int *ahead_s, const char **p)
{
	bool behind = **p == '-';
	int hours, minutes;

	*ahead_s = 0;
	if (skip(p, 'Z'))
		return true;
	if (!skip(p, '+') && !skip(p, '-'))
		return false;
	hours = number(p, 2, 0, 23);
	if (hours == -1 || !skip(p, ':'))
		return false;
	minutes = number(p, 2, 0, 59);
	*ahead_s = (hours * 60 + minutes) * (behind ? -60 : 60);
	return minutes != -1;
}

int
rfc3339_parse(struct timespec *out, const char *text, struct error *err)
{
	const char *p = text;
	struct tm tm = { 0 };
	int ahead_s;
	long ns;

	if (!read_date(&tm, &p) || !skip(&p, 'T') || !read_clock(&tm, &p) ||
	    !read_fraction(&ns, &p) || !read_offset(&ahead_s, &p) || *p != '\0')
		return error_set(err, EX_DATAERR, "\"%s\" is no RFC 3339 time",
		    text);
	if (out != NULL) {
		out->tv_sec = timegm(&tm) - ahead_s;
		out->tv_nsec = ns;
	}
	return 0;
}
