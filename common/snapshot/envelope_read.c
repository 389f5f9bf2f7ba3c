/* SPDX-License-Identifier: ISC */
#include "snapshot/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/text.h"
#include "snapshot/envelope_keys.h"

#define NICS_MAX 256
#define CPUS_MAX 4096 /* Linux knows 8192; no VMM more than this */
#define CPU_FLAGS_MAX 1024
#define CPU_FLAG_MAX 63 /* bytes */

/* No control characters: what is printed in tables. */
static int
check_printable(const char *key, const char *text, struct error *err)
{
	const char *p;

	for (p = text; *p != '\0'; p++)
		if (text_control(p) != 0)
			return error_set(err, EX_DATAERR,
			    "\"%s\" holds a control character", key);
	return 0;
}

static int
decode_text(const json_t *obj, const char *key, char *out, size_t cap,
    struct error *err)
{
	if (json_get_str(obj, key, out, cap, JSON_OPTIONAL, err) == -1)
		return -1;
	return check_printable(key, out, err);
}

static int
decode_config(struct envelope *e, const json_t *obj, struct error *err)
{
	struct envelope_config *c = &e->config;
	struct machine *m = &e->machine;

	if (decode_text(obj, "id", c->id, sizeof(c->id), err) == -1 ||
	    json_get_str(obj, "name", c->name, sizeof(c->name), JSON_OPTIONAL,
		err) == -1 ||
	    json_get_strdup(obj, "description", &c->description,
		ENVELOPE_DESCRIPTION_MAX, JSON_OPTIONAL, err) == -1 ||
	    decode_text(obj, "hypervisor", m->hypervisor, sizeof(m->hypervisor),
		err) == -1 ||
	    json_get_u64(obj, "nics", &c->nics, 0, NICS_MAX, JSON_OPTIONAL,
		err) == -1 ||
	    json_get_u64(obj, "cpu", &m->cpu, 0, CPUS_MAX, JSON_OPTIONAL,
		err) == -1 ||
	    json_get_u64(obj, "memory", &m->memory_bytes, 0,
		ENVELOPE_FILE_BYTES_MAX, JSON_OPTIONAL, err) == -1 ||
	    json_get_u64(obj, "storage", &m->storage_bytes, 0,
		ENVELOPE_FILE_BYTES_MAX, JSON_OPTIONAL, err) == -1 ||
	    json_get_u64(obj, "console_max", &m->console_max_bytes,
		MACHINE_CONSOLE_MIN, MACHINE_CONSOLE_MAX, JSON_OPTIONAL,
		err) == -1 ||
	    json_get_strdup(obj, "image", &m->image, ENVELOPE_IMAGE_MAX,
		JSON_OPTIONAL, err) == -1)
		return -1;
	if (c->name[0] != '\0' && !envelope_is_name(c->name))
		return error_set(err, EX_DATAERR,
		    "\"name\" is \"%s\", which is not a name", c->name);
	return 0;
}

static int
compare_files(const void *a, const void *b)
{
	return strcmp(((const struct envelope_file *)a)->name,
	    ((const struct envelope_file *)b)->name);
}

/* On a sorted copy of the list: the order of the list is kept. */
static int
check_unique(const struct envelope *e, struct error *err)
{
	struct envelope_file *sorted;
	size_t i;
	int rc = 0;

	if (e->files_n < 2)
		return 0;
	sorted = malloc(e->files_n * sizeof(*sorted));
	if (sorted == NULL)
		return error_sys(err, EX_OSERR, "envelope");
	memcpy(sorted, e->files, e->files_n * sizeof(*sorted));
	qsort(sorted, e->files_n, sizeof(*sorted), compare_files);
	for (i = 1; i < e->files_n && rc == 0; i++)
		if (strcmp(sorted[i - 1].name, sorted[i].name) == 0)
			rc = error_set(err, EX_DATAERR,
			    "\"files\" names %s twice", sorted[i].name);
	free(sorted);
	return rc;
}

static int
decode_files(struct envelope *e, const json_t *root, struct error *err)
{
	const json_t *array, *item;
	const char *name;
	size_t i;

	/* What Go's encoder writes for a list that was never made. */
	if (json_is_null(json_object_get(root, "files")))
		return 0;
	if (json_get_array(root, "files", &array, ENVELOPE_FILES_MAX,
		JSON_OPTIONAL, err) == -1)
		return -1;
	if (array == NULL)
		return 0;
	e->has_files = true;
	for (i = 0; i < json_array_size(array); i++) {
		item = json_array_get(array, i);
		if (!json_is_string(item))
			return error_set(err, EX_DATAERR,
			    "\"files\" holds what is no string");
		name = json_string_value(item);
		if (!path_is_name(name) || strcmp(name, ENVELOPE_NAME) == 0 ||
		    strcmp(name, ENVELOPE_TRAILER) == 0)
			return error_set(err, EX_DATAERR,
			    "\"files\" names \"%s\", which no file may have",
			    name);
		if (envelope_add_file(e, name, err) == NULL)
			return -1;
	}
	return check_unique(e, err);
}

