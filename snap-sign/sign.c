/* SPDX-License-Identifier: ISC */
#include "sign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/sig.h"
#include "snapshot/keygen.h"
#include "snapshot/signature.h"
#include "snapshot/signed_part.h"
#include "state/snap.h"

/* A snapshot that is changed: nobody else has it meanwhile. */
struct change {
	int fd; /* its directory, locked */
	char id[64]; /* of one in the store */
	struct envelope envelope;
	struct signature_list list; /* what it has */
};

static int
open_snap(struct snap **snap, const struct sign_place *place, struct error *err)
{
	return place->dir != NULL
	    ? snap_open_dir(snap, place->dir, err)
	    : snap_open(snap, place->root, place->ref, err);
}

static const char *
label_of(const struct sign_place *place)
{
	return place->dir != NULL ? place->dir : place->ref;
}

/* Where ssh(1) looks, in its order; those that need a touch, too. */
static int
find_key(char **out, struct error *err)
{
	static const char *const names[] = { "id_ed25519", "id_ed25519_sk",
		"id_ecdsa", "id_ecdsa_sk", "id_rsa" };
	const char *home = getenv("HOME");
	size_t i;

	*out = NULL;
	for (i = 0; home != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
		*out = path_format("%s/.ssh/%s", home, names[i]);
		if (*out == NULL)
			return error_nomem(err, NULL);
		if (access(*out, F_OK) == 0)
			return 0;
		free(*out);
		*out = NULL;
	}
	return error_set(err, EX_NOINPUT,
	    "no key in ~/.ssh: -k says which, a private one, or a public one "
	    "of an agent");
}

static int
make(struct signature_list *out, const char *key, const char *text, size_t len,
    struct error *err)
{
	char *found = NULL;
	int rc;

	if (key == NULL && find_key(&found, err) == -1)
		return -1;
	rc = keygen_sign(out, key == NULL ? found : key, text, len, err);
	free(found);
	return rc;
}

static void
change_fini(struct change *c)
{
	fd_drop(&c->fd);
	envelope_fini(&c->envelope);
	signature_list_fini(&c->list);
}

static int
lock_it(struct change *c, const struct sign_place *place, struct error *err)
{
	char id[ID_LEN + 1];

	if (place->dir != NULL) {
		if (fd_open_dir(&c->fd, AT_FDCWD, place->dir, true, err) == -1)
			return -1;
		return lock_fd(c->fd, LOCK_EXCLUSIVE, place->deadline_ms,
		    place->dir, err);
	}
	if (root_resolve(id, place->root, ROOT_SNAP, place->ref, err) == -1)
		return -1;
	memcpy(c->id, id, sizeof(id));
	return root_lock(&c->fd, place->root, ROOT_SNAP, id, true,
	    place->deadline_ms, err);
}

/* Signatures are no file of a snapshot, but on the way from store to store. */
static int
unlist(struct change *c, struct error *err)
{
	const struct envelope_file *file = envelope_find_file(&c->envelope,
	    SIGNATURE_NAME);

	if (file == NULL)
		return 0;
	if (c->envelope.trailer)
		return error_set(err, EX_DATAERR,
		    "an archive that was unpacked, whose " ENVELOPE_TRAILER
		    " has " SIGNATURE_NAME ": import it first");
	envelope_drop_file(&c->envelope, (size_t)(file - c->envelope.files));
	return envelope_write(c->fd, &c->envelope, err);
}

/* `is_loose`: what is there need not be signatures. */
static int
change_begin(struct change *c, const struct sign_place *place, bool is_loose,
    struct error *err)
{
	struct error why = { 0 };

	memset(c, 0, sizeof(*c));
	c->fd = -1;
	envelope_init(&c->envelope);
	if (lock_it(c, place, err) == -1 ||
	    envelope_read(&c->envelope, c->fd, err) == -1)
		return -1;
	if (signature_list_read(&c->list, c->fd, &why) == 0 ||
	    why.code == EX_NOINPUT || (is_loose && why.code == EX_DATAERR))
		return 0;
	if (err != NULL)
		*err = why;
	return -1;
}

