/* SPDX-License-Identifier: ISC */
#include "row.h"

#include <string.h>

#define ID_SHOWN 12 /* characters: a prefix that a reference can be */

static char *
text_of(const json_t *record, const char *key, size_t max)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text == NULL ? strdup("-") : strndup(text, max);
}

static uint64_t
number_of(const json_t *record, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(record, key));

	return n < 0 ? 0 : (uint64_t)n;
}

const char *const row_heading[ROW_COLUMNS] = { "NAME", "ID", "AGE", "SIZE",
	"DISK", "HYPERVISOR", "VM" };

int
row_add(struct table *t, const json_t *record, time_t now, struct error *err)
{
	const char *created = json_string_value(
	    json_object_get(record, "created_at"));

	if (table_add(t, text_of(record, "name", SIZE_MAX - 1), err) == -1 ||
	    table_add(t, text_of(record, "id", ID_SHOWN), err) == -1 ||
	    table_add(t, table_age(created, now), err) == -1 ||
	    table_add(t, table_size(number_of(record, "size")), err) == -1 ||
	    table_add(t, table_size(number_of(record, "disk_usage")), err) ==
		-1 ||
	    table_add(t, text_of(record, "hypervisor", SIZE_MAX - 1), err) ==
		-1)
		return -1;
	return table_add(t, text_of(record, "vm_id", ID_SHOWN), err);
}