/* {"size": BYTES, "fsverity": "sha256:HEX"} */
static int
decode_digest(uint64_t *size, struct digest *digest, const json_t *obj,
    struct error *err)
{
	char text[DIGEST_TEXT_MAX];

	if (json_get_u64(obj, "size", size, 0, ENVELOPE_FILE_BYTES_MAX,
		JSON_REQUIRED, err) == -1 ||
	    json_get_str(obj, "fsverity", text, sizeof(text), JSON_REQUIRED,
		err) == -1)
		return -1;
	if (digest_parse(digest, text, err) == -1)
		return error_wrap(err, "\"fsverity\"");
	return 0;
}

static int
decode_digests(struct envelope *e, const json_t *root, struct error *err)
{
	const json_t *digests, *item;
	size_t i, used = 0;

	if (json_get_object(root, "digests", &digests, JSON_OPTIONAL, err) ==
	    -1)
		return -1;
	if (digests == NULL)
		return 0;
	for (i = 0; i < e->files_n; i++) {
		item = json_object_get(digests, e->files[i].name);
		if (item == NULL)
			continue;
		if (decode_digest(&e->files[i].size_bytes, &e->files[i].digest,
			item, err) == -1)
			return error_wrap(err, "\"digests\": %s",
			    e->files[i].name);
		e->files[i].has_digest = true;
		used++;
	}
	if (used != json_object_size(digests))
		return error_set(err, EX_DATAERR,
		    "\"digests\" has what \"files\" does not name");
	return 0;
}

static int
decode_layer(struct envelope *e, const char *name, const json_t *obj,
    struct error *err)
{
	struct layer layer = { 0 };
	int rc = -1;

	if (!path_is_name(name))
		return error_set(err, EX_DATAERR, "not a file name");
	if (envelope_find_file(e, name) != NULL)
		return error_set(err, EX_DATAERR, "is among \"files\", too");
	if (decode_digest(&layer.size_bytes, &layer.digest, obj, err) == -1 ||
	    json_get_strdup(obj, "path", &layer.path, 4095, JSON_OPTIONAL,
		err) == -1)
		return -1;
	layer.name = strdup(name);
	if (layer.name == NULL)
		error_nomem(err, "envelope");
	else
		rc = layer_list_add(&e->machine.layers, &layer, err);
	free(layer.name);
	free(layer.path);
	return rc;
}

static int
decode_layers(struct envelope *e, json_t *root, struct error *err)
{
	const json_t *seen;
	json_t *layers, *item;
	const char *name;

	if (json_get_object(root, "layers", &seen, JSON_OPTIONAL, err) == -1)
		return -1;
	if (seen == NULL || json_object_size(seen) == 0)
		return 0;
	if (json_object_size(seen) > ENVELOPE_LAYERS_MAX)
		return error_set(err, EX_DATAERR,
		    "\"layers\" has more than %d entries", ENVELOPE_LAYERS_MAX);
	layers = json_object_get(root, "layers");
	json_object_foreach(layers, name, item)
	{
		if (decode_layer(e, name, item, err) == -1)
			return error_wrap(err, "\"layers\": %s", name);
	}
	return 0;
}

static int
decode_flags(struct strv *out, const json_t *obj, struct error *err)
{
	const json_t *array, *item;
	size_t i;

	if (json_get_array(obj, "cpu_flags", &array, CPU_FLAGS_MAX,
		JSON_OPTIONAL, err) == -1)
		return -1;
	for (i = 0; array != NULL && i < json_array_size(array); i++) {
		item = json_array_get(array, i);
		if (!json_is_string(item) ||
		    json_string_length(item) > CPU_FLAG_MAX)
			return error_set(err, EX_DATAERR,
			    "\"cpu_flags\" holds what is no flag");
		if (strv_add(out, err, "%s", json_string_value(item)) == -1)
			return -1;
	}
	return 0;
}

static int
decode_host(struct envelope *e, const json_t *root, struct error *err)
{
	struct envelope_host *h = &e->host;
	struct machine *m = &e->machine;
	const json_t *obj;
	struct digest digest;

	if (json_get_object(root, "host", &obj, JSON_OPTIONAL, err) == -1)
		return -1;
	if (obj == NULL)
		return 0;
	h->present = true;
	if (decode_text(obj, "vmm", h->vmm, sizeof(h->vmm), err) == -1 ||
	    decode_text(obj, "version", h->version, sizeof(h->version), err) ==
		-1 ||
	    decode_text(obj, "binary", h->binary, sizeof(h->binary), err) ==
		-1 ||
	    decode_text(obj, "machine", m->type, sizeof(m->type), err) == -1 ||
	    decode_text(obj, "accel", h->accel, sizeof(h->accel), err) == -1 ||
	    decode_text(obj, "cpu", m->cpu_model, sizeof(m->cpu_model), err) ==
		-1 ||
	    decode_text(obj, "kernel", h->kernel, sizeof(h->kernel), err) ==
		-1 ||
	    decode_text(obj, "arch", h->arch, sizeof(h->arch), err) == -1 ||
	    decode_flags(&h->cpu_flags, obj, err) == -1)
		return error_wrap(err, "\"host\"");
	if (h->binary[0] != '\0' && digest_parse(&digest, h->binary, err) == -1)
		return error_wrap(err, "\"host\": \"binary\"");
	return 0;
}

