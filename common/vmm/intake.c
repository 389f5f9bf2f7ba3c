/* SPDX-License-Identifier: ISC */
#include "vmm/intake.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/rfc3339.h"
#include "disk/digest.h"
#include "snapshot/manifest.h"
#include "snapshot/signature.h"
#include "snapshot/signed_part.h"
#include "snapshot/working_set.h"
#include "vmm/preflight.h"

/* The envelope that the store gets: id, name and time are its own. */
static int
write_envelope(struct intake *in, const struct intake_how *how,
    const struct timespec *now, struct error *err)
{
	struct envelope_config *c = &in->envelope.config;

	memset(c->id, 0, sizeof(c->id));
	memcpy(c->id, in->made.id, sizeof(in->made.id));
	memset(c->name, 0, sizeof(c->name));
	if (label_put(c, &how->label, err) == -1)
		return -1;
	rfc3339_us(in->envelope.created_at, now);
	return envelope_write(in->made.dirfd, &in->envelope, err);
}

int
intake_begin(struct intake *in, const char *root, const struct intake_how *how,
    struct error *err)
{
	if (root_open(&in->root, root, err) == -1)
		return -1;
	return label_begin(&in->made, in->root, &how->label, err);
}

int
intake_check_form(int dirfd, const struct envelope *envelope, struct error *err)
{
	struct preflight p = { .dirfd = dirfd, .envelope = envelope };
	int rc = preflight_form(&p, err);

	sidecar_fini(&p.sidecar);
	return rc;
}

int
intake_seal_file(struct envelope_file *file, int dirfd, struct error *err)
{
	struct digest digest;
	uint64_t size;
	int fd, rc;

	if (manifest_open(&fd, &size, dirfd, file->name, err) == -1)
		return -1;
	rc = manifest_read(&digest, file, fd, size, err);
	if (rc == 0 && fsync(fd) == -1)
		rc = error_sys(err, EX_IOERR, "%s", file->name);
	fd_drop(&fd);
	if (rc == -1)
		return -1;
	file->has_digest = true;
	file->size_bytes = size;
	file->digest = digest;
	return 0;
}

static int
seal_new(struct intake *in, const char *name, struct error *err)
{
	struct envelope_file *file = envelope_add_file(&in->envelope, name,
	    err);

	return file == NULL ? -1 : intake_seal_file(file, in->made.dirfd, err);
}

int
intake_seal_all(struct intake *in, const char *const *names, size_t n,
    struct error *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (seal_new(in, names[i], err) == -1)
			return -1;
	return 0;
}

int
intake_seal_machine(struct intake *in, const struct machine *machine,
    struct error *err)
{
	const struct storage *disk;
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		if (machine->boot[i] != NULL &&
		    seal_new(in, machine->boot[i], err) == -1)
			return -1;
	for (i = 0; i < machine->disks.n; i++) {
		disk = &machine->disks.v[i];
		if (disk->role != STORAGE_LAYER &&
		    seal_new(in, disk->path, err) == -1)
			return -1;
	}
	return 0;
}

int
intake_move_layers(struct intake *in, struct error *err)
{
	struct envelope *e = &in->envelope;
	const struct envelope_file *file;
	const struct layer *layer;
	size_t i = 0;

	while (i < e->files_n) {
		file = &e->files[i];
		layer = layer_of_file(&e->machine.layers, file->name);
		if (layer == NULL) {
			i++;
			continue;
		}
		if (manifest_compare(file->name, file->size_bytes,
			&file->digest, layer->size_bytes, &layer->digest,
			err) == -1 ||
		    root_layer_move(in->root, in->made.dirfd, file->name,
			&file->digest, err) == -1)
			return -1;
		envelope_drop_file(e, i);
	}
	return 0;
}

/* Both are told, where there are two. */
static void
warn(struct intake *in, const char *text)
{
	size_t len = strlen(in->warning);

	if (text[0] != '\0')
		snprintf(in->warning + len, sizeof(in->warning) - len, "%s%s",
		    len == 0 ? "" : "; ", text);
}

/*
 * A working set that came as a file of the snapshot lies beside the envelope
 * from now on; one that is wrong is no reason to do without the rest.
 */
