/* SPDX-License-Identifier: ISC */
#include "state/snap.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/rfc3339.h"
#include "snapshot/signature.h"
#include "snapshot/working_set.h"
#include "state/layerfile.h"

#define WAIT_MS 5000 /* its maker may hold it yet, having printed its id */

struct snap {
	char id[64]; /* in the store, or as the envelope has it */
	char *dir;
	int fd; /* holds the lock of one in the store */
	const struct root *root; /* of one in the store; borrowed */
	struct envelope envelope;
};

static struct snap *
new_snap(void)
{
	struct snap *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fd = -1;
	envelope_init(&s->envelope);
	return s;
}

/*
 * Finds and locks what `ref` names.  When it goes in between, a name may lead
 * to what took its place by then.
 */
static int
lock_ref(char id[ID_LEN + 1], int *fd, const struct root *root, const char *ref,
    struct error *err)
{
	char before[ID_LEN + 1] = "";
	struct error why = { 0 };

	for (;;) {
		if (root_resolve(id, root, ROOT_SNAP, ref, &why) == -1)
			break;
		if (root_lock(fd, root, ROOT_SNAP, id, false,
			clock_ms() + WAIT_MS, &why) == 0)
			return 0;
		if (why.code != EX_NOINPUT || strcmp(id, before) == 0)
			break;
		memcpy(before, id, sizeof(before));
	}
	if (err != NULL)
		*err = why;
	return -1;
}

int
snap_open(struct snap **out, const struct root *root, const char *ref,
    struct error *err)
{
	char id[ID_LEN + 1];
	struct snap *s;

	s = new_snap();
	if (s == NULL)
		return error_sys(err, EX_OSERR, "%s", ref);
	s->root = root;
	if (lock_ref(id, &s->fd, root, ref, err) == -1)
		goto fail;
	memcpy(s->id, id, sizeof(id));
	s->dir = root_dir_of(root, ROOT_SNAP, id);
	if (s->dir == NULL) {
		error_sys(err, EX_OSERR, "%s", ref);
		goto fail;
	}
	if (envelope_read(&s->envelope, s->fd, err) == -1) {
		if (err != NULL && err->code == EX_NOINPUT)
			err->code = EX_DATAERR;
		error_wrap(err, "%s", ref);
		goto fail;
	}
	*out = s;
	return 0;
fail:
	snap_close(s);
	return -1;
}

int
snap_open_dir(struct snap **out, const char *path, struct error *err)
{
	struct snap *s;

	s = new_snap();
	if (s == NULL)
		return error_sys(err, EX_OSERR, "%s", path);
	if (fd_open_dir(&s->fd, AT_FDCWD, path, true, err) == -1)
		goto fail;
	s->dir = path_absolute(path);
	if (s->dir == NULL) {
		error_sys(err, EX_OSERR, "%s", path);
		goto fail;
	}
	if (envelope_read(&s->envelope, s->fd, err) == -1) {
		error_wrap(err, "%s", path);
		goto fail;
	}
	memcpy(s->id, s->envelope.config.id, sizeof(s->id));
	*out = s;
	return 0;
fail:
	snap_close(s);
	return -1;
}

void
snap_close(struct snap *snap)
{
	if (snap == NULL)
		return;
	envelope_fini(&snap->envelope);
	free(snap->dir);
	fd_drop(&snap->fd);
	free(snap);
}

const char *
snap_stored_id(const struct snap *snap)
{
	return snap->root == NULL ? NULL : snap->id;
}

const char *
snap_id(const struct snap *snap)
{
	return snap->id;
}

const char *
snap_name(const struct snap *snap)
{
	const char *name = snap->envelope.config.name;
	char id[ID_LEN + 1];

	if (snap->root == NULL || name[0] == '\0')
		return name;
	return root_name_target(id, snap->root, ROOT_SNAP, name, NULL) == 1 &&
		strcmp(id, snap->id) == 0
	    ? name
	    : "";
}

int
snap_fd(const struct snap *snap)
{
	return snap->fd;
}

