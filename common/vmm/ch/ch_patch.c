/* SPDX-License-Identifier: ISC */
/* config.json changed where a VM in another directory must differ. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "vmm/ch/ch_config.h"

/* Puts a string where another one, or none, is. */
static int
set_str(struct ch_config *c, uint32_t obj, const char *key, const char *now,
    const char *to, struct error *err)
{
	if (now != NULL && strcmp(now, to) == 0)
		return 0;
	return jdoc_put_str(c->doc, obj, key, to, err);
}

static int
set_bool(struct ch_config *c, uint32_t obj, const char *key, bool now, bool to,
    struct error *err)
{
	return now == to ? 0 : jdoc_put_bool(c->doc, obj, key, to, err);
}

static void
drop(struct ch_config *c, uint32_t obj, const char *key)
{
	uint32_t node = jdoc_member(c->doc, obj, key);

	if (node != 0)
		jdoc_drop(c->doc, node);
}

int
ch_config_set_disk(struct ch_config *c, const struct ch_disk *disk,
    const struct ch_disk_patch *to, struct error *err)
{
	const char *serial = disk->serial == NULL ? "" : disk->serial;

	if (set_str(c, disk->node, "path", disk->path, to->path, err) == -1 ||
	    (to->serial != NULL &&
		set_str(c, disk->node, "serial", serial, to->serial, err) ==
		    -1) ||
	    set_bool(c, disk->node, "direct", disk->direct, to->direct, err) ==
		-1 ||
	    set_bool(c, disk->node, "backing_files", disk->backing_files,
		to->backing_files, err) == -1)
		return -1;
	return set_str(c, disk->node, "image_type", disk->image_type,
	    to->image_type, err);
}

int
ch_config_set_net(struct ch_config *c, const struct ch_net *net,
    const char *tap, const char *mac, struct error *err)
{
	if (set_str(c, net->node, "tap", net->tap, tap, err) == -1)
		return -1;
	return set_str(c, net->node, "mac", net->mac, mac, err);
}

/* In place of plain memory one zone with the id that its state has. */
static int
put_zone(struct ch_config *c, const char *file, bool shared, struct error *err)
{
	uint32_t memory = jdoc_member(c->doc, JDOC_ROOT, "memory");
	json_t *zones = json_pack("[{s:s, s:I, s:s, s:b}]", "id", CH_ZONE_ID,
	    "size", (json_int_t)c->memory_bytes, "file", file, "shared",
	    (int)shared);
	char *text = json_dumps(zones, JSON_COMPACT);
	int rc;

	json_decref(zones);
	if (text == NULL)
		return error_nomem(err, NULL);
	rc = jdoc_put(c->doc, memory, "size", "0", err);
	/* Where the memory is mapped the zone says. */
	if (rc == 0 && jdoc_member(c->doc, memory, "shared") != 0)
		rc = jdoc_put_bool(c->doc, memory, "shared", false, err);
	if (rc == 0)
		rc = jdoc_put(c->doc, memory, "zones", text, err);
	free(text);
	return rc;
}

/* No zone has a file any more; what was mapped from one is private memory. */
static int
drop_files(struct ch_config *c, struct error *err)
{
	const struct ch_zone *zone;
	size_t i;

	for (i = 0; i < c->zones_n; i++) {
		zone = &c->zones[i];
		if (zone->file == NULL)
			continue;
		drop(c, zone->node, "file");
		if (set_bool(c, zone->node, "shared", zone->shared, false,
			err) == -1)
			return -1;
	}
	return 0;
}

int
ch_config_set_memory(struct ch_config *c, const char *file, bool shared,
    struct error *err)
{
	const struct ch_zone *zone = &c->zones[0];

	if (file == NULL)
		return drop_files(c, err);
	if (c->zones_n > 1)
		return error_set(err, EX_UNAVAILABLE,
		    CH_CONFIG_NAME ": memory in %zu zones: not supported",
		    c->zones_n);
	if (c->zones_n == 0)
		return put_zone(c, file, shared, err);
	if (set_bool(c, zone->node, "shared", zone->shared, shared, err) == -1)
		return -1;
	return set_str(c, zone->node, "file", zone->file, file, err);
}

/* A mode whose file or socket is nobody's concern any more. */
static int
set_mode(struct ch_config *c, const char *key, const char *now, const char *to,
    struct error *err)
{
	uint32_t line = jdoc_member(c->doc, JDOC_ROOT, key);
	char text[64];

	if (line == 0) {
		snprintf(text, sizeof(text), "{\"mode\":\"%s\"}", to);
		return jdoc_put(c->doc, JDOC_ROOT, key, text, err);
	}
	drop(c, line, "file");
	drop(c, line, "socket");
	return set_str(c, line, "mode", now, to, err);
}

