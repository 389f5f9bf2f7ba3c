/* SPDX-License-Identifier: ISC */
/* Times in the headers of MIRN files: RFC 3339, section 5.6. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "foreign/mirn.h"

void
mirn_timestamp(char out[MIRN_TIMESTAMP_MAX], const struct timespec *now)
{
	char fraction[16];
	struct tm tm;
	size_t n;

	gmtime_r(&now->tv_sec, &tm);
	n = strftime(out, MIRN_TIMESTAMP_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(fraction, sizeof(fraction), ".%09ld", now->tv_nsec);
	while (fraction[strlen(fraction) - 1] == '0')
		fraction[strlen(fraction) - 1] = '\0';
	if (fraction[1] == '\0')
		fraction[0] = '\0';
	snprintf(out + n, MIRN_TIMESTAMP_MAX - n, "%sZ", fraction);
}

/* Two digits within [min, max] at *p, which moves behind them; -1: none. */
static int
two_digits(const char **p, int min, int max)
{
	int n;

	if (!isdigit((unsigned char)(*p)[0]) ||
	    !isdigit((unsigned char)(*p)[1]))
		return -1;
	n = ((*p)[0] - '0') * 10 + ((*p)[1] - '0');
	*p += 2;
	return n < min || n > max ? -1 : n;
}

static bool
skip(const char **p, const char *set)
{
	if (**p == '\0' || strchr(set, **p) == NULL)
		return false;
	(*p)++;
	return true;
}

static int
days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

static bool
read_date(const char **p)
{
	int century, year, month;

	century = two_digits(p, 0, 99);
	if (century == -1)
		return false;
	year = two_digits(p, 0, 99);
	if (year == -1 || !skip(p, "-"))
		return false;
	month = two_digits(p, 1, 12);
	if (month == -1 || !skip(p, "-"))
		return false;
	return two_digits(p, 1, days_of(century * 100 + year, month)) != -1;
}

static bool
read_time(const char **p)
{
	size_t digits;

	if (two_digits(p, 0, 23) == -1 || !skip(p, ":") ||
	    two_digits(p, 0, 59) == -1 || !skip(p, ":") ||
	    two_digits(p, 0, 59) == -1)
		return false;
	if (!skip(p, "."))
		return true;
	digits = strspn(*p, "0123456789");
	*p += digits;
	return digits >= 1 && digits <= 9;
}

static bool
read_zone(const char **p)
{
	if (skip(p, "Z"))
		return true;
	return skip(p, "+-") && two_digits(p, 0, 23) != -1 && skip(p, ":") &&
	    two_digits(p, 0, 59) != -1;
}

int
mirn_timestamp_check(const char *text, struct error *err)
{
	const char *p = text;

	if (!read_date(&p) || !skip(&p, "T") || !read_time(&p) ||
	    !read_zone(&p) || *p != '\0')
		return error_set(err, EX_DATAERR, "\"%s\" is no RFC 3339 time",
		    text);
	return 0;
}
