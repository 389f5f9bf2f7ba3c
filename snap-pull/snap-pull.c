/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <time.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "registry/reader.h"
#include "state/snap.h"

#include "fetch.h"
#include "options.h"

/* Everything that is open, and what came of it. */
struct job {
	struct transport from;
	struct reader reader;
	struct intake in;
	struct fetched got;
};

/* The registry first, as whoever owns the root. */
static int
open_all(struct job *j, const struct opts *o, struct error *err)
{
	int root, from;
	struct sandbox s = { .dirfds = &root,
		.n = 1,
		.read_dirfds = &from,
		.read_n = 1 };

	if (root_become_owner(o->common.root, err) == -1 ||
	    transport_open(&j->from, &o->ref, TRANSPORT_READ, err) == -1 ||
	    intake_begin(&j->in, o->common.root, &o->how, err) == -1)
		return -1;
	root = root_fd(j->in.root);
	from = transport_dirfd(&j->from);
	return sandbox_enter_as(&s, err);
}

static int
pull(struct job *j, const struct opts *o, struct error *err)
{
	struct timespec now;

	progress_init(&j->in.progress, "pulled", 0, o->common.quiet);
	if (reader_open(&j->reader, &j->from, &o->ref, err) == -1 ||
	    fetch_all(&j->in, &j->reader, &j->got, err) == -1)
		return -1;
	clock_gettime(CLOCK_REALTIME, &now);
	return intake_publish(&j->in, &o->how, &now, err);
}

static int
put_all_members(json_t *record, const struct job *j, const struct opts *o,
    const char *old_id, struct error *err)
{
	char digest[DIGEST_TEXT_MAX];

	digest_text(digest, &j->reader.digest);
	if (label_report(record, old_id, err) == -1 ||
	    json_put_str(record, "ref", o->text, err) == -1 ||
	    json_put_str(record, "digest", digest, err) == -1 ||
	    json_put_u64(record, "bytes_fetched", j->from.got_bytes, err) == -1)
		return -1;
	if (json_put_u64(record, "bytes_resumed", j->got.resumed_bytes, err) ==
	    -1)
		return -1;
	return json_put_u64(record, "bytes_local", j->got.local_bytes, err);
}

static int
report(struct job *j, const struct opts *o, struct error *err)
{
	char id[ID_LEN + 1], old_id[ID_LEN + 1];
	struct error why = { 0 };
	struct snap *snap = NULL;
	json_t *record = NULL;
	int rc = -1;

	memcpy(id, j->in.made.id, sizeof(id));
	memcpy(old_id, j->in.made.old_id, sizeof(old_id));
	root_new_end(&j->in.made); /* it is locked until then */
	if (label_finish(j->in.root, old_id, &o->how.label, &why) == -1)
		diag("warning: %s", why.msg);
	if (snap_open(&snap, j->in.root, id, err) == -1)
		return -1;
	if (snap_report(&record, snap, j->in.root, err) == 0 &&
	    put_all_members(record, j, o, old_id, err) == 0 &&
	    json_report(record, o->members, err) == 0)
		rc = json_report_end(err);
	json_decref(record);
	snap_close(snap);
	return rc;
}

static int
run(const struct opts *o, struct error *err)
{
	struct job j = { 0 };
	int rc;

	rc = open_all(&j, o, err);
	if (rc == 0) {
		rc = pull(&j, o, err);
		if (rc == -1)
			error_wrap(err, "%s", o->text);
	}
	if (rc == 0)
		rc = report(&j, o, err);
	intake_fini(&j.in);
	reader_close(&j.reader);
	transport_close(&j.from);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int rc;

	sig_setup();
	rc = options_parse(&o, argc, argv);
	if (rc != 0)
		rc = opt_end(rc);
	else if (run(&o, &err) == -1)
		rc = diag_error(&err);
	options_fini(&o);
	return rc;
}
