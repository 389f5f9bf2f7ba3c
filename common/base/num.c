/* SPDX-License-Identifier: ISC */
#include "base/num.h"

#include <inttypes.h>
#include <string.h>

bool
num_in_range(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

uint64_t
num_round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) & ~(unit - 1);
}

/* The digits at *text; moves *text behind them.  -1: none, or too many. */
static int
take_digits(uint64_t *out, const char **text)
{
	const char *p = *text;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++)
		if (ckd_mul(&n, n, UINT64_C(10)) ||
		    ckd_add(&n, n, (uint64_t)(*p - '0')))
			return -1;
	*text = p;
	*out = n;
	return 0;
}

static int
check_bounds(uint64_t n, const char *text, uint64_t min, uint64_t max,
    struct error *err)
{
	if (n < min)
		return error_set(err, EX_USAGE, "%s: less than %" PRIu64, text,
		    min);
	if (n > max)
		return error_set(err, EX_USAGE, "%s: more than %" PRIu64, text,
		    max);
	return 0;
}

int
num_u64(uint64_t *out, const char *text, uint64_t min, uint64_t max,
    struct error *err)
{
	const char *p = text;
	uint64_t n;

	if (take_digits(&n, &p) == -1 || *p != '\0')
		return error_set(err, EX_USAGE, "%s: not a number", text);
	if (check_bounds(n, text, min, max, err) == -1)
		return -1;
	*out = n;
	return 0;
}

int
num_size(uint64_t *out, const char *text, uint64_t min, uint64_t max,
    struct error *err)
{
	static const char units[] = "KkMmGgTt";
	const char *p = text, *unit;
	uint64_t n, factor = 1;

	if (take_digits(&n, &p) == -1)
		return error_set(err, EX_USAGE, "%s: not a size", text);
	if (*p != '\0') {
		unit = strchr(units, *p);
		if (unit == NULL || p[1] != '\0')
			return error_set(err, EX_USAGE, "%s: not a size", text);
		factor = UINT64_C(1) << (10 * ((unit - units) / 2 + 1));
	}
	if (ckd_mul(&n, n, factor))
		return error_set(err, EX_USAGE, "%s: size too large", text);
	if (check_bounds(n, text, min, max, err) == -1)
		return -1;
	*out = n;
	return 0;
}

int
num_duration(uint64_t *out_s, const char *text, struct error *err)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {
		{ 's', 1 },
		{ 'm', 60 },
		{ 'h', 3600 },
		{ 'd', 86400 },
		{ 'w', 604800 },
	};
	const char *p = text;
	uint64_t n;
	size_t i;

	if (take_digits(&n, &p) == -1)
		return error_set(err, EX_USAGE, "%s: not a duration", text);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (p[0] == units[i].unit && p[1] == '\0') {
			if (ckd_mul(out_s, n, units[i].seconds))
				break;
			return 0;
		}
	return error_set(err, EX_USAGE, "%s: not a duration", text);
}
