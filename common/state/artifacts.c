/* SPDX-License-Identifier: ISC */
#include "state/artifacts.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"

#define BYTES_MAX (512u << 10) /* ARTIFACTS_MAX of the longest paths */
#define LIST "artifacts"
#define PLACE_MAX 8192

int
artifacts_place(char **out, const struct ref *ref, struct error *err)
{
	char *path;

	if (ref->kind == REF_HOST) {
		*out = path_format("%s/%s", ref->place, ref->name);
	} else {
		path = realpath(ref->place, NULL);
		if (path == NULL)
			return error_sys(err, error_code_of(errno), "%s",
			    ref->place);
		*out = path_format("oci-layout:%s", path);
		free(path);
	}
	return *out == NULL ? error_nomem(err, ref->place) : 0;
}

int
artifacts_open(int *dirfd, const struct root *root, bool to_note,
    struct error *err)
{
	struct error why = { 0 };
	int fd = root_fd(root);

	*dirfd = -1;
	if (to_note &&
	    (root_check_owner(root, NULL) == -1 ||
		faccessat(fd, ".", W_OK, AT_EACCESS) == -1))
		return 0;
	if (to_note && mkdirat(fd, ARTIFACTS_DIR, 0700) == -1 &&
	    errno != EEXIST)
		return error_sys(err, error_code_of(errno), ARTIFACTS_DIR);
	if (fd_open_dir(dirfd, fd, ARTIFACTS_DIR, false, &why) == 0)
		return 0;
	*dirfd = -1;
	if (why.code == EX_NOINPUT)
		return 0;
	if (err != NULL)
		*err = why;
	return -1;
}

/* Entry `i` of the list; false: it is wrong. */
static bool
get_entry(char place[PLACE_MAX], struct digest *digest, const json_t *list,
    size_t i)
{
	const json_t *entry = json_array_get(list, i);
	char text[DIGEST_TEXT_MAX];

	return json_is_object(entry) &&
	    json_get_str(entry, "place", place, PLACE_MAX, JSON_REQUIRED,
		NULL) == 0 &&
	    json_get_str(entry, "digest", text, sizeof(text), JSON_REQUIRED,
		NULL) == 0 &&
	    digest_parse(digest, text, NULL) == 0;
}

/* The record (json_decref), and its list; NULL: none that can be read. */
static json_t *
read_record(const json_t **list, int dirfd, const char *id)
{
	json_t *record;

	if (json_parse_file(&record, dirfd, id, BYTES_MAX, NULL) == -1)
		return NULL;
	if (json_get_array(record, LIST, list, ARTIFACTS_MAX, JSON_REQUIRED,
		NULL) == 0)
		return record;
	json_decref(record);
	return NULL;
}

bool
artifacts_find(struct digest *out, int dirfd, const char *id, const char *place)
{
	char other[PLACE_MAX];
	const json_t *list;
	json_t *record = read_record(&list, dirfd, id);
	bool is = false;
	size_t i;

	if (record == NULL)
		return false;
	for (i = 0; i < json_array_size(list) && !is; i++)
		is = get_entry(other, out, list, i) &&
		    strcmp(other, place) == 0;
	json_decref(record);
	return is;
}

static int
put_entry(json_t *list, const char *place, const struct digest *digest,
    struct error *err)
{
	char text[DIGEST_TEXT_MAX];
	json_t *entry = json_object();

	digest_text(text, digest);
	if (json_put_str(entry, "place", place, err) == 0 &&
	    json_put_str(entry, "digest", text, err) == 0)
		return json_append(list, LIST, entry, err);
	json_decref(entry);
	return -1;
}

/* The new one first, then what of the others there is room for. */
static int
fill(json_t *list, int dirfd, const char *id, const char *place,
    const struct digest *digest, struct error *err)
{
	char other[PLACE_MAX];
	const json_t *old;
	json_t *record;
	struct digest is;
	size_t i;
	int rc;

	rc = put_entry(list, place, digest, err);
	record = read_record(&old, dirfd, id);
	if (record == NULL)
		return rc;
	for (i = 0; i < json_array_size(old) && rc == 0 &&
	     json_array_size(list) < ARTIFACTS_MAX;
	     i++)
		if (get_entry(other, &is, old, i) && strcmp(other, place) != 0)
			rc = put_entry(list, other, &is, err);
	json_decref(record);
	return rc;
}

int
artifacts_note(int dirfd, const char *id, const char *place,
    const struct digest *digest, struct error *err)
{
	json_t *record = json_object(), *list = json_array();
	char *text = NULL;
	size_t len;
	int rc = -1;

	if (strlen(place) >= PLACE_MAX) {
		rc = 0; /* nobody would find it */
		json_decref(list);
	} else if (fill(list, dirfd, id, place, digest, err) == -1) {
		json_decref(list);
	} else if (json_put(record, LIST, list, err) == 0 &&
	    json_text(&text, &len, record, 0, err) == 0) {
		rc = fd_replace_file(dirfd, id, text, len, true, err);
	}
	free(text);
	json_decref(record);
	return rc;
}
