/* SPDX-License-Identifier: ISC */
#include "registry/artifact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "registry/page_index.h"
#include "snapshot/envelope.h"
#include "snapshot/signature.h"

#define TYPE_MAX 256 /* bytes; RFC 6838 has 127 for each half of one */
#define CREATED "org.opencontainers.image.created"
#define TITLE "org.opencontainers.image.title"
#define TITLE_MAX 32

static const char *const part_types[] = {
	[PART_TREE] = ARTIFACT_TREE,
	[PART_PACK] = ARTIFACT_PACK,
};

void
artifact_fini(struct artifact *a)
{
	free(a->parts);
	free(a->signatures);
	a->signatures = NULL;
	a->parts = NULL;
	a->parts_n = 0;
}

int
artifact_add_part(struct artifact *a, size_t *number, const struct part *part,
    struct error *err)
{
	struct part *v;

	if (a->parts_n == PART_MAX)
		return error_set(err, EX_DATAERR, "more than %d parts",
		    PART_MAX);
	v = realloc(a->parts, (a->parts_n + 1) * sizeof(*v));
	if (v == NULL)
		return error_nomem(err, "parts");
	a->parts = v;
	v[a->parts_n] = *part;
	*number = a->parts_n++;
	return 0;
}

static int
put_blob(json_t *to, const char *type, const struct blob *blob,
    struct error *err)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(text, &blob->digest);
	if (json_put_str(to, "mediaType", type, err) == -1 ||
	    json_put_str(to, "digest", text, err) == -1)
		return -1;
	return json_put_u64(to, "size", blob->bytes, err);
}

/* With a title: without one oras(1) leaves a layer behind, with status 0. */
static int
append_layer(json_t *layers, const char *type, const char *title,
    const struct blob *blob, struct error *err)
{
	json_t *layer = json_object(), *notes = json_object();

	if (put_blob(layer, type, blob, err) == -1 ||
	    json_put_str(notes, TITLE, title, err) == -1) {
		json_decref(layer);
		json_decref(notes);
		return -1;
	}
	if (json_put(layer, "annotations", notes, err) == -1) {
		json_decref(layer);
		return -1;
	}
	return json_append(layers, "layers", layer, err);
}

static int
append_layers(json_t *layers, const struct artifact *a, struct error *err)
{
	char title[TITLE_MAX];
	size_t i;

	if (append_layer(layers, ARTIFACT_INDEX, "index", &a->index, err) == -1)
		return -1;
	for (i = 0; i < a->parts_n; i++) {
		snprintf(title, sizeof(title),
		    a->parts[i].kind == PART_PACK ? "pack-%04zu.zst"
						  : "tree-%04zu",
		    i);
		if (append_layer(layers, part_types[a->parts[i].kind], title,
			&a->parts[i].blob, err) == -1)
			return -1;
	}
	return 0;
}

static int
fill(json_t *to, const struct artifact *a, const char *created_at,
    struct error *err)
{
	json_t *config = json_object(), *layers, *notes;

	if (json_put_u64(to, "schemaVersion", 2, err) == -1 ||
	    json_put_str(to, "mediaType", ARTIFACT_MANIFEST, err) == -1 ||
	    json_put_str(to, "artifactType", ARTIFACT_TYPE, err) == -1 ||
	    put_blob(config, ARTIFACT_CONFIG, &a->envelope, err) == -1) {
		json_decref(config);
		return -1;
	}
	if (json_put(to, "config", config, err) == -1)
		return -1;
	layers = json_array();
	if (append_layers(layers, a, err) == -1) {
		json_decref(layers);
		return -1;
	}
	if (json_put(to, "layers", layers, err) == -1)
		return -1;
	if (created_at[0] == '\0' && a->signatures == NULL)
		return 0;
	notes = json_object();
	if (json_put_text(notes, CREATED, created_at, err) == -1 ||
	    json_put_text(notes, ARTIFACT_SIGNATURES, a->signatures, err) ==
		-1) {
		json_decref(notes);
		return -1;
	}
	return json_put(to, "annotations", notes, err);
}

int
artifact_encode(char **text, size_t *len, const struct artifact *a,
    const char *created_at, struct error *err)
{
	json_t *manifest = json_object();
	int rc = fill(manifest, a, created_at, err);

	if (rc == 0)
		rc = json_text(text, len, manifest, 0, err);
	json_decref(manifest);
	return rc;
}

