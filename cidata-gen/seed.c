/* SPDX-License-Identifier: ISC */
#include "seed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/sig.h"
#include "disk/sink.h"
#include "seed/userdata.h"

#define SEED_JSON_MAX (1 * NUM_MIB) /* of storage configs */

void
seed_init(struct seed *s)
{
	memset(s, 0, sizeof(*s));
	s->file = OUTFILE_NONE;
	s->tmpfd = -1;
	s->user_data = s->vendor_data = s->network_config = INPUT_NONE;
	s->password = s->mounts = INPUT_NONE;
}

void
seed_fini(struct seed *s)
{
	size_t i;

	free(s->image);
	cidata_files_fini(&s->files);
	storage_list_fini(&s->disks);
	nic_list_fini(&s->nics);
	strv_fini(&s->keys);
	for (i = 0; i < s->key_files_n; i++)
		input_fini(&s->key_files[i]);
	free(s->key_files);
	input_fini(&s->mounts);
	input_fini(&s->password);
	input_fini(&s->network_config);
	input_fini(&s->vendor_data);
	input_fini(&s->user_data);
	fd_drop(&s->tmpfd);
	outfile_drop(&s->file);
}

static int
open_keys(struct seed *s, const struct strv *paths, struct error *err)
{
	size_t i;

	s->key_files = calloc(paths->n + 1, sizeof(*s->key_files));
	if (s->key_files == NULL)
		return error_nomem(err, NULL);
	for (i = 0; i < paths->n; i++) {
		s->key_files[s->key_files_n++] = INPUT_NONE;
		if (input_open(&s->key_files[i], paths->v[i], err) == -1)
			return -1;
	}
	return 0;
}

/* Where the enclosed process may still make a file.  EX_NOINPUT. */
static int
open_tmp(struct seed *s, struct error *err)
{
	const char *dir = getenv("TMPDIR");

	return fd_open_dir(&s->tmpfd, AT_FDCWD,
	    dir != NULL && dir[0] != '\0' ? dir : "/tmp", true, err);
}

int
seed_open(struct seed *s, const struct wishes *w, struct error *err)
{
	const char *password = w->password_file;

	if (password == NULL && w->password != NULL &&
	    strcmp(w->password, "-") == 0)
		password = "-";
	if (input_open(&s->user_data, w->user_data, err) == -1 ||
	    input_open(&s->vendor_data, w->vendor_data, err) == -1 ||
	    input_open(&s->network_config, w->network_config, err) == -1 ||
	    input_open(&s->password, password, err) == -1 ||
	    input_open(&s->mounts, w->mounts ? "-" : NULL, err) == -1 ||
	    open_keys(s, &w->ssh_keys, err) == -1)
		return -1;
	if (wishes_iso(w) && open_tmp(s, err) == -1)
		return -1;
	return w->out == NULL
	    ? 0
	    : outfile_open(&s->file, w->out, OUTFILE_REPLACE, err);
}

/*
 * The first line of the file, or the option's value, hashed.  With an instance
 * id the salt follows from it, so that equal input gives equal bytes; else it
 * is random.
 */
static int
hash_password(struct seed *s, const struct wishes *w, struct error *err)
{
	char salt[PASSWORD_SALT_MAX + 1];
	const char *text = w->password;

	if (s->password.what != NULL) {
		if (input_read(&s->password, SEED_JSON_MAX, err) == -1)
			return -1;
		s->password.text[strcspn(s->password.text, "\r\n")] = '\0';
		text = s->password.text;
	}
	if (text == NULL)
		return 0;
	if (w->salt == NULL && w->instance_id != NULL)
		password_derive_salt(salt, w->instance_id,
		    w->user != NULL ? w->user : "");
	else if (w->salt == NULL && password_new_salt(salt, err) == -1)
		return -1;
	return password_hash(s->hash, text, w->salt != NULL ? w->salt : salt,
	    err);
}

static int
read_keys(struct seed *s, struct error *err)
{
	struct input *in;
	size_t i;

	for (i = 0; i < s->key_files_n; i++) {
		in = &s->key_files[i];
		if (input_read(in, CIDATA_KEYS_MAX, err) == -1 ||
		    cidata_read_keys(&s->keys, in->text, in->len, in->what,
			err) == -1)
			return -1;
	}
	return 0;
}

