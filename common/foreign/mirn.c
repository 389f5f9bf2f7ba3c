/* SPDX-License-Identifier: ISC */
#include "foreign/mirn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jdoc.h"
#include "base/json.h"
#include "base/le.h"
#include "base/path.h"
#include "base/rfc3339.h"

static const unsigned char magic[4] = { 'M', 'I', 'R', 'N' };

void
mirn_head_fini(struct mirn_head *head)
{
	free(head->name);
	free(head->filesystem);
	head->name = head->filesystem = NULL;
}

static int
set_text(char **slot, const char *text, const char *what, struct error *err)
{
	char *copy;

	if (strlen(text) > MIRN_NAME_MAX)
		return error_set(err, EX_USAGE, "%s: longer than %d bytes",
		    what, MIRN_NAME_MAX);
	if (!path_is_utf8(text, strlen(text)))
		return error_set(err, EX_USAGE, "%s: not UTF-8", what);
	copy = strdup(text);
	if (copy == NULL)
		return error_sys(err, EX_OSERR, "%s", what);
	free(*slot);
	*slot = copy;
	return 0;
}

int
mirn_head_name(struct mirn_head *head, const char *name, const char *filesystem,
    struct error *err)
{
	if (set_text(&head->name, name, "name", err) == -1)
		return -1;
	return set_text(&head->filesystem, filesystem, "file system", err);
}

int
mirn_fixed_decode(size_t *json_len, const unsigned char raw[MIRN_FIXED_BYTES],
    struct error *err)
{
	uint32_t len;

	if (memcmp(raw, magic, sizeof(magic)) != 0)
		return error_set(err, EX_DATAERR,
		    "byte 0: no MIRN file: magic 0x%08" PRIx32, be32(raw));
	if (be32(raw + 4) != MIRN_VERSION)
		return error_set(err, EX_DATAERR,
		    "byte 4: version %" PRIu32 ", not %d", be32(raw + 4),
		    MIRN_VERSION);
	len = be32(raw + 8);
	if (len == 0 || len > MIRN_JSON_MAX)
		return error_set(err, EX_DATAERR,
		    "byte 8: header of %" PRIu32 " bytes, not within 1 and %u",
		    len, MIRN_JSON_MAX);
	*json_len = len;
	return 0;
}

static int
check_checksum(const char *text, struct error *err)
{
	if (strlen(text) != MIRN_CHECKSUM_LEN ||
	    strspn(text, "0123456789abcdef") != MIRN_CHECKSUM_LEN)
		return error_set(err, EX_DATAERR,
		    "\"checksum\" is not %d lower-case hexadecimal digits",
		    MIRN_CHECKSUM_LEN);
	return 0;
}

static int
get_members(struct mirn_head *h, const struct jdoc *d, struct error *err)
{
	if (jdoc_get_strdup(d, JDOC_ROOT, "name", &h->name, MIRN_JSON_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_u64(d, JDOC_ROOT, "size_bytes", &h->size_bytes, 0,
		MIRN_SIZE_MAX, JSON_REQUIRED, err) == -1 ||
	    jdoc_get_strdup(d, JDOC_ROOT, "filesystem", &h->filesystem,
		MIRN_JSON_MAX, JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_str(d, JDOC_ROOT, "timestamp", h->timestamp,
		sizeof(h->timestamp), JSON_REQUIRED, err) == -1 ||
	    jdoc_get_str(d, JDOC_ROOT, "checksum", h->checksum,
		sizeof(h->checksum), JSON_REQUIRED, err) == -1)
		return -1;
	if (rfc3339_parse(NULL, h->timestamp, err) == -1)
		return error_wrap(err, "\"timestamp\"");
	return check_checksum(h->checksum, err);
}

int
mirn_head_decode(struct mirn_head *out, const char *json, size_t len,
    struct error *err)
{
	struct mirn_head h = { 0 };
	struct jdoc *d;
	int rc = -1;

	if (jdoc_parse(&d, json, len, err) == -1)
		return -1;
	if (get_members(&h, d, err) == -1)
		goto out;
	if (h.name == NULL)
		h.name = strdup("");
	if (h.filesystem == NULL)
		h.filesystem = strdup("");
	if (h.name == NULL || h.filesystem == NULL) {
		error_sys(err, EX_OSERR, "header");
		goto out;
	}
	*out = h;
	h.name = h.filesystem = NULL;
	rc = 0;
out:
	mirn_head_fini(&h);
	jdoc_free(d);
	return rc;
}

/* Go's encoding/json, which escapes for HTML: at most six bytes for one. */
static size_t
put_string(char *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	static const char letters[] = "\"\\\n\r\t\b\f";
	const char *found;
	size_t n = 0;

	out[n++] = '"';
	for (; *p != '\0'; p++) {
		found = strchr(letters, *p);
		if (found != NULL) {
			out[n++] = '\\';
			out[n++] = "\"\\nrtbf"[found - letters];
		} else if (*p < 0x20 || strchr("<>&", *p) != NULL) {
			n += (size_t)sprintf(out + n, "\\u%04x", *p);
		} else if (p[0] == 0xe2 && p[1] == 0x80 &&
		    (p[2] == 0xa8 || p[2] == 0xa9)) {
			n += (size_t)sprintf(out + n, "\\u20%02x", p[2] - 0x80);
			p += 2;
		} else {
			out[n++] = (char)*p;
		}
	}
	out[n++] = '"';
	return n;
}

int
mirn_head_encode(unsigned char **out, size_t *len, const struct mirn_head *head,
    struct error *err)
{
	size_t cap = 6 * (strlen(head->name) + strlen(head->filesystem)) + 512;
	char zeros[MIRN_CHECKSUM_LEN + 1];
	char *raw, *json;
	size_t n;

	memset(zeros, '0', MIRN_CHECKSUM_LEN);
	zeros[MIRN_CHECKSUM_LEN] = '\0';
	raw = malloc(cap);
	if (raw == NULL)
		return error_sys(err, EX_OSERR, "header");
	json = raw + MIRN_FIXED_BYTES;
	n = (size_t)sprintf(json, "{\"name\":");
	n += put_string(json + n, head->name);
	n += (size_t)sprintf(json + n,
	    ",\"size_bytes\":%" PRIu64 ",\"filesystem\":", head->size_bytes);
	n += put_string(json + n, head->filesystem);
	n += (size_t)sprintf(json + n,
	    ",\"timestamp\":\"%s\",\"checksum\":\"%s\",\"version\":%d}",
	    head->timestamp, head->checksum[0] == '\0' ? zeros : head->checksum,
	    MIRN_VERSION);
	memcpy(raw, magic, sizeof(magic));
	be32_put((unsigned char *)raw + 4, MIRN_VERSION);
	be32_put((unsigned char *)raw + 8, (uint32_t)n);
	*out = (unsigned char *)raw;
	*len = MIRN_FIXED_BYTES + n;
	return 0;
}

int
mirn_head_report(json_t *record, const struct mirn_head *head,
    struct error *err)
{
	if (json_put_str(record, "name", head->name, err) == -1 ||
	    json_put_u64(record, "size_bytes", head->size_bytes, err) == -1 ||
	    json_put_str(record, "filesystem", head->filesystem, err) == -1 ||
	    json_put_str(record, "timestamp", head->timestamp, err) == -1 ||
	    json_put_str(record, "checksum", head->checksum, err) == -1)
		return -1;
	return json_put_u64(record, "version", MIRN_VERSION, err);
}