static void
take_set(struct intake *in)
{
	struct envelope *e = &in->envelope;
	struct working_set w = { 0 };
	struct error why = { 0 };
	char text[ERROR_MSG_MAX + 16];
	size_t i;

	for (i = 0; i < e->files_n; i++)
		if (strcmp(e->files[i].name, WORKING_SET_NAME) == 0)
			break;
	if (i == e->files_n)
		return;
	envelope_drop_file(e, i);
	if (working_set_read(&w, in->made.dirfd, e->machine.memory_bytes,
		&why) == 0) {
		working_set_fini(&w);
		return;
	}
	unlinkat(in->made.dirfd, WORKING_SET_NAME, 0);
	snprintf(text, sizeof(text), "left out: %s", why.msg);
	warn(in, text);
}

void
intake_note_signed(struct intake *in, const struct envelope *came)
{
	in->has_signed = signed_part_hash(in->signed_hash, came);
}

/* "", or why the signatures that came are of no use. */
static void
judge_signatures(char why[ERROR_MSG_MAX], const struct intake *in)
{
	struct signature_list list = { .n = 0 };
	unsigned char now[SHA256_BYTES];
	struct error e = { 0 };

	why[0] = '\0';
	if (signature_list_read(&list, in->made.dirfd, &e) == -1) {
		if (e.code != EX_NOINPUT)
			memcpy(why, e.msg, ERROR_MSG_MAX);
		return;
	}
	signature_list_fini(&list);
	if (!in->has_signed || !signed_part_hash(now, &in->envelope) ||
	    memcmp(now, in->signed_hash, sizeof(now)) != 0)
		snprintf(why, ERROR_MSG_MAX,
		    SIGNATURE_NAME ": not of what was taken in");
}

/* Signatures lie beside the envelope as the working set does. */
static void
take_signatures(struct intake *in)
{
	char why[ERROR_MSG_MAX], text[ERROR_MSG_MAX + 16];
	const struct envelope_file *file;

	file = envelope_find_file(&in->envelope, SIGNATURE_NAME);
	if (file != NULL)
		envelope_drop_file(&in->envelope,
		    (size_t)(file - in->envelope.files));
	judge_signatures(why, in);
	if (why[0] == '\0')
		return;
	unlinkat(in->made.dirfd, SIGNATURE_NAME, 0);
	snprintf(text, sizeof(text), "left out: %s", why);
	warn(in, text);
}

/* The files of --layer, which who called it has found among the layers. */
static int
move_given(struct intake *in, const struct layer_list *given, struct error *err)
{
	char name[32];
	size_t i;

	for (i = 0; i < given->n; i++) {
		snprintf(name, sizeof(name), INTAKE_GIVEN, i);
		if (root_layer_move(in->root, in->made.dirfd, name,
			&given->v[i].digest, err) == -1)
			return -1;
	}
	return 0;
}

int
intake_publish(struct intake *in, const struct intake_how *how,
    const struct timespec *now, struct error *err)
{
	progress_fini(&in->progress);
	intake_end_errands(in); /* it would hold the lock of what is made */
	if (intake_check_form(in->made.dirfd, &in->envelope, err) == -1 ||
	    intake_move_layers(in, err) == -1 ||
	    move_given(in, &how->layers, err) == -1)
		return -1;
	take_set(in);
	take_signatures(in);
	hook_step("import-checked");
	if (write_envelope(in, how, now, err) == -1)
		return -1;
	return root_new_publish(&in->made, true, err);
}

int
intake_end(struct snap **snap, json_t **record, struct intake *in,
    const struct label *label, struct error *err)
{
	char id[ID_LEN + 1], old_id[ID_LEN + 1];
	struct error why = { 0 };

	memcpy(id, in->made.id, sizeof(id));
	memcpy(old_id, in->made.old_id, sizeof(old_id));
	root_new_end(&in->made); /* it is locked until then */
	(void)label_finish(in->root, old_id, label, &why);
	snprintf(in->warning, sizeof(in->warning), "%s", why.msg);
	if (snap_open(snap, in->root, id, err) == -1)
		return -1;
	if (snap_report(record, *snap, in->root, err) == 0) {
		if (label_report(*record, old_id, err) == 0)
			return 0;
		json_decref(*record);
	}
	snap_close(*snap);
	return -1;
}

void
intake_fini(struct intake *in)
{
	progress_fini(&in->progress);
	intake_end_errands(in);
	root_new_end(&in->made);
	envelope_fini(&in->envelope);
	signers_end(in->signers);
	in->signers = NULL;
	root_close(in->root);
	in->root = NULL;
}
