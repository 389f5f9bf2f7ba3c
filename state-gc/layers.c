/* SPDX-License-Identifier: ISC */
/* Layers: links in VMs count them, envelopes and records name them. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "state/layer_seen.h"
#include "state/snap.h"
#include "state/standby.h"
#include "state/vm.h"

#include "gc.h"

#define HEX_LEN 64

static bool
is_hex(const char *name)
{
	return strlen(name) == HEX_LEN &&
	    strspn(name, "0123456789abcdef") == HEX_LEN;
}

/* The digests of `layers` become members of the set `used`. */
static int
add_used(json_t *used, const struct layer_list *layers, struct error *err)
{
	char text[DIGEST_TEXT_MAX];
	size_t i;

	for (i = 0; i < layers->n; i++) {
		digest_text(text, &layers->v[i].digest);
		if (json_put_bool(used, strchr(text, ':') + 1, true, err) == -1)
			return -1;
	}
	return 0;
}

/* Of an id and one of the sorted list. */
static int
compare_id(const void *id, const void *entry)
{
	return strcmp(id, *(char *const *)entry);
}

static bool
is_evicted(const struct gc *gc, const char *id)
{
	return gc->evicted.n > 0 &&
	    bsearch(id, gc->evicted.v, gc->evicted.n, sizeof(*gc->evicted.v),
		compare_id) != NULL;
}

/* One that cannot be read might use any layer: all of them stay. */
static int
scan_snaps(json_t *used, const struct gc *gc, struct error *err)
{
	const struct envelope *e;
	struct error why = { 0 };
	struct strv ids = { 0 };
	struct snap *snap;
	size_t i;
	int rc;

	rc = root_list(&ids, gc->root, ROOT_SNAP, err);
	for (i = 0; i < ids.n && rc == 0; i++) {
		if (is_evicted(gc, ids.v[i]))
			continue;
		if (snap_open(&snap, gc->root, ids.v[i], &why) == -1) {
			if (why.code == EX_NOINPUT)
				continue;
			/* A limit may have told already why it cannot. */
			rc = error_set(err, why.code, "%s: layers are kept",
			    strv_has(&gc->told, ids.v[i]) ? ids.v[i] : why.msg);
			break;
		}
		e = snap_envelope(snap);
		rc = add_used(used, &e->machine.layers, err);
		snap_close(snap);
	}
	strv_fini(&ids);
	return rc;
}

/*
 * VMs have links, but across filesystems these are symbolic.  One that has left
 * `dirfd` meanwhile was taken from a pool, or is gone.
 */
static int
scan_vms(json_t *used, int dirfd, const struct strv *ids, struct error *err)
{
	struct error why = { 0 };
	struct vm vm;
	size_t i;
	int fd, rc = 0;

	for (i = 0; i < ids->n && rc == 0; i++) {
		if (fd_open_dir(&fd, dirfd, ids->v[i], false, &why) == -1)
			continue;
		if (vm_read(&vm, fd, &why) == 0) {
			rc = add_used(used, &vm.machine.layers, err);
			vm_fini(&vm);
		} else
			rc = error_set(err, why.code, "%s: %s: layers are kept",
			    ids->v[i], why.msg);
		fd_drop(&fd);
	}
	return rc;
}

/* Those that wait in pools; ahead of the others, which they may become. */
static int
scan_pools(json_t *used, const struct gc *gc, struct error *err)
{
	struct strv pools = { 0 }, ids = { 0 };
	size_t i;
	int fd, rc = 0;

	if (fd_exists(root_fd(gc->root), STANDBY_DIR))
		rc = gc_names(&pools, gc, STANDBY_DIR, err);
	for (i = 0; i < pools.n && rc == 0; i++) {
		if (standby_open(&fd, gc->root, pools.v[i], false, NULL) == -1)
			continue;
		strv_cut(&ids, 0);
		rc = standby_list(&ids, fd, err);
		if (rc == 0)
			rc = scan_vms(used, fd, &ids, err);
		fd_drop(&fd);
	}
	strv_fini(&ids);
	strv_fini(&pools);
	return rc;
}

static int
scan_root(json_t *used, const struct gc *gc, struct error *err)
{
	struct strv ids = { 0 };
	int rc;

	rc = scan_pools(used, gc, err);
	if (rc == 0)
		rc = root_list(&ids, gc->root, ROOT_VM, err);
	if (rc == 0)
		rc = scan_vms(used, root_kind_fd(gc->root, ROOT_VM), &ids, err);
	strv_fini(&ids);
	return rc;
}

/* Whether somebody builds beneath `parent`: it may be about to link a layer. */
static int
is_building(bool *out, const struct gc *gc, const char *parent,
    struct error *err)
{
	struct strv names = { 0 };
	char path[400];
	size_t i;
	int fd, rc;

