/* SPDX-License-Identifier: ISC */
/* Storage configs that come through a pipe. */
#include <string.h>

#include "base/json.h"
#include "snapshot/storage.h"

/* Puts the config, or each of an array of them, behind the others. */
static int
append(json_t *all, json_t *value, struct error *err)
{
	json_t *array = json_is_array(value) ? json_incref(value)
					     : json_array();
	int rc = 0;

	if (array == NULL ||
	    (array != value && json_array_append(array, value) == -1) ||
	    json_array_extend(all, array) == -1)
		rc = error_nomem(err, NULL);
	else if (json_array_size(all) > STORAGE_MAX)
		rc = error_set(err, EX_DATAERR, "more than %d disks",
		    STORAGE_MAX);
	json_decref(array);
	return rc;
}

static int
append_line(json_t *all, const char *line, size_t len, struct error *err)
{
	json_t *value;
	size_t i;
	int rc;

	for (i = 0; i < len && strchr(" \t\r", line[i]) != NULL; i++)
		continue;
	if (i == len)
		return 0;
	if (json_parse(&value, line, len, err) == -1)
		return -1;
	rc = append(all, value, err);
	json_decref(value);
	return rc;
}

int
storage_list_decode_lines(struct storage_list *out, const char *text,
    size_t len, const char *what, struct error *err)
{
	const char *end = text + len, *next;
	json_t *all = json_array();
	size_t number = 1;
	int rc = 0;

	if (all == NULL)
		return error_nomem(err, what);
	for (; rc == 0 && text < end; text = next, number++) {
		next = memchr(text, '\n', (size_t)(end - text));
		if (next == NULL)
			next = end;
		if (append_line(all, text, (size_t)(next - text), err) == -1)
			rc = error_wrap(err, "%s: line %zu", what, number);
		if (next < end)
			next++;
	}
	if (rc == 0 && storage_list_decode(out, all, err) == -1)
		rc = error_wrap(err, "%s", what);
	json_decref(all);
	return rc;
}
