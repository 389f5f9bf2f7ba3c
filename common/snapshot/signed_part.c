/* SPDX-License-Identifier: ISC */
#include "snapshot/signed_part.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/path.h"
#include "snapshot/signature.h"
#include "snapshot/working_set.h"

#define FORM SIGNATURE_NAMESPACE "\n" /* the first line */
#define NUMBER_MAX (INT64_C(1) << 53) /* what every JSON reader has exactly */

bool
signed_part_leaves_out(const char *name)
{
	return strcmp(name, SIGNATURE_NAME) == 0 ||
	    strcmp(name, WORKING_SET_NAME) == 0;
}

/* A layer that was brought along: the envelope's layers say the same of it. */
static bool
is_brought(const struct envelope *e, const struct envelope_file *file)
{
	const struct layer *layer = layer_of_file(&e->machine.layers,
	    file->name);

	return layer != NULL && layer->size_bytes == file->size_bytes &&
	    digest_equal(&layer->digest, &file->digest);
}

/* The digests name every file, so that the list of them is left out. */
static int
cut_files(json_t *root, const struct envelope *e, struct error *err)
{
	json_t *digests = json_object_get(root, "digests");
	const struct envelope_file *file;
	size_t i, n = 0;

	for (i = 0; i < e->files_n; i++) {
		file = &e->files[i];
		if (signed_part_leaves_out(file->name)) {
			json_object_del(digests, file->name);
			continue;
		}
		if (!file->has_digest)
			return error_set(err, EX_DATAERR, "%s: has no digest",
			    file->name);
		if (is_brought(e, file))
			json_object_del(digests, file->name);
		else
			n++;
	}
	json_object_del(root, "files");
	return n > 0 ? 0 : error_set(err, EX_DATAERR, "names no files");
}

static bool
is_plain_text(const char *text)
{
	const unsigned char *p;

	for (p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

/* Nothing that two writers of JSON would write in two ways. */
static bool
is_plain(json_t *value)
{
	const char *key;
	json_t *inner;
	size_t i;

	if (json_is_string(value))
		return is_plain_text(json_string_value(value));
	if (json_is_integer(value))
		return json_integer_value(value) <= NUMBER_MAX &&
		    json_integer_value(value) >= -NUMBER_MAX;
	json_array_foreach(value, i, inner)
	{
		if (!is_plain(inner))
			return false;
	}
	json_object_foreach(value, key, inner)
	{
		if (!is_plain_text(key) || !is_plain(inner))
			return false;
	}
	return !json_is_real(value);
}

static int
check_plain(json_t *root, struct error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach(root, key, value)
	{
		if (!is_plain_text(key) || !is_plain(value))
			return error_set(err, EX_DATAERR,
			    "has control characters, or numbers that are not "
			    "integers up to 2^53");
	}
	return 0;
}

/* What an import writes anew, or an export for its own use. */
static void
cut_own(json_t *root)
{
	json_t *config = json_object_get(root, "config");

	json_object_del(config, "id");
	json_object_del(config, "name");
	json_object_del(config, "description");
	json_object_del(root, "created_at");
	json_object_del(root, "trailer");
}

static int
put_text(char **text, size_t *len, const json_t *root, struct error *err)
{
	char *json = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
	char *out = json == NULL ? NULL : path_format(FORM "%s\n", json);

	free(json);
	if (out == NULL)
		return error_nomem(err, ENVELOPE_NAME);
	*text = out;
	*len = strlen(out);
	return 0;
}

int
signed_part(char **text, size_t *len, const struct envelope *e,
    struct error *err)
{
	json_t *root;
	int rc = -1;

	if (envelope_json(&root, e, err) == -1)
		return -1;
	cut_own(root);
	if (cut_files(root, e, err) == 0 && check_plain(root, err) == 0)
		rc = put_text(text, len, root, err);
	json_decref(root);
	return rc == -1 ? error_wrap(err, ENVELOPE_NAME) : 0;
}

bool
signed_part_hash(unsigned char out[SHA256_BYTES], const struct envelope *e)
{
	char *text;
	size_t len;

	if (signed_part(&text, &len, e, NULL) == -1)
		return false;
	sha256_of(out, text, len);
	free(text);
	return true;
}