/* Copies the members of `obj` that are not in `keys` to place[where]. */
static int
keep_unknown(json_t *place, const char *where, json_t *obj,
    const char *const *keys, struct error *err)
{
	json_t *kept, *value;
	const char *name;
	size_t i;

	kept = json_object();
	if (kept == NULL)
		return error_nomem(err, "envelope");
	json_object_foreach(obj, name, value)
	{
		for (i = 0; keys[i] != NULL && strcmp(keys[i], name) != 0; i++)
			continue;
		if (keys[i] == NULL &&
		    json_put(kept, name, json_incref(value), err) == -1) {
			json_decref(kept);
			return -1;
		}
	}
	return json_put(place, where, kept, err);
}

static int
decode_version(const json_t *root, struct error *err)
{
	const json_t *version = json_object_get(root, "version");
	json_int_t n = 0;

	if (version != NULL) {
		if (!json_is_integer(version))
			return error_set(err, EX_DATAERR,
			    "\"version\" is not an integer");
		n = json_integer_value(version);
	}
	if (n != ENVELOPE_VERSION)
		return error_set(err, EX_DATAERR,
		    "version %" JSON_INTEGER_FORMAT ", not %d", n,
		    ENVELOPE_VERSION);
	return 0;
}

static int
decode_consistent(struct envelope *e, const json_t *root, struct error *err)
{
	char text[16] = "";

	if (decode_text(root, "consistent", text, sizeof(text), err) == -1)
		return -1;
	if (strcmp(text, "crash") == 0)
		e->consistent = ENVELOPE_CONSISTENT_CRASH;
	else if (strcmp(text, "filesystem") == 0)
		e->consistent = ENVELOPE_CONSISTENT_FILESYSTEM;
	else if (text[0] != '\0')
		return error_set(err, EX_DATAERR,
		    "\"consistent\" is \"%s\", neither crash nor filesystem",
		    text);
	return 0;
}

static int
decode_all(struct envelope *e, json_t *root, struct error *err)
{
	const json_t *config;

	if (!json_is_object(root))
		return error_set(err, EX_DATAERR, "not an object");
	if (decode_version(root, err) == -1 ||
	    json_get_object(root, "config", &config, JSON_REQUIRED, err) ==
		-1 ||
	    decode_config(e, config, err) == -1 ||
	    decode_files(e, root, err) == -1 ||
	    decode_digests(e, root, err) == -1 ||
	    decode_layers(e, root, err) == -1 ||
	    decode_host(e, root, err) == -1 ||
	    json_get_str(root, "created_at", e->created_at,
		sizeof(e->created_at), JSON_OPTIONAL, err) == -1 ||
	    decode_consistent(e, root, err) == -1 ||
	    json_get_bool(root, "trailer", &e->trailer, JSON_OPTIONAL, err) ==
		-1)
		return -1;
	if (e->created_at[0] != '\0' &&
	    rfc3339_parse(NULL, e->created_at, NULL) == -1)
		return error_set(err, EX_DATAERR,
		    "\"created_at\" is \"%s\", which is not a time",
		    e->created_at);
	e->unknown = json_object();
	if (e->unknown == NULL)
		return error_nomem(err, "envelope");
	if (keep_unknown(e->unknown, ENVELOPE_UNKNOWN_TOP, root,
		envelope_top_keys, err) == -1)
		return -1;
	return keep_unknown(e->unknown, ENVELOPE_UNKNOWN_CONFIG,
	    json_object_get(root, "config"), envelope_config_keys, err);
}

int
envelope_decode(struct envelope *out, const char *text, size_t len,
    struct error *err)
{
	struct envelope e;
	json_t *root;
	int rc;

	if (len > ENVELOPE_BYTES_MAX)
		return error_set(err, EX_DATAERR, "%s: %zu bytes, more than %u",
		    ENVELOPE_NAME, len, ENVELOPE_BYTES_MAX);
	if (json_parse(&root, text, len, err) == -1)
		return error_wrap(err, "%s", ENVELOPE_NAME);
	envelope_init(&e);
	rc = decode_all(&e, root, err);
	json_decref(root);
	if (rc == -1) {
		envelope_fini(&e);
		return error_wrap(err, "%s", ENVELOPE_NAME);
	}
	*out = e;
	return 0;
}

int
envelope_read(struct envelope *out, int dirfd, struct error *err)
{
	struct error why = { 0 };
	char *text;
	size_t len;
	int rc;

	if (fd_slurp(&text, &len, dirfd, ENVELOPE_NAME, ENVELOPE_BYTES_MAX,
		&why) == -1) {
		if (why.code == EX_NOINPUT)
			return error_set(err, EX_NOINPUT,
			    "%s: envelope missing", ENVELOPE_NAME);
		if (err != NULL)
			*err = why;
		return -1;
	}
	rc = envelope_decode(out, text, len, err);
	free(text);
	return rc;
}
