/* SPDX-License-Identifier: ISC */
#include "vmm/fc/fc_state.h"

#include <ctype.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/le.h"

/* Polynomial 0xad93d23594c935a9, bits reversed. */
#define JONES UINT64_C(0x95ac9329ac4bc9b5)

#define CRC_BYTES 8 /* at the end, little-endian */
#define MAGIC_X86_64 UINT64_C(0x0710198486640000)
#define MAGIC_AARCH64 UINT64_C(0x07101984aaaa0000)

/* Where the version's text begins, behind its length. */
#define BINCODE_TEXT 16
#define BITCODE_TEXT 10
#define NIC_REACH 128 /* bytes from a NIC's id to its MAC: 1.16 has 60 */
#define NUMBER_MAX 9999 /* of one part of a version */

/* The state that each Firecracker writes, by its minor number. */
static const struct {
	unsigned minor, state_major;
} versions[] = {
	{ 7, 1 },
	{ 8, 2 },
	{ 9, 3 },
	{ 10, 3 },
	{ 11, 5 },
	{ 12, 6 },
	{ 13, 8 },
	{ 14, 8 },
	{ 15, 9 },
	{ 16, 10 },
};

uint64_t
fc_state_crc(uint64_t crc, const void *buf, size_t len)
{
	const unsigned char *p = buf;
	uint64_t table[256], rest;
	unsigned i, k;

	for (i = 0; i < 256; i++) {
		rest = i;
		for (k = 0; k < 8; k++)
			rest = rest >> 1 ^ ((rest & 1) != 0 ? JONES : 0);
		table[i] = rest;
	}
	for (; len > 0; len--)
		crc = table[(crc ^ *p++) & 0xff] ^ crc >> 8;
	return crc;
}

/* One number of a version; *p goes behind it. */
static bool
take_number(unsigned *out, const char **p)
{
	const char *start = *p;
	unsigned n = 0;

	for (; **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (unsigned)(**p - '0');
		if (n > NUMBER_MAX)
			return false;
	}
	*out = n;
	return *p > start && (*start != '0' || *p == start + 1);
}

/* "10.0.0" and nothing else. */
static bool
take_version(struct fc_state *out, const char *text)
{
	return take_number(&out->major, &text) && *text++ == '.' &&
	    take_number(&out->minor, &text) && *text++ == '.' &&
	    take_number(&out->patch, &text) && *text == '\0';
}

/* The magic tells both the form and the architecture. */
static int
take_magic(struct fc_state *out, const unsigned char *raw, struct error *err)
{
	uint64_t magic = le64(raw);

	out->form = FC_STATE_BINCODE;
	if (magic != MAGIC_X86_64 && magic != MAGIC_AARCH64 && raw[0] == 0) {
		out->form = FC_STATE_BITCODE;
		magic = le64(raw + 1);
	}
	if (magic != MAGIC_X86_64 && magic != MAGIC_AARCH64)
		return error_set(err, EX_DATAERR,
		    "magic %016" PRIx64 ": not Firecracker's", le64(raw));
	out->arch = magic == MAGIC_X86_64 ? "x86_64" : "aarch64";
	return 0;
}

int
fc_state_decode(struct fc_state *out, const unsigned char *raw, size_t len,
    struct error *err)
{
	char text[FC_STATE_VERSION_MAX];
	struct fc_state state;
	uint64_t said, crc;
	size_t at;

	hook_step("parse-firecracker");
	if (len > FC_STATE_BYTES_MAX)
		return error_set(err, EX_DATAERR,
		    "%zu bytes, more than Firecracker reads", len);
	if (len < BINCODE_TEXT + CRC_BYTES)
		return error_set(err, EX_DATAERR,
		    "ends at byte %zu, within its head", len);
	if (take_magic(&state, raw, err) == -1)
		return -1;
	at = state.form == FC_STATE_BINCODE ? BINCODE_TEXT : BITCODE_TEXT;
	said = state.form == FC_STATE_BINCODE ? le64(raw + 8) : raw[9];
	if (said == 0 || said >= sizeof(text) || said > len - CRC_BYTES - at)
		return error_set(err, EX_DATAERR,
		    "version: a text of %" PRIu64 " bytes", said);
	memcpy(text, raw + at, (size_t)said);
	text[said] = '\0';
	if (strlen(text) != said || !take_version(&state, text))
		return error_set(err, EX_DATAERR, "version: \"%s\"", text);
	crc = fc_state_crc(0, raw, len - CRC_BYTES);
	if (crc != le64(raw + len - CRC_BYTES))
		return error_set(err, EX_DATAERR,
		    "CRC: %016" PRIx64 " at its end, the file has %016" PRIx64,
		    le64(raw + len - CRC_BYTES), crc);
	*out = state;
	return 0;
}

int
fc_state_read(struct fc_state *out, char **raw, size_t *len, int dirfd,
    const char *name, struct error *err)
{
	size_t size;
	char *buf;

	if (fd_slurp(&buf, &size, dirfd, name, FC_STATE_BYTES_MAX, err) == -1)
		return -1;
	if (fc_state_decode(out, (const unsigned char *)buf, size, err) == -1) {
		free(buf);
		return error_wrap(err, "%s", name);
	}
	if (raw == NULL) {
		free(buf);
		return 0;
	}
	*raw = buf;
	*len = size;
	return 0;
}

