/* SPDX-License-Identifier: ISC */
#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/path.h"

#define ID_SHOWN 12 /* characters: a prefix that a reference can be */

static const char *const heading[TABLE_COLUMNS] = { "NAME", "ID", "AGE", "SIZE",
	"DISK", "HYPERVISOR" };

void
table_fini(struct table *t)
{
	size_t i, c;

	for (i = 0; i < t->n; i++)
		for (c = 0; c < TABLE_COLUMNS; c++)
			free(t->rows[i].cell[c]);
	free(t->rows);
	t->rows = NULL;
	t->n = 0;
}

time_t
table_time(const char *text)
{
	struct tm tm = { 0 };
	const char *p;
	int hours, minutes;
	time_t t;

	p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (p == NULL)
		return -1;
	t = timegm(&tm);
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	if (*p == 'Z' && p[1] == '\0')
		return t;
	if ((*p != '+' && *p != '-') ||
	    sscanf(p + 1, "%2d:%2d", &hours, &minutes) != 2)
		return -1;
	minutes = hours * 60 + minutes;
	return *p == '+' ? t - minutes * 60 : t + minutes * 60;
}

/* The largest unit of which there is one: "45s", "3h", "12d". */
static char *
age_text(const char *created, time_t now)
{
	static const struct {
		time_t seconds;
		char unit;
	} units[] = { { 7 * 86400, 'w' }, { 86400, 'd' }, { 3600, 'h' },
		{ 60, 'm' }, { 1, 's' } };
	time_t then = created == NULL ? -1 : table_time(created);
	size_t i;

	if (then == -1)
		return strdup("-");
	if (now < then)
		return strdup("0s");
	for (i = 0; i + 1 < sizeof(units) / sizeof(units[0]); i++)
		if (now - then >= 2 * units[i].seconds)
			break;
	return path_format("%jd%c", (intmax_t)((now - then) / units[i].seconds),
	    units[i].unit);
}

/* Three digits at most and a unit: "512M", "1.5G". */
static char *
size_text(uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	uint64_t whole = bytes, rest = 0;
	size_t u = 0;

	while (whole >= 1024) {
		rest = whole % 1024;
		whole /= 1024;
		u++;
	}
	if (u == 0)
		return path_format("%" PRIu64 "B", whole);
	if (whole < 10)
		return path_format("%" PRIu64 ".%" PRIu64 "%c", whole,
		    rest * 10 / 1024, units[u]);
	return path_format("%" PRIu64 "%c", whole, units[u]);
}

static char *
text_or(const json_t *record, const char *key, size_t max)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text == NULL ? strdup("-") : strndup(text, max);
}

static uint64_t
number(const json_t *record, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(record, key));

	return n < 0 ? 0 : (uint64_t)n;
}

/* Room for one more row, which is empty. */
static struct table_row *
grow(struct table *t, struct error *err)
{
	struct table_row *rows;

	rows = realloc(t->rows, (t->n + 1) * sizeof(*rows));
	if (rows == NULL) {
		error_set(err, EX_OSERR, "table: out of memory");
		return NULL;
	}
	t->rows = rows;
	memset(&rows[t->n], 0, sizeof(*rows));
	return &rows[t->n++];
}

static int
check_row(const struct table_row *row, struct error *err)
{
	size_t c;

	for (c = 0; c < TABLE_COLUMNS; c++)
		if (row->cell[c] == NULL)
			return error_set(err, EX_OSERR, "table: out of memory");
	return 0;
}

static int
add_heading(struct table *t, struct error *err)
{
	struct table_row *row = grow(t, err);
	size_t c;

	if (row == NULL)
		return -1;
	for (c = 0; c < TABLE_COLUMNS; c++)
		row->cell[c] = strdup(heading[c]);
	return check_row(row, err);
}

int
table_add(struct table *t, const json_t *record, time_t now, struct error *err)
{
	struct table_row *row;

	if (t->n == 0 && add_heading(t, err) == -1)
		return -1;
	row = grow(t, err);
	if (row == NULL)
		return -1;
	row->cell[0] = text_or(record, "name", SIZE_MAX - 1);
	row->cell[1] = text_or(record, "id", ID_SHOWN);
	row->cell[2] = age_text(json_string_value(
				    json_object_get(record, "created_at")),
	    now);
	row->cell[3] = size_text(number(record, "size"));
	row->cell[4] = size_text(number(record, "disk_usage"));
	row->cell[5] = text_or(record, "hypervisor", SIZE_MAX - 1);
	return check_row(row, err);
}

int
table_print(const struct table *t, struct error *err)
{
	int width[TABLE_COLUMNS] = { 0 };
	const char *text;
	size_t i, c, len;

	for (i = 0; i < t->n; i++)
		for (c = 0; c < TABLE_COLUMNS; c++) {
			len = strlen(t->rows[i].cell[c]);
			if (len < 80 && (int)len > width[c])
				width[c] = (int)len;
		}
	for (i = 0; i < t->n; i++)
		for (c = 0; c < TABLE_COLUMNS; c++) {
			text = t->rows[i].cell[c];
			if (c + 1 == TABLE_COLUMNS)
				printf("%s\n", text);
			else if (c >= 2)
				printf("%*s  ", width[c], text);
			else
				printf("%-*s  ", width[c], text);
		}
	return json_report_end(err);
}