static int
read_nics(struct seed *s, const struct strv *specs, struct error *err)
{
	size_t i;

	for (i = 0; i < specs->n; i++) {
		if (nic_list_parse(&s->nics, specs->v[i], err) == -1)
			return -1;
		/* A random one would match no device. */
		if (s->nics.v[i].said_mac != NIC_MAC_GIVEN)
			return error_set(err, EX_USAGE,
			    "--nic %s: needs mac=", specs->v[i]);
	}
	return 0;
}

static void
warn(const struct input *in, const char *option)
{
	char doubt[USERDATA_DOUBT_MAX];

	if (in->text != NULL && userdata_doubt(doubt, in->text, in->len))
		diag("warning: %s: %s: %s", option, in->what, doubt);
}

static int
read_inputs(struct seed *s, const struct wishes *w, struct error *err)
{
	if (input_read(&s->user_data, CIDATA_TEXT_MAX, err) == -1 ||
	    input_read(&s->vendor_data, CIDATA_TEXT_MAX, err) == -1 ||
	    input_read(&s->network_config, CIDATA_TEXT_MAX, err) == -1 ||
	    hash_password(s, w, err) == -1 || read_keys(s, err) == -1 ||
	    read_nics(s, &w->nics, err) == -1)
		return -1;
	warn(&s->user_data, "--user-data");
	warn(&s->vendor_data, "--vendor-data");
	if (!w->mounts)
		return 0;
	if (input_read(&s->mounts, SEED_JSON_MAX, err) == -1)
		return -1;
	return storage_list_decode_lines(&s->disks, s->mounts.text,
	    s->mounts.len, s->mounts.what, err);
}

int
seed_make(struct seed *s, const struct wishes *w, struct error *err)
{
	struct cidata plan = { 0 };

	if (read_inputs(s, w, err) == -1)
		return -1;
	plan.instance_id = w->instance_id;
	plan.hostname = w->hostname;
	plan.dsmode = w->dsmode;
	plan.user = w->user;
	plan.password_hash = s->hash[0] != '\0' ? s->hash : w->password_hash;
	plan.ssh_keys = &s->keys;
	plan.nics = &s->nics;
	plan.disks = &s->disks;
	plan.user_data = (struct cidata_text){ s->user_data.text,
		s->user_data.len };
	plan.vendor_data = (struct cidata_text){ s->vendor_data.text,
		s->vendor_data.len };
	plan.network_config = (struct cidata_text){ s->network_config.text,
		s->network_config.len };
	if (cidata_make(&s->files, &plan, err) == -1)
		return -1;
	return wishes_iso(w)
	    ? cidata_iso(&s->image, &s->image_bytes, &s->files, err)
	    : cidata_vfat(&s->image, &s->image_bytes, &s->files, err);
}

static int
report(const struct seed *s, const struct wishes *w, struct error *err)
{
	json_t *record = json_object(), *names = json_array();
	size_t i;
	int rc = -1;

	if (record == NULL || names == NULL) {
		error_nomem(err, NULL);
		goto out;
	}
	for (i = 0; i < s->files.n; i++)
		if (json_append(names, "files", json_string(s->files.v[i].name),
			err) == -1)
			goto out;
	if (json_put_str(record, "file", w->out, err) == -1 ||
	    json_put_u64(record, "size", s->image_bytes, err) == -1 ||
	    json_put_str(record, "format", wishes_iso(w) ? "iso" : "vfat",
		err) == -1 ||
	    json_put_str(record, "instance_id", s->files.instance_id, err) ==
		-1 ||
	    json_put(record, "files", json_incref(names), err) == -1 ||
	    json_report(record, w->members, err) == -1 ||
	    json_report_end(err) == -1)
		goto out;
	rc = 0;
out:
	json_decref(names);
	json_decref(record);
	return rc;
}

int
seed_write(struct seed *s, const struct wishes *w, struct error *err)
{
	struct sink sink = { 0 };
	int rc;

	if (sink_open(&sink, &s->file, err) == -1)
		return -1;
	rc = sink_data(&sink, s->image, s->image_bytes, err);
	if (rc == 0)
		rc = sink_finish(&sink, err);
	sink_fini(&sink);
	if (rc == 0)
		rc = sig_check(err);
	if (rc == -1 || w->out == NULL)
		return rc;
	hook_step("seed-written");
	if (outfile_publish(&s->file, OUTFILE_REPLACE | OUTFILE_NOSYNC, err) ==
	    -1)
		return -1;
	return report(s, w, err);
}
