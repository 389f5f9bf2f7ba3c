/* SPDX-License-Identifier: ISC */
#include "registry/layout_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "registry/artifact.h"
#include "registry/ref.h"

#define NAME "index.json"
#define TYPE "application/vnd.oci.image.index.v1+json"
#define TAG "org.opencontainers.image.ref.name"
#define MANIFESTS_MAX 16384 /* of some 250 bytes in 4 MiB */

/* The tag that a descriptor has, borrowed; NULL: none. */
static const char *
tag_of(const json_t *descriptor)
{
	return json_string_value(
	    json_object_get(json_object_get(descriptor, "annotations"), TAG));
}

/* Its list of manifests, borrowed. */
static int
read_list(json_t **index, const json_t **list, int dirfd, struct error *err)
{
	if (json_parse_file(index, dirfd, NAME, LAYOUT_INDEX_MAX, err) == -1)
		return -1;
	if (json_get_array(*index, "manifests", list, MANIFESTS_MAX,
		JSON_REQUIRED, err) == -1) {
		json_decref(*index);
		return error_wrap(err, NAME);
	}
	return 0;
}

/* The place of the tag in the list, or its length.  EX_DATAERR: twice. */
static int
find_tag(size_t *at, const json_t *list, const char *tag, struct error *err)
{
	size_t i, n = json_array_size(list);
	const char *have;

	*at = n;
	for (i = 0; i < n; i++) {
		have = tag_of(json_array_get(list, i));
		if (have == NULL || strcmp(have, tag) != 0)
			continue;
		if (*at != n)
			return error_set(err, EX_DATAERR,
			    NAME ": two manifests have tag %s", tag);
		*at = i;
	}
	return 0;
}

static int
get_digest(struct digest *out, const json_t *descriptor, struct error *err)
{
	char text[DIGEST_TEXT_MAX];

	if (json_get_str(descriptor, "digest", text, sizeof(text),
		JSON_REQUIRED, err) == -1 ||
	    digest_parse(out, text, err) == -1)
		return error_wrap(err, NAME);
	return 0;
}

static int
find(struct digest *out, const json_t *list, const char *tag, struct error *err)
{
	size_t at, n = json_array_size(list);

	if (find_tag(&at, list, tag[0] != '\0' ? tag : REF_TAG_DEFAULT, err) ==
	    -1)
		return -1;
	if (at == n && tag[0] == '\0' && n == 1)
		at = 0;
	if (at == n && tag[0] == '\0' && n > 1)
		return error_set(err, EX_DATAERR,
		    "%zu manifests: say the tag of one", n);
	if (at == n)
		return error_set(err, EX_NOINPUT, "no manifest has tag %s",
		    tag[0] != '\0' ? tag : REF_TAG_DEFAULT);
	return get_digest(out, json_array_get(list, at), err);
}

int
layout_index_find(struct digest *out, int dirfd, const char *tag,
    struct error *err)
{
	const json_t *list;
	json_t *index;
	int rc;

	if (read_list(&index, &list, dirfd, err) == -1)
		return -1;
	rc = find(out, list, tag, err);
	json_decref(index);
	return rc;
}

/* Whether the tag is where it was seen. */
static int
check_old(const json_t *list, size_t at, const char *tag,
    const struct digest *old, struct error *err)
{
	struct digest now;

	if (at == json_array_size(list))
		return old == NULL ? 0
				   : error_set(err, EX_TEMPFAIL,
					 "tag %s was removed meanwhile", tag);
	if (get_digest(&now, json_array_get(list, at), err) == -1)
		return -1;
	if (old == NULL || !digest_equal(&now, old))
		return error_set(err, EX_TEMPFAIL, "tag %s was moved meanwhile",
		    tag);
	return 0;
}

static json_t *
make_descriptor(const char *tag, const struct blob *manifest, struct error *err)
{
	json_t *d = json_object(), *notes = json_object();
	char text[DIGEST_TEXT_MAX];

	digest_text(text, &manifest->digest);
	if (json_put_str(d, "mediaType", ARTIFACT_MANIFEST, err) == -1 ||
	    json_put_str(d, "digest", text, err) == -1 ||
	    json_put_u64(d, "size", manifest->bytes, err) == -1 ||
	    json_put_str(d, "artifactType", ARTIFACT_TYPE, err) == -1 ||
	    json_put_str(notes, TAG, tag, err) == -1) {
		json_decref(notes);
		json_decref(d);
		return NULL;
	}
	if (json_put(d, "annotations", notes, err) == -1) {
		json_decref(d);
		return NULL;
	}
	return d;
}

/* An index without a manifest. */
static json_t *
make_index(struct error *err)
{
	json_t *index = json_object();

	if (json_put_u64(index, "schemaVersion", 2, err) == -1 ||
	    json_put_str(index, "mediaType", TYPE, err) == -1 ||
	    json_put(index, "manifests", json_array(), err) == -1) {
		json_decref(index);
		return NULL;
	}
	return index;
}

static int
put(json_t *index, int dirfd, const char *tag, const struct blob *manifest,
    const struct digest *old, struct error *err)
{
	json_t *list = json_object_get(index, "manifests"), *descriptor;
	char *text;
	size_t at, len;
	int rc;

	if (find_tag(&at, list, tag, err) == -1 ||
	    check_old(list, at, tag, old, err) == -1)
		return -1;
	descriptor = make_descriptor(tag, manifest, err);
	if (descriptor == NULL)
		return -1;
	rc = at == json_array_size(list)
	    ? json_array_append_new(list, descriptor)
	    : json_array_set_new(list, at, descriptor);
	if (rc == -1)
		return error_nomem(err, NAME);
	if (json_text(&text, &len, index, 0, err) == -1)
		return -1;
	rc = len > LAYOUT_INDEX_MAX
	    ? error_set(err, EX_CANTCREAT, NAME ": would be above 4 MiB")
	    : fd_replace_file(dirfd, NAME, text, len, true, err);
	free(text);
	return rc;
}

int
layout_index_put(int dirfd, const char *tag, const struct blob *manifest,
    const struct digest *old, struct error *err)
{
	const json_t *list;
	json_t *index;
	int rc;

	if (fd_exists(dirfd, NAME)) {
		if (read_list(&index, &list, dirfd, err) == -1)
			return -1;
	} else {
		index = make_index(err);
		if (index == NULL)
			return -1;
	}
	rc = put(index, dirfd, tag, manifest, old, err);
	json_decref(index);
	return rc;
}
