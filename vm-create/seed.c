/* SPDX-License-Identifier: ISC */
#include "seed.h"

#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "seed/cidata.h"
#include "seed/password.h"
#include "state/seed_files.h"

#define PASSWORD_FILE_MAX 4096 /* bytes; its first line counts */

static int
hash(struct vm_seed *seed, const char *password, struct error *err)
{
	char salt[PASSWORD_SALT_MAX + 1], text[PASSWORD_HASH_MAX];

	if (password_new_salt(salt, err) == -1)
		return -1;
	if (password_hash(text, password, salt, err) == -1)
		return error_wrap(err, "--password");
	seed->password_hash = strdup(text);
	explicit_bzero(text, sizeof(text));
	return seed->password_hash == NULL ? error_nomem(err, NULL) : 0;
}

static int
read_password(struct vm_seed *seed, const struct wishes *w, struct error *err)
{
	const char *path = w->password_file;
	char *text = NULL;
	size_t len;
	int rc;

	if (w->password != NULL && w->password_file != NULL)
		return error_set(err, EX_USAGE,
		    "--password and --password-file exclude each other");
	if (w->password != NULL && strcmp(w->password, "-") == 0)
		path = "-";
	if (path == NULL)
		return w->password == NULL ? 0 : hash(seed, w->password, err);
	if (seed_files_text(&text, &len, path, PASSWORD_FILE_MAX,
		"--password-file", err) == -1)
		return -1;
	text[strcspn(text, "\r\n")] = '\0';
	rc = hash(seed, text, err);
	explicit_bzero(text, len);
	free(text);
	return rc;
}

static int
read_files(struct vm_seed *seed, const struct wishes *w, struct error *err)
{
	char doubt[USERDATA_DOUBT_MAX];
	size_t i;

	for (i = 0; i < w->ssh_keys.n; i++)
		if (seed_files_add_keys(seed, w->ssh_keys.v[i], err) == -1)
			return -1;
	if (w->user_data == NULL)
		return 0;
	if (seed_files_user_data(seed, w->user_data, doubt, err) == -1)
		return -1;
	if (doubt[0] != '\0')
		diag("warning: --user-data: %s: %s", w->user_data, doubt);
	return 0;
}

int
seed_read(struct plan *plan, const struct wishes *w, struct error *err)
{
	struct vm_seed *seed = &plan->seed;

	plan->no_seed = w->no_cidata;
	plan->wants_seed = w->user != NULL || w->password != NULL ||
	    w->password_file != NULL || w->ssh_keys.n > 0 ||
	    w->user_data != NULL;
	if (plan->no_seed && plan->wants_seed)
		return error_set(err, EX_USAGE,
		    "--no-cidata: other options ask for a seed");
	if (w->user != NULL && !cidata_is_user(w->user))
		return error_set(err, EX_USAGE, "--user: %s: not a user's name",
		    w->user);
	if (w->user != NULL && (seed->user = strdup(w->user)) == NULL)
		return error_nomem(err, NULL);
	if (read_password(seed, w, err) == -1)
		return -1;
	return read_files(seed, w, err);
}
