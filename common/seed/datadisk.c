/* SPDX-License-Identifier: ISC */
#include "seed/datadisk.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

#define DATADISK_SPEC_SHOWN 80 /* bytes of a spec in messages */

enum key {
	KEY_SIZE,
	KEY_NAME,
	KEY_FSTYPE,
	KEY_MOUNT,
	KEY_DIRECTIO,
	KEY_INODES,
	KEYS
};

/* By enum key. */
static const char *const key_names[] = { "size", "name", "fstype", "mount",
	"directio", "inodes" };

/* By enum storage_direct. */
static const char *const direct_names[] = { "auto", "on", "off" };

#define DIRECTS (sizeof(direct_names) / sizeof(direct_names[0]))

/* One spec: its items by key, and what they come to. */
struct draft {
	const char *spec; /* borrowed */
	char *copy; /* owned; the values lie in it */
	char *value[KEYS]; /* NULL: not given */
	size_t number[KEYS]; /* which item it is, from 1 */
	uint64_t size_bytes;
	uint64_t inodes; /* 0: not given */
	bool formatted;
	enum storage_direct direct_io;
	char serial[STORAGE_SERIAL_MAX + 1]; /* "": not named yet */
};

/* Puts the item at fault in front; what is checked elsewhere is usage here. */
static int
blame(const struct draft *d, enum key key, struct error *err)
{
	if (err != NULL && err->code == EX_DATAERR)
		err->code = EX_USAGE;
	if (d->number[key] == 0) /* the default is at fault */
		return error_wrap(err, "%s", key_names[key]);
	return error_wrap(err, "item %zu, %s", d->number[key], key_names[key]);
}

static char *
trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	text[len] = '\0';
	return text;
}

static int
take_item(struct draft *d, char *item, size_t number, struct error *err)
{
	char *value = strchr(item, '=');
	const char *key;
	size_t i;

	if (value == NULL)
		return error_set(err, EX_USAGE,
		    "item %zu: \"%s\" is not key=value", number, trim(item));
	*value++ = '\0';
	key = trim(item);
	for (i = 0; i < KEYS; i++)
		if (strcmp(key, key_names[i]) == 0) {
			d->value[i] = trim(value);
			d->number[i] = number;
			return 0;
		}
	return error_set(err, EX_USAGE, "item %zu: unknown key \"%s\"", number,
	    key);
}

static int
split(struct draft *d, const char *spec, struct error *err)
{
	char *rest, *item;
	size_t number = 0;
	d->spec = spec;
	if (spec[strspn(spec, " \t")] == '\0')
		return error_set(err, EX_USAGE, "empty");
	d->copy = rest = strdup(spec);
	if (rest == NULL)
		return error_nomem(err, NULL);
	while ((item = strsep(&rest, ",")) != NULL)
		if (take_item(d, item, ++number, err) == -1)
			return -1;
	if (d->value[KEY_SIZE] == NULL)
		return error_set(err, EX_USAGE, "size is missing");
	return 0;
}

/* The factor that *text begins with; moves behind it, and 0 is no unit. */
static uint64_t
take_unit(const char **text)
{
	static const char units[] = "KkMmGgTtPp";
	const char *p = *text, *unit;
	uint64_t factor = 1;

	if (*p != '\0' && (unit = strchr(units, *p)) != NULL) {
		factor = UINT64_C(1) << (10 * ((unit - units) / 2 + 1));
		p++;
		if ((p[0] == 'i' || p[0] == 'I') &&
		    (p[1] == 'b' || p[1] == 'B'))
			p++;
	}
	if (*p == 'b' || *p == 'B')
		p++;
	*text = p;
	return factor;
}

static int
parse_size(uint64_t *out, const char *text, struct error *err)
{
	static const char digits[] = "0123456789";
	size_t whole = strspn(text, digits), part = 0, i;
	const char *unit = text + whole;
	uint64_t n = 0, below = 0, factor;

	if (*unit == '.') {
		part = strspn(unit + 1, digits);
		unit += 1 + part;
		if (part == 0)
			goto bad;
	}
	factor = take_unit(&unit);
	if (whole == 0 || *unit != '\0')
		goto bad;
	for (i = 0; i < whole; i++)
		if (ckd_mul(&n, n, UINT64_C(10)) ||
		    ckd_add(&n, n, (uint64_t)(text[i] - '0')))
			goto large;
	/* From the last digit on, what is cut off never adds up to a byte. */
	for (i = part; i > 0; i--)
		below = ((uint64_t)(text[whole + i] - '0') * factor + below) /
		    10;
	if (ckd_mul(&n, n, factor) || ckd_add(&n, n, below) ||
	    n > DATADISK_SIZE_MAX)
		goto large;
	if (n < DATADISK_SIZE_MIN)
		return error_set(err, EX_USAGE,
		    "\"%s\" is less than %" PRIu64 " bytes", text,
		    DATADISK_SIZE_MIN);
	*out = num_round_up(n, DATADISK_SECTOR);
	return 0;
bad:
	return error_set(err, EX_USAGE, "\"%s\" is not a size", text);
large:
	return error_set(err, EX_USAGE, "\"%s\" is more than %" PRIu64 " bytes",
	    text, DATADISK_SIZE_MAX);
}

