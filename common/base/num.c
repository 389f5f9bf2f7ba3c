/* SPDX-License-Identifier: ISC */
#include "base/num.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

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

/* A unit of sizes in *shift, as a power of two; false: it is none. */
static bool
size_unit(unsigned *shift, const char *text)
{
	static const char units[] = "KMGT";
	const char *unit = NULL;

	*shift = 0;
	if (*text == '\0')
		return true;
	unit = strchr(units, toupper((unsigned char)*text));
	if (unit == NULL)
		return false;
	*shift = 10 * (unsigned)(unit - units + 1);
	return text[1] == '\0' || strcasecmp(text + 1, "B") == 0 ||
	    strcasecmp(text + 1, "iB") == 0;
}

/*
 * Adds the fraction whose digits are at *text of a unit of 2^`shift` bytes, and
 * moves *text behind them: 0, or -1 where bytes are left over.
 */
static int
add_fraction(uint64_t *n, const char **text, unsigned shift)
{
	uint64_t digits, scale = 1, bytes;
	const char *p = *text;

	if (take_digits(&digits, text) == -1)
		return -1;
	for (; p < *text; p++)
		if (ckd_mul(&scale, scale, UINT64_C(10)))
			return -1;
	if (ckd_mul(&bytes, digits, UINT64_C(1) << shift) ||
	    bytes % scale != 0 || ckd_add(n, *n, bytes / scale))
		return -1;
	return 0;
}

int
num_size(uint64_t *out, const char *text, uint64_t min, uint64_t max,
    struct error *err)
{
	const char *p = text, *fraction = NULL;
	unsigned shift;
	uint64_t n;

	if (take_digits(&n, &p) == -1)
		return error_set(err, EX_USAGE, "%s: not a size", text);
	if (*p == '.') {
		fraction = p + 1;
		p = fraction + strspn(fraction, "0123456789");
	}
	if (!size_unit(&shift, p) || p == fraction)
		return error_set(err, EX_USAGE, "%s: not a size", text);
	if (ckd_mul(&n, n, UINT64_C(1) << shift))
		return error_set(err, EX_USAGE, "%s: size too large", text);
	if (fraction != NULL && add_fraction(&n, &fraction, shift) == -1)
		return error_set(err, EX_USAGE, "%s: no whole number of bytes",
		    text);
	if (check_bounds(n, text, min, max, err) == -1)
		return -1;
	*out = n;
	return 0;
}

int
num_duration(uint64_t *out_ms, const char *text, struct error *err)
{
	static const struct {
		char unit[4];
		uint64_t ms;
	} units[] = {
		{ "", 1000 },
		{ "ms", 1 },
		{ "s", 1000 },
		{ "m", 60000 },
		{ "h", 3600000 },
		{ "d", 86400000 },
		{ "w", 604800000 },
	};
	const char *p = text;
	uint64_t n;
	size_t i;

	if (take_digits(&n, &p) == -1)
		return error_set(err, EX_USAGE, "%s: not a duration", text);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(p, units[i].unit) == 0) {
			if (ckd_mul(&n, n, units[i].ms) ||
			    n > NUM_DURATION_MAX_MS)
				return error_set(err, EX_USAGE, "%s: too long",
				    text);
			*out_ms = n;
			return 0;
		}
	return error_set(err, EX_USAGE,
	    "%s: not a duration: a number with ms, s, m, h, d or w", text);
}
