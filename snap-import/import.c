/* SPDX-License-Identifier: ISC */
#include "import.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/unpack_check.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "disk/digest_file.h"
#include "state/snap.h"
#include "vmm/preflight.h"

/* The envelope that the store gets: id, name and time are its own. */
static int
write_envelope(struct import *m, const struct import_how *how,
    struct error *err)
{
	struct envelope_config *c = &m->envelope.config;
	struct timespec now;

	memset(c->id, 0, sizeof(c->id));
	memcpy(c->id, m->made.id, sizeof(m->made.id));
	memset(c->name, 0, sizeof(c->name));
	if (how->name != NULL)
		memcpy(c->name, how->name, strlen(how->name));
	if (how->text != NULL) {
		free(c->description);
		c->description = strdup(how->text);
		if (c->description == NULL)
			return error_sys(err, EX_OSERR, "description");
	}
	clock_gettime(CLOCK_REALTIME, &now);
	clock_rfc3339(m->envelope.created_at, &now);
	return envelope_write(m->made.dirfd, &m->envelope, err);
}

int
import_check_form(int dirfd, const struct envelope *envelope, struct error *err)
{
	struct preflight p = { .dirfd = dirfd, .envelope = envelope };
	int rc = preflight_form(&p, err);

	sidecar_fini(&p.sidecar);
	return rc;
}

int
import_seal_file(struct envelope_file *file, int dirfd, struct error *err)
{
	struct digest digest;
	uint64_t size;
	int fd, rc;

	if (fd_open_file(&fd, &size, dirfd, file->name, O_RDONLY, err) == -1)
		return -1;
	rc = digest_file(&digest, fd, size, file->name, err);
	if (rc == 0 && fsync(fd) == -1)
		rc = error_sys(err, EX_IOERR, "%s", file->name);
	fd_drop(&fd);
	if (rc == -1)
		return -1;
	if (file->has_digest && file->size_bytes != size)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes, not %" PRIu64, file->name, size,
		    file->size_bytes);
	if (file->has_digest && !digest_equal(&digest, &file->digest))
		return error_set(err, EX_DATAERR, "%s: differs from its digest",
		    file->name);
	file->has_digest = true;
	file->size_bytes = size;
	file->digest = digest;
	return 0;
}

static void
show_progress(void *arg, uint64_t read_bytes)
{
	progress_update(arg, read_bytes);
}

int
import_begin(struct import *m, const char *root, const struct import_how *how,
    struct error *err)
{
	if (root_open(&m->root, root, err) == -1)
		return -1;
	return root_new_begin(&m->made, m->root, ROOT_SNAP,
	    how->name == NULL ? "" : how->name, err);
}

int
import_publish(struct import *m, const struct import_how *how,
    struct error *err)
{
	progress_fini(&m->progress);
	if (import_check_form(m->made.dirfd, &m->envelope, err) == -1)
		return -1;
	hook_step("import-checked");
	if (write_envelope(m, how, err) == -1)
		return -1;
	return root_new_publish(&m->made, true, err);
}

int
import_archive(struct import *m, int fd, const char *what,
    const struct import_how *how, struct error *err)
{
	struct unpack_check check = { .need_digests = how->need_digests };

	if (unpack_archive(&m->unpack, fd, m->made.dirfd, show_progress,
		&m->progress, err) == -1 ||
	    unpack_check(&m->envelope, &check, &m->unpack, err) == -1)
		return error_wrap(err, "%s", what);
	if (import_publish(m, how, err) == -1) {
		unpack_locate(&m->unpack, err);
		return error_wrap(err, "%s", what);
	}
	if (check.warning[0] != '\0')
		diag("%s: warning: %s", what, check.warning);
	return 0;
}

int
import_report(struct import *m, const char *members, struct error *err)
{
	struct snap *snap = NULL;
	char id[sizeof(m->made.id)];
	json_t *record = NULL;
	int rc = -1;

	memcpy(id, m->made.id, sizeof(id));
	root_new_end(&m->made); /* it is locked until then */
	if (snap_open(&snap, m->root, id, err) == 0 &&
	    snap_report(&record, snap, m->root, err) == 0 &&
	    json_report(record, members, err) == 0)
		rc = json_report_end(err);
	json_decref(record);
	snap_close(snap);
	return rc;
}

void
import_fini(struct import *m)
{
	progress_fini(&m->progress);
	root_new_end(&m->made);
	envelope_fini(&m->envelope);
	unpack_fini(&m->unpack);
	root_close(m->root);
	m->root = NULL;
}
