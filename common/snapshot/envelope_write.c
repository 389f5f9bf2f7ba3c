/* SPDX-License-Identifier: ISC */
/* The envelope from struct to text. */
#include "snapshot/envelope.h"

#include <stdlib.h>

#include "base/fd.h"
#include "base/json.h"
#include "snapshot/envelope_keys.h"

/* The unknown members that were read at `where`, behind those we know. */
static int
put_unknown(json_t *obj, const struct envelope *e, const char *where,
    struct error *err)
{
	json_t *kept = json_object_get(e->unknown, where);

	if (kept != NULL && json_object_update_missing(obj, kept) == -1)
		return error_nomem(err, "envelope");
	return 0;
}

static int
put_config(json_t *root, const struct envelope *e, struct error *err)
{
	const struct envelope_config *c = &e->config;
	const struct machine *m = &e->machine;
	json_t *obj = json_object();

	if (json_put(root, "config", obj, err) == -1)
		return -1;
	if (json_put_text(obj, "id", c->id, err) == -1 ||
	    json_put_str(obj, "name", c->name, err) == -1 ||
	    json_put_text(obj, "description", c->description, err) == -1 ||
	    json_put_text(obj, "hypervisor", m->hypervisor, err) == -1 ||
	    (c->nics != 0 && json_put_u64(obj, "nics", c->nics, err) == -1) ||
	    machine_put_sizes(obj, m, err) == -1 ||
	    json_put_text(obj, "image", m->image, err) == -1)
		return -1;
	return put_unknown(obj, e, ENVELOPE_UNKNOWN_CONFIG, err);
}

static int
put_digest(json_t *parent, const char *name, uint64_t size,
    const struct digest *digest, const char *path, struct error *err)
{
	char text[DIGEST_TEXT_MAX];
	json_t *obj = json_object();

	if (json_put(parent, name, obj, err) == -1)
		return -1;
	digest_text(text, digest);
	if (json_put_u64(obj, "size", size, err) == -1 ||
	    json_put_str(obj, "fsverity", text, err) == -1)
		return -1;
	return json_put_text(obj, "path", path, err);
}

static int
put_files(json_t *root, const struct envelope *e, struct error *err)
{
	json_t *files, *digests;
	size_t i;

	if (!e->has_files)
		return 0;
	files = json_array();
	if (json_put(root, "files", files, err) == -1)
		return -1;
	digests = json_object();
	if (json_put(root, "digests", digests, err) == -1)
		return -1;
	for (i = 0; i < e->files_n; i++) {
		if (json_append(files, "files", json_string(e->files[i].name),
			err) == -1)
			return -1;
		if (e->files[i].has_digest &&
		    put_digest(digests, e->files[i].name,
			e->files[i].size_bytes, &e->files[i].digest, NULL,
			err) == -1)
			return -1;
	}
	if (json_object_size(digests) == 0)
		json_object_del(root, "digests");
	return 0;
}

static int
put_layers(json_t *root, const struct envelope *e, struct error *err)
{
	const struct layer *layer;
	json_t *layers;
	size_t i;

	if (e->machine.layers.n == 0)
		return 0;
	layers = json_object();
	if (json_put(root, "layers", layers, err) == -1)
		return -1;
	for (i = 0; i < e->machine.layers.n; i++) {
		layer = &e->machine.layers.v[i];
		if (put_digest(layers, layer->name, layer->size_bytes,
			&layer->digest, layer->path, err) == -1)
			return -1;
	}
	return 0;
}

static int
put_flags(json_t *host, const struct strv *flags, struct error *err)
{
	json_t *array;
	size_t i;

	if (flags->n == 0)
		return 0;
	array = json_array();
	if (json_put(host, "cpu_flags", array, err) == -1)
		return -1;
	for (i = 0; i < flags->n; i++)
		if (json_append(array, "cpu_flags", json_string(flags->v[i]),
			err) == -1)
			return -1;
	return 0;
}

static int
put_host(json_t *root, const struct envelope *e, struct error *err)
{
	const struct envelope_host *h = &e->host;
	json_t *obj;

	if (!h->present)
		return 0;
	obj = json_object();
	if (json_put(root, "host", obj, err) == -1)
		return -1;
	if (json_put_text(obj, "vmm", h->vmm, err) == -1 ||
	    json_put_text(obj, "version", h->version, err) == -1 ||
	    json_put_text(obj, "binary", h->binary, err) == -1 ||
	    json_put_text(obj, "machine", e->machine.type, err) == -1 ||
	    json_put_text(obj, "accel", h->accel, err) == -1 ||
	    json_put_text(obj, "cpu", e->machine.cpu_model, err) == -1 ||
	    put_flags(obj, &h->cpu_flags, err) == -1 ||
	    json_put_text(obj, "kernel", h->kernel, err) == -1)
		return -1;
	return json_put_text(obj, "arch", h->arch, err);
}

static int
put_all(json_t *root, const struct envelope *e, struct error *err)
{
	if (json_put_u64(root, "version", ENVELOPE_VERSION, err) == -1 ||
	    put_config(root, e, err) == -1 || put_files(root, e, err) == -1 ||
	    put_layers(root, e, err) == -1 || put_host(root, e, err) == -1 ||
	    json_put_text(root, "created_at", e->created_at, err) == -1 ||
	    json_put_text(root, "consistent", envelope_consistent_name(e),
		err) == -1)
		return -1;
	if (e->trailer && json_put_bool(root, "trailer", true, err) == -1)
		return -1;
	return put_unknown(root, e, ENVELOPE_UNKNOWN_TOP, err);
}

/* What its reader refuses is a snapshot that nobody has. */
static int
check_text(const char *text, size_t len, struct error *err)
{
	struct envelope e;

	if (envelope_decode(&e, text, len, err) == -1)
		return -1;
	envelope_fini(&e);
	return 0;
}

int
envelope_json(json_t **out, const struct envelope *e, struct error *err)
{
	json_t *root = json_object();

	if (root == NULL)
		return error_nomem(err, "envelope");
	if (put_all(root, e, err) == -1) {
		json_decref(root);
		return -1;
	}
	*out = root;
	return 0;
}

int
envelope_encode(char **text, size_t *len, const struct envelope *e,
    struct error *err)
{
	json_t *root;
	char *made = NULL;
	int rc;

	if (envelope_json(&root, e, err) == -1)
		return -1;
	rc = json_text(&made, len, root, JSON_PRETTY, err);
	json_decref(root);
	if (rc == 0)
		rc = check_text(made, *len, err);
	if (rc == -1) {
		free(made);
		return -1;
	}
	*text = made;
	return 0;
}

int
envelope_write(int dirfd, const struct envelope *e, struct error *err)
{
	char *text;
	size_t len;
	int rc;

	if (envelope_encode(&text, &len, e, err) == -1)
		return -1;
	rc = fd_replace_file(dirfd, ENVELOPE_NAME, text, len, true, err);
	free(text);
	return rc;
}