static int
parse_name(struct draft *d, struct error *err)
{
	const char *name = d->value[KEY_NAME];

	if (name == NULL)
		return 0;
	if (storage_check_data_serial(name, err) == -1)
		return blame(d, KEY_NAME, err);
	snprintf(d->serial, sizeof(d->serial), "%s", name);
	return 0;
}

static int
parse_fstype(struct draft *d, struct error *err)
{
	const char *fstype = d->value[KEY_FSTYPE];

	d->formatted = fstype == NULL || strcmp(fstype, "ext4") == 0;
	if (d->formatted || strcmp(fstype, "none") == 0)
		return 0;
	error_set(err, EX_USAGE, "\"%s\" is neither ext4 nor none", fstype);
	return blame(d, KEY_FSTYPE, err);
}

static int
parse_mount(const struct draft *d, struct error *err)
{
	const char *mount = d->value[KEY_MOUNT];

	if (mount == NULL || mount[0] == '\0')
		return 0;
	if (!path_is_utf8(mount, strlen(mount)))
		error_set(err, EX_USAGE, "not valid UTF-8");
	else if (storage_check_mount_point(mount, err) == 0)
		return 0;
	return blame(d, KEY_MOUNT, err);
}

static int
parse_directio(struct draft *d, struct error *err)
{
	const char *state = d->value[KEY_DIRECTIO];
	size_t i;

	if (state == NULL)
		return 0;
	for (i = 0; i < DIRECTS; i++)
		if (strcmp(state, direct_names[i]) == 0) {
			d->direct_io = (enum storage_direct)i;
			return 0;
		}
	error_set(err, EX_USAGE, "\"%s\" is none of on, off and auto", state);
	return blame(d, KEY_DIRECTIO, err);
}

static int
parse_inodes(struct draft *d, struct error *err)
{
	const char *text = d->value[KEY_INODES];

	if (text == NULL)
		return 0;
	if (!d->formatted)
		error_set(err, EX_USAGE, "\"%s\" with fstype none", text);
	else if (num_u64(&d->inodes, text, DATADISK_INODES_MIN,
		     DATADISK_INODES_MAX, err) == 0)
		return 0;
	return blame(d, KEY_INODES, err);
}

static int
parse_draft(struct draft *d, const char *spec, struct error *err)
{
	if (split(d, spec, err) == -1)
		return -1;
	if (parse_size(&d->size_bytes, d->value[KEY_SIZE], err) == -1)
		return blame(d, KEY_SIZE, err);
	if (parse_name(d, err) == -1 || parse_fstype(d, err) == -1 ||
	    parse_mount(d, err) == -1 || parse_directio(d, err) == -1)
		return -1;
	return parse_inodes(d, err);
}

/* Puts the spec in front. */
static int
blame_spec(const struct draft *d, struct error *err)
{
	return error_wrap(err, "%.*s%s", DATADISK_SPEC_SHOWN, d->spec,
	    strlen(d->spec) > DATADISK_SPEC_SHOWN ? "..." : "");
}

/* Whether one of the others, or of `n` drafts, has the name. */
static bool
is_taken(const struct storage_list *others, const struct draft *drafts,
    size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(drafts[i].serial, name) == 0)
			return true;
	return others != NULL && storage_find_serial(others, name) != NULL;
}

/* Names given twice are refused before any other is made. */
static int
name_all(struct draft *drafts, size_t n, const struct storage_list *others,
    struct error *err)
{
	unsigned counter = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (drafts[i].serial[0] != '\0' &&
		    is_taken(others, drafts, i, drafts[i].serial)) {
			error_set(err, EX_USAGE,
			    "\"%s\" is the name of an earlier disk",
			    drafts[i].serial);
			blame(&drafts[i], KEY_NAME, err);
			return blame_spec(&drafts[i], err);
		}
	for (i = 0; i < n; i++)
		while (drafts[i].serial[0] == '\0') {
			char name[STORAGE_SERIAL_MAX + 1];

			snprintf(name, sizeof(name), "data%u", ++counter);
			if (!is_taken(others, drafts, n, name))
				memcpy(drafts[i].serial, name, sizeof(name));
		}
	return 0;
}

