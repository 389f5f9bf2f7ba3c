/* SPDX-License-Identifier: ISC */
#include "row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

#define ID_SHOWN 12 /* characters: a prefix that a reference can be */

#define WHY_SHOWN 40 /* bytes of an error */

const char *const row_memory_heading[ROW_MEMORY_COLUMNS] = { "NAME", "ID",
	"STATE", "CPU", "MEMORY", "PRIVATE", "SHARED", "SWAPPED", "SINCE",
	"HYPERVISOR", "FORWARDS" };

const char *const row_heading[ROW_COLUMNS] = { "NAME", "ID", "STATE", "CPU",
	"MEMORY", "SINCE", "HYPERVISOR", "FORWARDS" };

static const char *
text_of(const json_t *record, const char *key)
{
	return json_string_value(json_object_get(record, key));
}

static uint64_t
number_of(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n < 0 ? 0 : (uint64_t)n;
}

/* "-" for what is not there, or empty. */
static char *
cell(const char *text, size_t max)
{
	return text == NULL || text[0] == '\0' ? strdup("-")
					       : strndup(text, max);
}

/* Its state, and why it is in it where that is no wish of anybody's. */
static char *
state_of(const json_t *record)
{
	const char *state = text_of(record, "state"),
		   *why = text_of(record, "error");

	return why == NULL || state == NULL
	    ? cell(state, SIZE_MAX - 1)
	    : path_format("%s: %.*s", state, WHY_SHOWN, why);
}

/* Since when it has been in its state, as far as the record tells. */
static const char *
since(const json_t *record)
{
	const char *state = text_of(record, "state"), *text = NULL;

	if (json_object_get(record, "pid") != NULL)
		text = text_of(record, "started_at");
	else if (state != NULL && strcmp(state, "created") != 0)
		text = text_of(record, "stopped_at");
	return text == NULL ? text_of(record, "created_at") : text;
}

/* Appends "addr:port>guest" of one forward; takes `text`. */
static char *
add_forward(char *text, const json_t *forward)
{
	uint64_t port = number_of(forward, "host_port");
	const char *addr = text_of(forward, "addr");
	char *longer;

	if (port == 0)
		port = number_of(forward, "port");
	longer = path_format("%s%s%s:%" PRIu64 ">%" PRIu64, text,
	    text[0] == '\0' ? "" : ",", addr == NULL ? "" : addr, port,
	    number_of(forward, "guest_port"));
	free(text);
	return longer;
}

/* The forwards of all NICs. */
static char *
forwards(const json_t *record)
{
	const json_t *nic, *forward;
	char *text = strdup("");
	size_t i, k;

	json_array_foreach(json_object_get(record, "network_configs"), i, nic)
	{
		json_array_foreach(json_object_get(nic, "forward"), k, forward)
		{
			if (text != NULL)
				text = add_forward(text, forward);
		}
	}
	if (text != NULL && text[0] == '\0') {
		free(text);
		text = strdup("-");
	}
	return text;
}

/* What stands in front of what it has in memory. */
static int
add_first(struct table *t, const json_t *record, struct error *err)
{
	const json_t *config = json_object_get(record, "config");

	if (table_add(t, cell(text_of(record, "name"), SIZE_MAX - 1), err) ==
		-1 ||
	    table_add(t, cell(text_of(record, "id"), ID_SHOWN), err) == -1 ||
	    table_add(t, state_of(record), err) == -1 ||
	    table_add(t, path_format("%" PRIu64, number_of(config, "cpu")),
		err) == -1)
		return -1;
	return table_add(t, table_size(number_of(config, "memory")), err);
}

static int
add_last(struct table *t, const json_t *record, time_t now, struct error *err)
{
	if (table_add(t, table_age(since(record), now), err) == -1 ||
	    table_add(t, cell(text_of(record, "hypervisor"), SIZE_MAX - 1),
		err) == -1)
		return -1;
	return table_add(t, forwards(record), err);
}

static int
add_usage(struct table *t, const struct usage *u, struct error *err)
{
	if (table_add(t, table_size(u->private_bytes), err) == -1 ||
	    table_add(t, table_size(u->shared_bytes), err) == -1)
		return -1;
	return table_add(t, table_size(u->swapped_bytes), err);
}

static int
add_dashes(struct table *t, size_t n, struct error *err)
{
	for (; n > 0; n--)
		if (table_add(t, strdup("-"), err) == -1)
			return -1;
	return 0;
}

int
row_add(struct table *t, const json_t *record, time_t now, struct error *err)
{
	return add_first(t, record, err) == -1 ? -1
					       : add_last(t, record, now, err);
}

int
row_add_memory(struct table *t, const json_t *record, time_t now,
    struct error *err)
{
	struct usage u;
	int rc;

	if (add_first(t, record, err) == -1)
		return -1;
	usage_of(&u, record);
	rc = json_object_get(record, USAGE_MEMBER) == NULL
	    ? add_dashes(t, 3, err)
	    : add_usage(t, &u, err);
	return rc == -1 ? -1 : add_last(t, record, now, err);
}

int
row_add_sum(struct table *t, const struct usage_sum *sum, struct error *err)
{
	if (table_add(t, strdup("total"), err) == -1 ||
	    add_dashes(t, 1, err) == -1 ||
	    table_add(t, path_format("%" PRIu64 " running", sum->vms), err) ==
		-1 ||
	    add_dashes(t, 2, err) == -1 || add_usage(t, &sum->usage, err) == -1)
		return -1;
	return add_dashes(t, 3, err);
}
