/* SPDX-License-Identifier: ISC */
#include "base/table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/path.h"
#include "base/rfc3339.h"

void
table_fini(struct table *t)
{
	while (t->n > 0)
		free(t->cells[--t->n]);
	free(t->cells);
	t->cells = NULL;
}

int
table_add(struct table *t, char *text, struct error *err)
{
	char **cells = NULL;

	if (text != NULL)
		cells = realloc(t->cells, (t->n + 1) * sizeof(*cells));
	if (cells == NULL) {
		free(text);
		return error_nomem(err, "table");
	}
	t->cells = cells;
	t->cells[t->n++] = text;
	return 0;
}

static void
print_cell(const struct table *t, size_t c, int width, const char *text)
{
	if (c + 1 == t->columns)
		printf("%s\n", text);
	else if ((t->right & (1u << c)) != 0)
		printf("%*s  ", width, text);
	else
		printf("%-*s  ", width, text);
}

int
table_print(const struct table *t, struct error *err)
{
	int width[TABLE_COLUMNS_MAX];
	/* A row that memory did not suffice for is left out. */
	size_t n = t->n - t->n % t->columns;
	size_t i, c, len;

	assert(t->columns <= TABLE_COLUMNS_MAX);
	if (n == 0)
		return json_report_end(err);
	for (c = 0; c < t->columns; c++)
		width[c] = (int)strlen(t->heading[c]);
	for (i = 0; i < n; i++) {
		len = strlen(t->cells[i]);
		if (len < 80 && (int)len > width[i % t->columns])
			width[i % t->columns] = (int)len;
	}
	for (c = 0; c < t->columns; c++)
		print_cell(t, c, width[c], t->heading[c]);
	for (i = 0; i < n; i++)
		print_cell(t, i % t->columns, width[i % t->columns],
		    t->cells[i]);
	return json_report_end(err);
}

char *
table_age(const char *since, time_t now)
{
	static const struct {
		time_t seconds;
		char unit;
	} units[] = { { 7 * 86400, 'w' }, { 86400, 'd' }, { 3600, 'h' },
		{ 60, 'm' }, { 1, 's' } };
	struct timespec then;
	size_t i;

	if (since == NULL || rfc3339_parse(&then, since, NULL) == -1)
		return strdup("-");
	if (now < then.tv_sec)
		return strdup("0s");
	for (i = 0; i + 1 < sizeof(units) / sizeof(units[0]); i++)
		if (now - then.tv_sec >= 2 * units[i].seconds)
			break;
	return path_format("%jd%c",
	    (intmax_t)((now - then.tv_sec) / units[i].seconds), units[i].unit);
}

char *
table_size(uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	uint64_t whole = bytes, rest = 0;
	size_t u = 0;

	while (whole >= 1024) {
		rest = whole % 1024;
		whole /= 1024;
		u++;
	}
	if (u > 0 && whole < 10)
		return path_format("%" PRIu64 ".%" PRIu64 "%c", whole,
		    rest * 10 / 1024, units[u]);
	return path_format("%" PRIu64 "%c", whole, units[u]);
}