static int
add_disk(struct datadisk_list *list, const struct draft *d, struct error *err)
{
	char path[STORAGE_SERIAL_MAX + sizeof("data-.raw")];
	char mount[STORAGE_SERIAL_MAX + sizeof("/mnt/")];
	struct storage disk = { .path = path, .role = STORAGE_DATA };

	snprintf(path, sizeof(path), "data-%s.raw", d->serial);
	snprintf(mount, sizeof(mount), "/mnt/%s", d->serial);
	memcpy(disk.serial, d->serial, sizeof(disk.serial));
	snprintf(disk.fstype, sizeof(disk.fstype), "%s",
	    d->formatted ? "ext4" : "none");
	disk.direct_io = d->direct_io;
	disk.mount_point = d->value[KEY_MOUNT];
	if (disk.mount_point == NULL && d->formatted)
		disk.mount_point = mount;
	if (disk.mount_point != NULL && disk.mount_point[0] == '\0')
		disk.mount_point = NULL;
	if (disk.mount_point != NULL && !d->formatted) {
		error_set(err, EX_USAGE, "\"%s\" with fstype none",
		    disk.mount_point);
		return blame(d, KEY_MOUNT, err);
	}
	list->size_bytes[list->disks.n] = d->size_bytes;
	list->inodes[list->disks.n] = d->inodes;
	return storage_list_add(&list->disks, &disk, err);
}

/* The first of `n` disks that is mounted where `disk` is, or NULL. */
static const struct storage *
find_mount(const struct storage *disks, size_t n, const struct storage *disk)
{
	size_t i;

	for (i = 0; i < n && disk->mount_point != NULL; i++)
		if (disks[i].mount_point != NULL &&
		    storage_is_same_mount(disks[i].mount_point,
			disk->mount_point))
			return &disks[i];
	return NULL;
}

/*
 * Each mount point but once.  The later of two is at fault, unless it has the
 * default, which no other would have without being told.
 */
static int
check_mounts(const struct datadisk_list *list, const struct draft *drafts,
    const struct storage_list *others, struct error *err)
{
	const struct storage *disk, *other;
	size_t i, at;

	for (i = 0; i < list->disks.n; i++) {
		disk = &list->disks.v[i];
		at = i;
		other = find_mount(list->disks.v, i, disk);
		if (other != NULL && drafts[i].value[KEY_MOUNT] == NULL) {
			at = (size_t)(other - list->disks.v);
			other = disk;
		}
		if (other == NULL && others != NULL)
			other = find_mount(others->v, others->n, disk);
		if (other == NULL)
			continue;
		error_set(err, EX_USAGE, "\"%s\" is that of disk \"%s\", too",
		    list->disks.v[at].mount_point, other->serial);
		blame(&drafts[at], KEY_MOUNT, err);
		return blame_spec(&drafts[at], err);
	}
	return 0;
}

int
datadisk_parse(struct datadisk_list *out, const char *const *specs, size_t n,
    const struct storage_list *others, struct error *err)
{
	struct datadisk_list list = { 0 };
	struct draft *drafts;
	size_t i;
	int rc = -1;

	if (n > STORAGE_MAX)
		return error_set(err, EX_USAGE, "more than %d data disks",
		    STORAGE_MAX);
	drafts = calloc(n + 1, sizeof(*drafts));
	if (drafts == NULL)
		return error_nomem(err, NULL);
	for (i = 0; i < n; i++)
		if (parse_draft(&drafts[i], specs[i], err) == -1) {
			blame_spec(&drafts[i], err);
			goto out;
		}
	if (name_all(drafts, n, others, err) == -1)
		goto out;
	for (i = 0; i < n; i++)
		if (add_disk(&list, &drafts[i], err) == -1) {
			blame_spec(&drafts[i], err);
			goto out;
		}
	if (check_mounts(&list, drafts, others, err) == -1)
		goto out;
	*out = list;
	list = (struct datadisk_list){ 0 };
	rc = 0;
out:
	datadisk_list_fini(&list);
	for (i = 0; i < n; i++)
		free(drafts[i].copy);
	free(drafts);
	return rc;
}

void
datadisk_list_fini(struct datadisk_list *list)
{
	storage_list_fini(&list->disks);
	memset(list, 0, sizeof(*list));
}
