/* SPDX-License-Identifier: ISC */
#include "list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "archive/archive.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/sandbox.h"

static int
print_entry(const struct archive_entry *e, const char *members,
    struct error *err)
{
	json_t *record = json_object();
	int rc = -1;

	if (json_put_str(record, "name", e->name, err) == 0 &&
	    json_put_u64(record, "size", e->size, err) == 0 &&
	    json_put_u64(record, "data", e->data_bytes, err) == 0 &&
	    json_put_u64(record, "runs", e->runs, err) == 0 &&
	    json_put_str(record, "form", e->form, err) == 0 &&
	    json_put_u64(record, "offset", e->head_off, err) == 0)
		rc = json_report(record, members, err);
	json_decref(record);
	return rc;
}

static int
list_entries(struct archive_reader *r, const char *members, struct error *err)
{
	struct archive_entry entry;
	int more;

	while ((more = archive_reader_next(r, &entry, err)) == 1)
		if (print_entry(&entry, members, err) == -1)
			return -1;
	return more;
}

int
list_archive(const char *path, const char *members, struct error *err)
{
	struct archive_reader *r = NULL;
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = STDIN_FILENO, rc = -1;

	if (is_stdin)
		path = "standard input";
	else
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", path);
	if (sandbox_enter(NULL, 0, err) == -1 ||
	    archive_reader_open(&r, fd, err) == -1)
		goto out;
	if (list_entries(r, members, err) == -1) {
		error_wrap(err, "%s", path);
		goto out;
	}
	if (archive_reader_oddity(r) != NULL)
		diag("%s: warning: %s", path, archive_reader_oddity(r));
	rc = json_report_end(err);
out:
	archive_reader_free(r);
	if (!is_stdin)
		fd_drop(&fd);
	return rc;
}