const struct envelope *
snap_envelope(const struct snap *snap)
{
	return &snap->envelope;
}

int
snap_files(struct strv *names, const struct snap *snap, struct error *err)
{
	struct strv all = { 0 };
	struct stat st;
	size_t i;
	int rc = -1;

	if (dir_list(&all, snap->fd, snap->dir, err) == -1)
		return -1;
	for (i = 0; i < all.n; i++) {
		if (fstatat(snap->fd, all.v[i], &st, AT_SYMLINK_NOFOLLOW) ==
		    -1) {
			error_sys(err, EX_IOERR, "%s/%s", snap->dir, all.v[i]);
			goto out;
		}
		if (S_ISREG(st.st_mode) &&
		    strcmp(all.v[i], ENVELOPE_NAME) != 0 &&
		    strv_add(names, err, "%s", all.v[i]) == -1)
			goto out;
	}
	rc = 0;
out:
	strv_fini(&all);
	return rc;
}

int
snap_sizes(uint64_t *apparent_bytes, uint64_t *allocated_bytes,
    const struct snap *snap, struct error *err)
{
	uint64_t apparent = 0, allocated = 0;
	struct strv names = { 0 };
	struct stat st;
	size_t i;
	int rc = -1;

	if (snap_files(&names, snap, err) == -1 ||
	    strv_add(&names, err, "%s", ENVELOPE_NAME) == -1)
		goto out;
	for (i = 0; i < names.n; i++) {
		if (fstatat(snap->fd, names.v[i], &st, AT_SYMLINK_NOFOLLOW) ==
		    -1) {
			error_sys(err, EX_IOERR, "%s/%s", snap->dir,
			    names.v[i]);
			goto out;
		}
		apparent += (uint64_t)st.st_size;
		allocated += (uint64_t)st.st_blocks * 512;
	}
	*apparent_bytes = apparent;
	*allocated_bytes = allocated;
	rc = 0;
out:
	strv_fini(&names);
	return rc;
}

/* What cocoon says of the image beyond its name, when it is a string. */
static int
put_image(json_t *obj, const struct envelope *e, struct error *err)
{
	static const char *const keys[] = { "image_digest", "image_type" };
	const json_t *config = json_object_get(e->unknown, "config");
	size_t i;

	if (json_put_text(obj, "image", e->machine.image, err) == -1)
		return -1;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_put_text(obj, keys[i],
			json_string_value(json_object_get(config, keys[i])),
			err) == -1)
			return -1;
	return 0;
}

int
snap_origin(char vm_id[ID_LEN + 1], const struct snap *snap, struct error *err)
{
	struct error why = { 0 };
	struct sidecar sidecar;

	vm_id[0] = '\0';
	if (sidecar_read(&sidecar, snap->fd, &why) == -1) {
		if (why.code == EX_NOINPUT)
			return 0;
		if (err != NULL)
			*err = why;
		return -1;
	}
	memcpy(vm_id, sidecar.vm_id, sizeof(sidecar.vm_id));
	sidecar_fini(&sidecar);
	return 0;
}

/* The VM that was saved; a sidecar that is wrong says nothing. */
static int
put_origin(json_t *obj, const struct snap *snap, struct error *err)
{
	char vm_id[ID_LEN + 1];

	return snap_origin(vm_id, snap, NULL) == -1
	    ? 0
	    : json_put_text(obj, "vm_id", vm_id, err);
}

static int
put_config(json_t *obj, const struct snap *snap, struct error *err)
{
	const struct envelope_config *c = &snap->envelope.config;
	const struct machine *m = &snap->envelope.machine;

	if (json_put_text(obj, "id", snap->id, err) == -1 ||
	    json_put_text(obj, "name", snap_name(snap), err) == -1 ||
	    json_put_text(obj, "description", c->description, err) == -1 ||
	    json_put_text(obj, "hypervisor", m->hypervisor, err) == -1 ||
	    put_origin(obj, snap, err) == -1)
		return -1;
	if (machine_put_sizes(obj, m, err) == -1 ||
	    json_put_u64(obj, "nics", c->nics, err) == -1 ||
	    put_image(obj, &snap->envelope, err) == -1)
		return -1;
	if (json_put_text(obj, "created_at", snap->envelope.created_at, err) ==
	    -1)
		return -1;
	return json_put_text(obj, "consistent",
	    envelope_consistent_name(&snap->envelope), err);
}

