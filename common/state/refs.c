/* SPDX-License-Identifier: ISC */
#include "state/refs.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/sig.h"

#define REF_MAX 255 /* bytes of an id or name */

static int
add_ref(struct strv *refs, const char *ref, struct error *err)
{
	if (refs->n >= REFS_MAX)
		return error_set(err, EX_USAGE, "more than %d references",
		    REFS_MAX);
	return strv_add(refs, err, "%s", ref);
}

/* Whether a line is an id or a name as it stands: what -p id prints. */
static bool
is_plain(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)line[i]) &&
		    strchr("._-", line[i]) == NULL)
			return false;
	return len > 0 && len <= REF_MAX;
}

static int
add_line(struct strv *refs, const char *line, size_t len, struct error *err)
{
	char id[REF_MAX + 1];
	json_t *record;
	int rc;

	if (is_plain(line, len)) {
		memcpy(id, line, len);
		id[len] = '\0';
		return add_ref(refs, id, err);
	}
	while (len > 0 && isspace((unsigned char)line[0])) {
		line++;
		len--;
	}
	if (len == 0 || line[0] != '{')
		return error_set(err, EX_DATAERR,
		    "neither a record nor an id or a name");
	if (json_parse(&record, line, len, err) == -1)
		return -1;
	rc = json_get_str(record, "id", id, sizeof(id), JSON_REQUIRED, err);
	json_decref(record);
	return rc == -1 ? -1 : add_ref(refs, id, err);
}

/* One line without its newline: 1, 0 at the end of input, -1. */
static int
read_line(size_t *len, char *buf, struct error *err)
{
	size_t n = 0;
	int ch;

	while ((ch = getc(stdin)) != EOF && ch != '\n') {
		if (n >= REFS_LINE_MAX)
			return error_set(err, EX_DATAERR,
			    "longer than %u bytes", REFS_LINE_MAX);
		buf[n++] = (char)ch;
	}
	if (ch == EOF && sig_check(err) == -1)
		return -1;
	if (ch == EOF && ferror(stdin))
		return error_sys(err, EX_IOERR, "read");
	*len = n;
	return ch == EOF && n == 0 ? 0 : 1;
}

static int
add_stdin(struct strv *refs, struct error *err)
{
	char *buf;
	size_t len = 0, line;
	int got, rc = -1;

	buf = malloc(REFS_LINE_MAX);
	if (buf == NULL)
		return error_sys(err, EX_OSERR, "standard input");
	for (line = 1;; line++) {
		got = read_line(&len, buf, err);
		if (got == 0)
			break;
		if (got == -1 || add_line(refs, buf, len, err) == -1) {
			error_wrap(err, "standard input: line %zu", line);
			goto out;
		}
	}
	rc = 0;
out:
	free(buf);
	return rc;
}

int
refs_read(struct strv *refs, char *const *operands, size_t n, bool allow_empty,
    struct error *err)
{
	bool had_stdin = false, is_empty = false;
	size_t i, before;

	for (i = 0; i < n; i++) {
		if (strcmp(operands[i], "-") != 0) {
			if (add_ref(refs, operands[i], err) == -1)
				return -1;
			continue;
		}
		if (had_stdin)
			return error_set(err, EX_USAGE, "\"-\" is given twice");
		had_stdin = true;
		before = refs->n;
		if (add_stdin(refs, err) == -1)
			return -1;
		is_empty = refs->n == before;
	}
	if (is_empty && !allow_empty)
		return error_set(err, EX_USAGE,
		    "standard input: names nothing (--allow-empty takes that)");
	return 0;
}

int
refs_take(struct strv *refs, const struct opt_common *c, enum root_kind kind,
    char *const *operands, size_t n, struct error *err)
{
	struct root *root;
	int rc;

	if (!c->all)
		return refs_read(refs, operands, n, c->allow_empty, err);
	rc = root_open_to_list(&root, c->root, err);
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	rc = root_list(refs, root, kind, err);
	root_close(root);
	return rc;
}

int
refs_read_one(char **ref, char *operand, const char *kind, struct error *err)
{
	struct strv refs = { 0 };
	int rc = -1;

	if (refs_read(&refs, &operand, 1, true, err) == -1)
		goto out;
	if (refs.n == 0) {
		error_set(err, EX_USAGE, "no %s is named", kind);
	} else if (refs.n > 1) {
		error_set(err, EX_USAGE, "one %s at a time", kind);
	} else {
		*ref = strdup(refs.v[0]);
		rc = *ref == NULL ? error_nomem(err, refs.v[0]) : 0;
	}
out:
	strv_fini(&refs);
	return rc;
}

int
refs_each(char *const *operands, size_t n, bool allow_empty, refs_one *one,
    void *arg)
{
	struct error err = { 0 };
	struct strv refs = { 0 };
	int code = EX_OK;
	size_t i;

	if (refs_read(&refs, operands, n, allow_empty, &err) == -1)
		diag_failure(&code, &err);
	for (i = 0; code < 128 && i < refs.n; i++)
		if (one(arg, refs.v[i], &err) == -1)
			diag_failure(&code, &err);
	strv_fini(&refs);
	return code;
}