int
ch_config_set_lines(struct ch_config *c, const char *serial,
    const char *console, struct error *err)
{
	if (set_mode(c, "serial", c->serial_mode, serial, err) == -1)
		return -1;
	return set_mode(c, "console", c->console_mode, console, err);
}

int
ch_config_set_vsock(struct ch_config *c, const char *socket, struct error *err)
{
	uint32_t vsock = jdoc_member(c->doc, JDOC_ROOT, "vsock");
	char *now = NULL;
	int rc;

	if (vsock == 0)
		return 0;
	if (jdoc_get_strdup(c->doc, vsock, "socket", &now, STORAGE_PATH_MAX,
		JSON_OPTIONAL, err) == -1)
		return error_wrap(err, CH_CONFIG_NAME ": vsock");
	rc = set_str(c, vsock, "socket", now, socket, err);
	free(now);
	return rc;
}

static int
set_boot_file(struct ch_config *c, uint32_t payload, const char *key,
    const char *now, const char *to, struct error *err)
{
	if (to != NULL)
		return set_str(c, payload, key, now, to, err);
	drop(c, payload, key);
	return 0;
}

int
ch_config_set_boot(struct ch_config *c, const char *kernel, const char *initrd,
    const char *firmware, struct error *err)
{
	uint32_t p = jdoc_member(c->doc, JDOC_ROOT, "payload");

	drop(c, p, "igvm");
	if (set_boot_file(c, p, "kernel", c->kernel, kernel, err) == -1 ||
	    set_boot_file(c, p, "initramfs", c->initrd, initrd, err) == -1)
		return -1;
	return set_boot_file(c, p, "firmware", c->firmware, firmware, err);
}

static int
set_random_source(struct ch_config *c, struct error *err)
{
	static const char *const devices[] = { "/dev/urandom", "/dev/random",
		"/dev/hwrng" };
	uint32_t rng = jdoc_member(c->doc, JDOC_ROOT, "rng");
	char *now = NULL;
	bool good = false;
	size_t i;

	if (rng == 0)
		return 0;
	if (jdoc_get_strdup(c->doc, rng, "src", &now, STORAGE_PATH_MAX,
		JSON_OPTIONAL, err) == -1)
		return error_wrap(err, CH_CONFIG_NAME ": rng");
	for (i = 0; now != NULL && i < 3; i++)
		good = good || strcmp(now, devices[i]) == 0;
	free(now);
	return good ? 0 : jdoc_put_str(c->doc, rng, "src", devices[0], err);
}

static int
set_debug_console(struct ch_config *c, struct error *err)
{
	uint32_t line = jdoc_member(c->doc, JDOC_ROOT, "debug_console");
	char *now = NULL;
	int rc = 0;

	if (line == 0)
		return 0;
	if (jdoc_get_strdup(c->doc, line, "mode", &now, STORAGE_PATH_MAX,
		JSON_OPTIONAL, err) == -1)
		return error_wrap(err, CH_CONFIG_NAME ": debug_console");
	if (now == NULL || strcmp(now, "Off") != 0)
		rc = set_mode(c, "debug_console", now, "Off", err);
	free(now);
	return rc;
}

int
ch_config_set_host(struct ch_config *c, struct error *err)
{
	uint32_t rules = jdoc_member(c->doc, JDOC_ROOT, "landlock_enable");
	bool on = false;
	size_t i;

	drop(c, jdoc_member(c->doc, JDOC_ROOT, "cpus"), "affinity");
	for (i = 0; i < c->disks_n; i++)
		drop(c, c->disks[i].node, "queue_affinity");
	if (rules != 0 &&
	    jdoc_get_bool(c->doc, JDOC_ROOT, "landlock_enable", &on,
		JSON_OPTIONAL, err) == -1)
		return error_wrap(err, CH_CONFIG_NAME);
	if (on &&
	    jdoc_put_bool(c->doc, JDOC_ROOT, "landlock_enable", false, err) ==
		-1)
		return -1;
	drop(c, JDOC_ROOT, "landlock_rules");
	if (set_random_source(c, err) == -1)
		return -1;
	return set_debug_console(c, err);
}

int
ch_config_text(char **out, size_t *len, const struct ch_config *c,
    struct error *err)
{
	char *text;
	size_t n;

	if (jdoc_text(&text, &n, c->doc, err) == -1)
		return -1;
	/* What a clone changes may make it longer than its reader takes. */
	if (n > CH_CONFIG_BYTES_MAX) {
		free(text);
		return error_set(err, EX_DATAERR, "%s: %zu bytes, more than %u",
		    CH_CONFIG_NAME, n, CH_CONFIG_BYTES_MAX);
	}
	*out = text;
	if (len != NULL)
		*len = n;
	return 0;
}