/* A descriptor of at most `max` bytes, and its type. */
static int
get_blob(struct blob *out, char type[TYPE_MAX], const json_t *from,
    uint64_t max, struct error *err)
{
	char text[DIGEST_TEXT_MAX];

	if (json_get_str(from, "mediaType", type, TYPE_MAX, JSON_REQUIRED,
		err) == -1 ||
	    json_get_str(from, "digest", text, sizeof(text), JSON_REQUIRED,
		err) == -1 ||
	    digest_parse(&out->digest, text, err) == -1)
		return -1;
	return json_get_u64(from, "size", &out->bytes, 1, max, JSON_REQUIRED,
	    err);
}

static int
get_typed(struct blob *out, const char *want, const json_t *from, uint64_t max,
    struct error *err)
{
	char type[TYPE_MAX];

	if (get_blob(out, type, from, max, err) == -1)
		return -1;
	if (strcmp(type, want) != 0)
		return error_set(err, EX_DATAERR, "is %s, not %s", type, want);
	return 0;
}

static int
get_part(struct artifact *a, const json_t *from, struct error *err)
{
	struct part part = { 0 };
	char type[TYPE_MAX];
	size_t number;

	if (get_blob(&part.blob, type, from, PART_BYTES_MAX, err) == -1)
		return -1;
	if (strcmp(type, ARTIFACT_PACK) == 0)
		part.kind = PART_PACK;
	else if (strcmp(type, ARTIFACT_TREE) == 0)
		part.kind = PART_TREE;
	else
		return error_set(err, EX_DATAERR, "is %s, no part", type);
	return artifact_add_part(a, &number, &part, err);
}

static int
get_layers(struct artifact *a, const json_t *manifest, struct error *err)
{
	const json_t *layers;
	size_t i;
	int rc;

	if (json_get_array(manifest, "layers", &layers, PART_MAX + 1,
		JSON_REQUIRED, err) == -1)
		return -1;
	if (json_array_size(layers) == 0)
		return error_set(err, EX_DATAERR, "\"layers\" has no index");
	for (i = 0; i < json_array_size(layers); i++) {
		rc = i == 0
		    ? get_typed(&a->index, ARTIFACT_INDEX,
			  json_array_get(layers, i), PAGE_INDEX_BYTES_MAX, err)
		    : get_part(a, json_array_get(layers, i), err);
		if (rc == -1)
			return error_wrap(err, "layer %zu", i);
	}
	return 0;
}

/* Of annotations, which anybody may add, the one that is ours. */
static int
get_signatures(struct artifact *a, const json_t *manifest, struct error *err)
{
	const json_t *notes = json_object_get(manifest, "annotations");

	return json_is_object(notes)
	    ? json_get_strdup(notes, ARTIFACT_SIGNATURES, &a->signatures,
		  SIGNATURE_BYTES_MAX, JSON_OPTIONAL, err)
	    : 0;
}

static int
decode(struct artifact *a, const json_t *manifest, struct error *err)
{
	char type[TYPE_MAX] = "";
	const json_t *config;
	uint64_t version;

	if (json_get_u64(manifest, "schemaVersion", &version, 2, 2,
		JSON_REQUIRED, err) == -1 ||
	    json_get_str(manifest, "artifactType", type, sizeof(type),
		JSON_OPTIONAL, err) == -1)
		return -1;
	if (strcmp(type, ARTIFACT_TYPE) != 0)
		return error_set(err, EX_DATAERR,
		    "no snapshot: its artifactType is \"%s\"", type);
	if (json_get_object(manifest, "config", &config, JSON_REQUIRED, err) ==
	    -1)
		return -1;
	if (get_typed(&a->envelope, ARTIFACT_CONFIG, config, ENVELOPE_BYTES_MAX,
		err) == -1)
		return error_wrap(err, "config");
	return get_signatures(a, manifest, err) == -1
	    ? -1
	    : get_layers(a, manifest, err);
}

int
artifact_decode(struct artifact *out, const char *text, size_t len,
    struct error *err)
{
	struct artifact a = { 0 };
	json_t *manifest;
	int rc;

	if (json_parse(&manifest, text, len, err) == -1)
		return error_wrap(err, "manifest");
	rc = decode(&a, manifest, err);
	json_decref(manifest);
	if (rc == -1) {
		artifact_fini(&a);
		return error_wrap(err, "manifest");
	}
	*out = a;
	return 0;
}