static int
change_end(struct change *c, struct error *err)
{
	if (unlist(c, err) == -1)
		return -1;
	hook_step("sign-unlisted");
	return signature_list_write(c->fd, &c->list, err);
}

static int
report_it(json_t **report, const struct sign_place *place, struct error *err)
{
	struct snap *snap;
	int rc;

	if (open_snap(&snap, place, err) == -1)
		return -1;
	rc = snap_report(report, snap, place->root, err);
	snap_close(snap);
	return rc;
}

/* What was signed is what is there. */
static int
join(const struct sign_place *place, struct signature_list *made,
    const char *text, struct error *err)
{
	struct change c;
	char *now = NULL;
	size_t len;
	int rc = -1;

	if (change_begin(&c, place, false, err) == 0 &&
	    signed_part(&now, &len, &c.envelope, err) == 0) {
		if (strcmp(now, text) != 0)
			error_set(err, EX_TEMPFAIL,
			    "changed while it was signed");
		else if (sig_check(err) == 0 &&
		    signature_list_join(&c.list, made, err) == 0)
			rc = change_end(&c, err);
	}
	free(now);
	change_fini(&c);
	return rc;
}

int
sign_add(json_t **report, const struct sign_place *place, const char *key,
    struct error *err)
{
	struct signature_list made = { .n = 0 };
	struct snap *snap;
	char *text = NULL;
	size_t len;
	int rc;

	if (open_snap(&snap, place, err) == -1)
		return -1;
	rc = signed_part(&text, &len, snap_envelope(snap), err);
	/* Whoever types a password holds up nobody. */
	snap_close(snap);
	if (rc == -1 && err->code == EX_DATAERR)
		error_wrap(err, "cannot be signed");
	if (rc == 0)
		rc = make(&made, key, text, len, err);
	if (rc == 0)
		rc = join(place, &made, text, err);
	signature_list_fini(&made);
	free(text);
	if (rc == -1)
		return error_wrap(err, "%s", label_of(place));
	return report_it(report, place, err);
}

int
sign_remove(json_t **report, const struct sign_place *place, const char *key,
    struct error *err)
{
	bool all = strcmp(key, "all") == 0;
	struct change c;
	int rc;

	rc = change_begin(&c, place, all, err);
	if (rc == 0 && all)
		signature_list_fini(&c.list);
	else if (rc == 0 && signature_list_drop(&c.list, key) == 0)
		rc = error_set(err, EX_NOINPUT, "not signed by %s", key);
	if (rc == 0)
		rc = change_end(&c, err);
	change_fini(&c);
	if (rc == -1)
		return error_wrap(err, "%s", label_of(place));
	return report_it(report, place, err);
}

static int
print(const struct signature *sig, const char *members, struct error *err)
{
	json_t *record = json_object();
	int rc = -1;

	if (json_put_str(record, "key", sig->key, err) == 0 &&
	    json_put_str(record, "type", sig->type, err) == 0 &&
	    json_put_str(record, "namespace", sig->space, err) == 0)
		rc = json_report(record, members, err);
	json_decref(record);
	return rc;
}

int
sign_list(const struct sign_place *place, const char *members,
    struct error *err)
{
	struct signature_list list = { .n = 0 };
	struct error why = { 0 };
	struct snap *snap;
	size_t i;
	int rc;

	if (open_snap(&snap, place, err) == -1)
		return -1;
	rc = signature_list_read(&list, snap_fd(snap), &why);
	snap_close(snap);
	if (rc == -1 && why.code != EX_NOINPUT)
		return error_set(err, why.code, "%s: %s", label_of(place),
		    why.msg);
	rc = 0;
	for (i = 0; i < list.n && rc == 0; i++)
		rc = print(&list.v[i], members, err);
	signature_list_fini(&list);
	return rc;
}
