/* SPDX-License-Identifier: ISC */
#include "status.h"

#include <sys/xattr.h>

#include <errno.h>

#include "base/fd.h"
#include "base/json.h"

#include "fs.h"
#include "mount.h"

const struct members status_members = {
	"ref digest dir pid log files bytes data_bytes requests bytes_fetched "
	"failed waiting complete",
	NULL
};

static int
fill(json_t *to, const struct mount *m, struct error *err)
{
	char digest[DIGEST_TEXT_MAX];
	uint64_t data = 0, n, bytes, waiting = 0;
	const struct want *w;
	uint32_t i;

	digest_text(digest, &m->image.digest);
	for (i = 0; i < m->image.index.files_n; i++)
		data += image_data_bytes(&m->image, i);
	for (w = m->wants.first; w != NULL; w = w->next)
		waiting += w->jobs_n > 0;
	fetcher_counts(m->fetcher, &n, &bytes);
	if (json_put_str(to, "ref", m->ref, err) == -1 ||
	    json_put_str(to, "digest", digest, err) == -1 ||
	    json_put_str(to, "dir", m->dir, err) == -1 ||
	    json_put_u64(to, "pid", (uint64_t)m->pid, err) == -1 ||
	    json_put_text(to, "log", m->log_path, err) == -1 ||
	    json_put_u64(to, "files", m->image.index.files_n, err) == -1 ||
	    json_put_u64(to, "bytes", image_bytes(&m->image), err) == -1 ||
	    json_put_u64(to, "data_bytes", data, err) == -1 ||
	    json_put_u64(to, "requests", n, err) == -1 ||
	    json_put_u64(to, "bytes_fetched", bytes, err) == -1 ||
	    json_put_u64(to, "failed", m->failed_n, err) == -1 ||
	    json_put_u64(to, "waiting", waiting, err) == -1)
		return -1;
	return json_put_bool(to, "complete", ahead_has_all(m), err);
}

int
status_text(char **text, size_t *len, const struct mount *m, struct error *err)
{
	json_t *record = json_object();
	int rc;

	if (record == NULL)
		return error_nomem(err, "record");
	rc = fill(record, m, err);
	if (rc == 0)
		rc = json_text(text, len, record, 0, err);
	json_decref(record);
	return rc;
}

int
status_report(const char *dir, const char *members, struct error *err)
{
	char text[STATUS_BYTES_MAX];
	json_t *record;
	ssize_t len;
	int rc;

	len = getxattr(dir, FS_STATUS, text, sizeof(text));
	if (len == -1 && (errno == ENODATA || errno == ENOTSUP))
		return error_set(err, EX_NOINPUT, "%s: no snapshot is mounted",
		    dir);
	if (len == -1) {
		error_sys(err,
		    errno == ENOTCONN ? EX_UNAVAILABLE : error_code_of(errno),
		    "%s", dir);
		fd_hint_stale(err, dir);
		return -1;
	}
	if (json_parse(&record, text, (size_t)len, err) == -1)
		return error_wrap(err, "%s", dir);
	rc = json_report(record, members, err);
	if (rc == 0)
		rc = json_report_end(err);
	json_decref(record);
	return rc;
}
