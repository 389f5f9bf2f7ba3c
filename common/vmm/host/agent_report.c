/* SPDX-License-Identifier: ISC */
#include "vmm/host/agent_report.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/path.h"

static const char unknown[] = "\xef\xbf\xbd"; /* U+FFFD */

/* How many bytes at `p` are one character; 0: none. */
static size_t
character(const unsigned char *p, size_t len)
{
	size_t n;

	if (p[0] == '\0')
		return 1;
	for (n = 1; n <= 4 && n <= len; n++)
		if (path_is_utf8((const char *)p, n))
			return n;
	return 0;
}

/* NULL: no memory. */
static json_t *
text_json(const unsigned char *bytes, size_t len)
{
	json_t *text;
	size_t i, n, put = 0;
	char *copy = malloc(len * strlen(unknown) + 1);

	if (copy == NULL)
		return NULL;
	for (i = 0; i < len; i += n == 0 ? 1 : n) {
		n = character(bytes + i, len - i);
		memcpy(copy + put, n == 0 ? unknown : (const char *)bytes + i,
		    n == 0 ? strlen(unknown) : n);
		put += n == 0 ? strlen(unknown) : n;
	}
	text = json_stringn_nocheck(copy, put);
	free(copy);
	return text;
}

int
agent_report_end(json_t *record, const struct agent_end *end, struct error *err)
{
	if (json_put_u64(record, "status", (uint64_t)end->status, err) == -1 ||
	    json_put(record, "stdout", text_json(end->out, end->out_len),
		err) == -1)
		return -1;
	return json_put(record, "stderr", text_json(end->err, end->err_len),
	    err);
}