	rc = gc_names(&names, gc, parent, err);
	for (i = 0; rc == 0 && i < names.n && !*out; i++) {
		if (strncmp(names.v[i], ".new-", 5) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", parent, names.v[i]);
		if (fd_open_dir(&fd, root_fd(gc->root), path, false, NULL) ==
		    -1)
			continue;
		*out = lock_fd(fd, LOCK_SHARED, 0, path, NULL) == -1;
		fd_drop(&fd);
	}
	strv_fini(&names);
	return rc;
}

static int
compare_inodes(const void *a, const void *b)
{
	ino_t x = *(const ino_t *)a, y = *(const ino_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * The inodes of all names in layer/, sorted, in *out (free it): a file that was
 * written to after it was linked has a name for each digest that it had.
 */
static int
list_inodes(ino_t **out, size_t *n, int layerfd, const struct strv *names,
    struct error *err)
{
	ino_t *inodes = calloc(names->n, sizeof(*inodes));
	struct stat st;
	size_t i;

	if (inodes == NULL)
		return error_nomem(err, "layers");
	*n = 0;
	for (i = 0; i < names->n; i++)
		if (is_hex(names->v[i]) &&
		    fstatat(layerfd, names->v[i], &st, AT_SYMLINK_NOFOLLOW) ==
			0)
			inodes[(*n)++] = st.st_ino;
	qsort(inodes, *n, sizeof(*inodes), compare_inodes);
	*out = inodes;
	return 0;
}

/* Whether the file has a link elsewhere than in layer/: a VM's, or a user's. */
static bool
is_linked(const struct stat *st, const ino_t *inodes, size_t n)
{
	const ino_t *at;
	nlink_t here = 0;

	if (st->st_nlink <= 1)
		return false;
	at = bsearch(&st->st_ino, inodes, n, sizeof(*inodes), compare_inodes);
	while (at != NULL && at > inodes && at[-1] == st->st_ino)
		at--;
	for (; at != NULL && at < inodes + n && *at == st->st_ino; at++)
		here++;
	return st->st_nlink > here;
}

struct layers {
	const json_t *used; /* digests that a snapshot or a VM names */
	const ino_t *inodes; /* list_inodes() */
	size_t inodes_n;
	int fd; /* layer/ */
};

static int
sweep_layer(struct gc *gc, const struct layers *l, const char *name,
    struct error *err)
{
	struct gc_item item = { .kind = "layer", .reason = "unused" };
	char path[HEX_LEN + 8];
	struct stat st;

	if (!is_hex(name) || json_object_get(l->used, name) != NULL ||
	    fstatat(l->fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISREG(st.st_mode) || is_linked(&st, l->inodes, l->inodes_n))
		return 0;
	snprintf(path, sizeof(path), "layer/%s", name);
	item.path = path;
	item.bytes = (uint64_t)st.st_blocks * 512;
	if (!gc->dry_run)
		layer_seen_drop(l->fd, name);
	if (!gc->dry_run && unlinkat(l->fd, name, 0) == -1)
		return error_sys(err, error_code_of(errno), "%s", path);
	return gc_report(gc, &item, err);
}

/* With the lock on layer/: nobody adds one, and nobody builds. */
static int
sweep_layers(struct gc *gc, const struct strv *names, int layerfd,
    struct error *err)
{
	struct error why = { 0 };
	bool building = false;
	struct layers l = { .fd = layerfd };
	ino_t *inodes = NULL;
	json_t *used;
	size_t i;
	int rc = -1;

	if (is_building(&building, gc, "vm", err) == -1 ||
	    is_building(&building, gc, "snap", err) == -1)
		return -1;
	if (building)
		return 0;
	used = json_object();
	if (used == NULL)
		return error_nomem(err, "layers");
	if (scan_snaps(used, gc, err) == -1 || scan_root(used, gc, err) == -1 ||
	    /* One that was taken between the two is being built. */
	    is_building(&building, gc, "vm", err) == -1 ||
	    list_inodes(&inodes, &l.inodes_n, layerfd, names, err) == -1)
		goto out;
	l.used = used;
	l.inodes = inodes;
	for (i = 0; i < names->n && !building; i++) {
		if (gc_check(err) == -1)
			goto out;
		if (sweep_layer(gc, &l, names->v[i], &why) == -1)
			gc_fail(gc, &why);
	}
	rc = 0;
out:
	free(inodes);
	json_decref(used);
	return rc;
}

int
gc_layers(struct gc *gc, struct error *err)
{
	struct strv names = { 0 };
	struct error why = { 0 };
	int fd = -1, rc = -1;

	if (gc_names(&names, gc, "layer", err) == -1)
		goto out;
	rc = 0;
	if (names.n == 0)
		goto out;
	/* Somebody adds one, or collects: next time. */
	if (lock_dir(&fd, root_fd(gc->root), "layer", LOCK_EXCLUSIVE, 0,
		&why) == -1)
		goto out;
	if (sweep_layers(gc, &names, fd, err) == -1)
		rc = -1;
out:
	fd_drop(&fd);
	strv_fini(&names);
	return rc;
}
