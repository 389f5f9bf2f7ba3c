/* SPDX-License-Identifier: ISC */
#include "import.h"

#include <string.h>
#include <time.h>

#include "archive/unpack.h"
#include "archive/unpack_check.h"
#include "base/diag.h"
#include "base/json.h"
#include "disk/digest_file.h"
#include "state/snap.h"

#include "layer.h"

int
import_publish(struct intake *in, const struct intake_how *how,
    struct error *err)
{
	struct timespec now;

	if (layer_check_all(in, how, err) == -1)
		return -1;
	clock_gettime(CLOCK_REALTIME, &now);
	return intake_publish(in, how, &now, err);
}

/* As it came, before files that it does not name have joined it. */
static void
note_signed(struct intake *in, const struct unpack *u)
{
	struct envelope came;

	if (envelope_decode(&came, u->envelope, u->envelope_len, NULL) == -1)
		return;
	intake_note_signed(in, &came);
	envelope_fini(&came);
}

static int
take_archive(struct intake *in, struct unpack *u, int fd,
    const struct intake_how *how, struct error *err)
{
	struct unpack_check check = { .need_digests = how->need_digests };

	u->signers = in->signers;
	if (unpack_archive(u, fd, in->made.dirfd, progress_show, &in->progress,
		err) == -1 ||
	    unpack_check(&in->envelope, &check, u, err) == -1)
		return -1;
	memcpy(in->warning, check.warning, sizeof(in->warning));
	note_signed(in, u);
	return import_publish(in, how, err) == -1 ? unpack_locate(u, err) : 0;
}

int
import_archive(struct intake *in, int fd, const struct intake_how *how,
    struct error *err)
{
	struct unpack u = { 0 };
	int rc = take_archive(in, &u, fd, how, err);

	unpack_fini(&u);
	return rc;
}

int
import_report(struct intake *in, const char *members, const struct label *label,
    struct error *err)
{
	json_t *record = NULL;
	struct snap *snap;
	int rc = -1;

	if (intake_end(&snap, &record, in, label, err) == -1)
		return -1;
	if (in->warning[0] != '\0')
		diag("warning: %s", in->warning);
	layer_warn(in->root, snap);
	if (json_report(record, members, err) == 0)
		rc = json_report_end(err);
	json_decref(record);
	snap_close(snap);
	return rc;
}
