/* SPDX-License-Identifier: ISC */
#include "pull.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/json.h"
#include "snapshot/signature.h"
#include "state/artifacts.h"
#include "state/snap.h"

/* Over whatever the envelope has by that name. */
static int
put_signatures(struct pull *p, struct error *err)
{
	const char *text = p->reader.artifact.signatures;

	return text == NULL ? 0
			    : fd_replace_file(p->in.made.dirfd, SIGNATURE_NAME,
				  text, strlen(text), true, err);
}

static int
fetch(struct pull *p, const struct opts *o, struct error *err)
{
	char hex[2 * DIGEST_BYTES + 1];

	hex_put(hex, p->reader.digest.raw, DIGEST_BYTES);
	if (root_new_keep(&p->in.made, hex, clock_ms() + LABEL_WAIT_MS, err) ==
	    -1)
		return error_wrap(err, "another pull of it");
	intake_note_signed(&p->in, &p->reader.envelope);
	if (fetch_all(&p->in, &p->reader, o->registry.jobs, &p->got, err) ==
		0 &&
	    put_signatures(p, err) == 0)
		return 0;
	p->in.made.is_kept = p->got.has_any;
	return -1;
}

/* So that what comes of it is pushed there by what has changed. */
static int
note(const struct pull *p, const struct opts *o, struct error *err)
{
	char *place = NULL;
	int dirfd = -1, rc = -1;

	if (artifacts_place(&place, &o->ref, err) == 0 &&
	    artifacts_open(&dirfd, p->in.root, true, err) == 0)
		rc = dirfd == -1 ? 0
				 : artifacts_note(dirfd, p->in.made.id, place,
				       &p->reader.digest, err);
	fd_drop(&dirfd);
	free(place);
	return rc;
}

int
pull_run(struct pull *p, const struct opts *o, struct error *err)
{
	struct timespec now;
	struct error why = { 0 };

	progress_init(&p->in.progress, "pulled", 0, o->common.quiet);
	if (reader_open_signed(&p->reader, &p->from, p->in.signers, &o->ref,
		err) == -1 ||
	    fetch(p, o, err) == -1)
		return -1;
	clock_gettime(CLOCK_REALTIME, &now);
	if (intake_publish(&p->in, &o->how, &now, &why) == 0) {
		if (p->in.warning[0] != '\0')
			diag("warning: %s", p->in.warning);
		if (note(p, o, &why) == -1)
			diag("warning: " ARTIFACTS_DIR ": %s", why.msg);
		return 0;
	}
	/* What is wrong with the whole will be wrong again. */
	p->in.made.is_kept = why.code != EX_DATAERR;
	if (err != NULL)
		*err = why;
	return -1;
}

bool
pull_is_kept(const struct pull *p)
{
	return p->in.made.root != NULL && p->in.made.is_kept;
}

static int
put_members(json_t *record, const struct pull *p, const struct opts *o,
    struct error *err)
{
	char digest[DIGEST_TEXT_MAX];

	digest_text(digest, &p->reader.digest);
	if (json_put_str(record, "ref", o->text, err) == -1 ||
	    json_put_str(record, "digest", digest, err) == -1 ||
	    json_put_u64(record, "bytes_fetched", p->from.got_bytes, err) ==
		-1 ||
	    json_put_u64(record, "bytes_resumed", p->got.resumed_bytes, err) ==
		-1)
		return -1;
	return json_put_u64(record, "bytes_local", p->got.local_bytes, err);
}

int
pull_report(struct pull *p, const struct opts *o, struct error *err)
{
	json_t *record = NULL;
	struct snap *snap;
	int rc = -1;

	if (intake_end(&snap, &record, &p->in, &o->how.label, err) == -1)
		return -1;
	if (p->in.warning[0] != '\0')
		diag("warning: %s", p->in.warning);
	if (put_members(record, p, o, err) == 0 &&
	    json_report(record, o->members, err) == 0)
		rc = json_report_end(err);
	json_decref(record);
	snap_close(snap);
	return rc;
}

void
pull_fini(struct pull *p)
{
	intake_fini(&p->in);
	reader_close(&p->reader);
	transport_close(&p->from);
}