bool
fc_state_has(const char *raw, size_t len, const char *text)
{
	return memmem(raw, len, text, strlen(text)) != NULL;
}

bool
fc_state_next_mac(char mac[FC_STATE_MAC], size_t *at, const char *raw,
    size_t len)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	size_t i;
	char c;

	if (len < FC_STATE_MAC - 1)
		return false;
	for (; *at <= len - (FC_STATE_MAC - 1); (*at)++) {
		for (i = 0; i < FC_STATE_MAC - 1; i++) {
			c = raw[*at + i];
			if (i % 3 == 2 ? c != ':'
				       : c == '\0' || strchr(hex, c) == NULL)
				break;
			mac[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a')
						      : c;
		}
		if (i == FC_STATE_MAC - 1) {
			mac[i] = '\0';
			*at += i;
			return true;
		}
	}
	return false;
}

/* A text behind a byte with its length, all of it of `allowed` or letters. */
static size_t
short_text(const char *raw, size_t len, size_t max, const char *allowed)
{
	size_t n = len == 0 ? 0 : (unsigned char)raw[0], i;

	if (n == 0 || n > max || n > len - 1)
		return 0;
	for (i = 1; i <= n; i++)
		if (isalnum((unsigned char)raw[i]) == 0 &&
		    (raw[i] == '\0' || strchr(allowed, raw[i]) == NULL))
			return 0;
	return n;
}

/* Twice the same id, then the name of an interface. */
static size_t
doubled_id(const char *raw, size_t len)
{
	size_t n = short_text(raw, len, FC_STATE_ID - 1, "_");

	if (n == 0 || len < 2 * (n + 1) || memcmp(raw, raw + n + 1, n + 1) != 0)
		return 0;
	raw += 2 * (n + 1);
	len -= 2 * (n + 1);
	return short_text(raw, len, IFNAMSIZ - 1, "_-.@:") == 0 ? 0 : n;
}

bool
fc_state_nic_id(char id[FC_STATE_ID], const char *raw, size_t len)
{
	char mac[FC_STATE_MAC];
	size_t end = 0, at, n;

	if (!fc_state_next_mac(mac, &end, raw, len))
		return false;
	at = end;
	if (fc_state_next_mac(mac, &at, raw, len))
		return false;
	end -= FC_STATE_MAC - 1;
	/* A drive's id may stand like this, too, but further away. */
	for (at = end; at > 0 && end - at < NIC_REACH;) {
		at--;
		n = doubled_id(raw + at, end - at);
		if (n == 0)
			continue;
		memcpy(id, raw + at + 1, n);
		id[n] = '\0';
		return true;
	}
	return false;
}

bool
fc_state_has_vsock(const char *raw, size_t len)
{
	static const char id[] = "\5\0\0\0\0\0\0\0vsock";

	/* The length is one byte, or eight in the form of 1.14. */
	return memmem(raw, len, id, sizeof(id) - 1) != NULL ||
	    memmem(raw, len, "\5vsock", 6) != NULL;
}

int
fc_version_check(unsigned *minor, const char *version, struct error *err)
{
	const char *p = version[0] == 'v' ? version + 1 : version;
	unsigned major, n;

	if (!take_number(&major, &p) || *p++ != '.' || !take_number(&n, &p) ||
	    (*p != '.' && *p != '\0'))
		return error_set(err, EX_UNAVAILABLE,
		    "Firecracker \"%s\": no version", version);
	if (major != FC_MAJOR || n < FC_MINOR_MIN || n > FC_MINOR_MAX)
		return error_set(err, EX_UNAVAILABLE,
		    "Firecracker %s: not one of 1.%d to 1.%d", version,
		    FC_MINOR_MIN, FC_MINOR_MAX);
	*minor = n;
	return 0;
}

/* "Firecracker 1.13", or what is known of it. */
static void
name_writer(char *out, size_t size, const struct fc_state *state)
{
	size_t i;

	snprintf(out, size, "no Firecracker known here");
	for (i = sizeof(versions) / sizeof(versions[0]); i > 0; i--)
		if (versions[i - 1].state_major == state->major)
			snprintf(out, size, "Firecracker 1.%u",
			    versions[i - 1].minor);
}

int
fc_state_check_version(const struct fc_state *state, unsigned minor,
    struct error *err)
{
	unsigned want = 0;
	char writer[64];
	size_t i;

	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (versions[i].minor == minor)
			want = versions[i].state_major;
	/* Every one that we run writes minor number 0, and loads no later. */
	if (want != 0 && state->major == want && state->minor == 0)
		return 0;
	name_writer(writer, sizeof(writer), state);
	return error_set(err, EX_CONFIG,
	    "version: %u.%u.%u of %s, Firecracker 1.%u loads %u.0",
	    state->major, state->minor, state->patch, writer, minor, want);
}
