/* SPDX-License-Identifier: ISC */
#include "report.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/path.h"

int
report_estimate(const struct export *x, const char *members, struct error *err)
{
	json_t *record = json_object();
	int rc = -1;

	if (json_put_str(record, "id", snap_id(x->snap), err) == 0 &&
	    json_put_u64(record, "data", x->data_bytes, err) == 0 &&
	    json_put_u64(record, "stream", x->tar_bytes, err) == 0 &&
	    json_report(record, members, err) == 0)
		rc = json_report_end(err);
	json_decref(record);
	return rc;
}

int
report_archive(const struct snap *snap, const struct root *root,
    const char *out, uint64_t bytes, const char *members, struct error *err)
{
	char *path = path_absolute(out);
	json_t *record = NULL;
	int rc = -1;

	if (path == NULL)
		error_sys(err, EX_OSERR, "%s", out);
	else if (snap_report(&record, snap, root, err) == 0 &&
	    json_put_str(record, "archive", path, err) == 0 &&
	    json_put_u64(record, "archive_size", bytes, err) == 0 &&
	    json_report(record, members, err) == 0)
		rc = json_report_end(err);
	json_decref(record);
	free(path);
	return rc;
}

int
report_dir(const struct snap *snap, const struct root *root, const char *key,
    const char *dir, const char *members, struct error *err)
{
	char *path = realpath(dir, NULL);
	json_t *record = NULL;
	int rc = -1;

	if (path == NULL)
		error_sys(err, EX_OSERR, "%s", dir);
	else if (snap_report(&record, snap, root, err) == 0 &&
	    json_put_str(record, key, path, err) == 0)
		rc = json_report(record, members, err);
	json_decref(record);
	free(path);
	return rc;
}