static int
put_access(json_t *obj, const struct snap *snap, const struct root *root,
    struct error *err)
{
	char text[RFC3339_MAX];
	struct error why = { 0 };
	struct timespec when;

	if (root == NULL)
		return 0;
	if (root_access_time(&when, root, snap->id, &why) == -1) {
		if (why.code == EX_NOINPUT)
			return 0;
		if (err != NULL)
			*err = why;
		return -1;
	}
	rfc3339_us(text, &when);
	return json_put_str(obj, "last_accessed_at", text, err);
}

/* The manifest, or what is there where nobody wrote one. */
static int
put_files(json_t *obj, const struct snap *snap, struct error *err)
{
	const struct envelope *e = &snap->envelope;
	struct strv names = { 0 };
	json_t *array;
	size_t i;
	int rc = -1;

	for (i = 0; i < e->files_n; i++)
		if (strv_add(&names, err, "%s", e->files[i].name) == -1)
			goto out;
	if (e->files_n == 0 && snap_files(&names, snap, err) == -1)
		goto out;
	array = json_array();
	if (json_put(obj, "files", array, err) == -1)
		goto out;
	for (i = 0; i < names.n; i++)
		if (path_is_utf8(names.v[i], strlen(names.v[i])) &&
		    json_append(array, "files", json_string(names.v[i]), err) ==
			-1)
			goto out;
	rc = 0;
out:
	strv_fini(&names);
	return rc;
}

/* How much a clone has read ahead; of one that is wrong it is nothing. */
static int
put_set(json_t *obj, const struct snap *snap, struct error *err)
{
	struct working_set w = { 0 };
	uint64_t bytes;

	if (working_set_read(&w, snap->fd, snap->envelope.machine.memory_bytes,
		NULL) == -1)
		return 0;
	bytes = working_set_bytes(&w);
	working_set_fini(&w);
	return json_put_u64(obj, "working_set", bytes, err);
}

/* The keys that say they have signed it: nobody has looked whether they did. */
static int
put_signed(json_t *obj, const struct snap *snap, struct error *err)
{
	struct signature_list list = { .n = 0 };
	json_t *array;
	size_t i;
	int rc;

	if (signature_list_read(&list, snap->fd, NULL) == -1)
		return 0;
	array = json_array();
	rc = json_put(obj, "signed", array, err);
	for (i = 0; i < list.n && rc == 0; i++)
		rc = json_append(array, "signed", json_string(list.v[i].key),
		    err);
	signature_list_fini(&list);
	return rc;
}

int
snap_report(json_t **out, const struct snap *snap, const struct root *root,
    struct error *err)
{
	uint64_t apparent, allocated;
	json_t *obj;

	if (snap_sizes(&apparent, &allocated, snap, err) == -1)
		return -1;
	obj = json_object();
	if (obj == NULL)
		return error_nomem(err, "record");
	if (put_config(obj, snap, err) == -1 ||
	    put_access(obj, snap, root, err) == -1 ||
	    put_files(obj, snap, err) == -1 ||
	    (root != NULL &&
		layerfile_put_missing(obj, root, snap->fd,
		    &snap->envelope.machine.layers, err) == -1) ||
	    json_put_str(obj, "dir", snap->dir, err) == -1 ||
	    json_put_u64(obj, "size", apparent, err) == -1 ||
	    json_put_u64(obj, "disk_usage", allocated, err) == -1 ||
	    put_set(obj, snap, err) == -1 || put_signed(obj, snap, err) == -1) {
		json_decref(obj);
		return -1;
	}
	*out = obj;
	return 0;
}
