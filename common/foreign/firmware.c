/* SPDX-License-Identifier: ISC */
#include "foreign/firmware.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/le.h"
#include "base/path.h"

#define HEAD_BYTES 44
#define GUID_AT 16
#define GUID_BYTES 16
#define LENGTH_AT 32
#define SIGNATURE_AT 40

/* Of a volume of variables: fff12b8d-7696-4c8b-a985-2747075b4f50. */
static const unsigned char vars_guid[GUID_BYTES] = { 0x8d, 0x2b, 0xf1, 0xff,
	0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f,
	0x50 };

/* Whether a volume begins at `at`; *next is where it ends then. */
static int
read_volume(bool *is, bool *vars, uint64_t *next, int fd, uint64_t size,
    uint64_t at, const char *what, struct error *err)
{
	unsigned char head[HEAD_BYTES];
	uint64_t length;

	*is = false;
	if (at >= size || size - at < HEAD_BYTES)
		return 0;
	if (fd_pread(fd, head, sizeof(head), at, what, err) == -1)
		return -1;
	if (memcmp(head + SIGNATURE_AT, "_FVH", 4) != 0)
		return 0;
	length = le64(head + LENGTH_AT);
	if (length < HEAD_BYTES || length > size - at)
		return error_set(err, EX_DATAERR,
		    "%s: a firmware volume of %" PRIu64
		    " bytes at byte %" PRIu64 ", of %" PRIu64,
		    what, length, at, size);
	*is = true;
	*vars = memcmp(head + GUID_AT, vars_guid, GUID_BYTES) == 0;
	*next = at + length;
	return 0;
}

int
firmware_kind(enum firmware_kind *out, int fd, uint64_t size, const char *what,
    struct error *err)
{
	uint64_t next = 0;
	bool is, vars, code;

	if (size > FIRMWARE_BYTES_MAX)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes are no firmware", what, size);
	if (read_volume(&is, &vars, &next, fd, size, 0, what, err) == -1)
		return -1;
	if (!is) {
		*out = FIRMWARE_PLAIN;
		if (size % FIRMWARE_BIOS_ALIGN == 0)
			return 0;
		return error_set(err, EX_DATAERR,
		    "%s: neither a BIOS, whose size is a multiple of 64 KiB, "
		    "nor UEFI firmware",
		    what);
	}
	if (!vars) {
		*out = FIRMWARE_CODE;
		return 0;
	}
	/* Working and spare blocks lie between the variables and the code. */
	code = false;
	while (!code && next < size) {
		if (read_volume(&code, &vars, &next, fd, size, next, what,
			err) == -1)
			return -1;
		if (!code)
			next += 4096;
	}
	*out = code ? FIRMWARE_WHOLE : FIRMWARE_VARS;
	return 0;
}

const char *
firmware_find(const char *name, int *found)
{
	/* Debian, Fedora, Arch; the first that is there. */
	static const struct {
		const char *name;
		const char *paths[6];
	} known[] = {
		{ "ovmf",
		    { "/usr/share/OVMF/OVMF_CODE_4M.fd",
			"/usr/share/OVMF/OVMF_CODE.fd",
			"/usr/share/edk2/ovmf/OVMF_CODE_4M.fd",
			"/usr/share/edk2/ovmf/OVMF_CODE.fd",
			"/usr/share/edk2/x64/OVMF_CODE.4m.fd", NULL } },
		{ "seabios",
		    { "/usr/share/seabios/bios-256k.bin",
			"/usr/share/seabios/bios.bin", NULL } },
	};
	size_t i, k;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(name, known[i].name) != 0)
			continue;
		for (k = 0; known[i].paths[k] != NULL; k++) {
			*found = access(known[i].paths[k], R_OK) == 0;
			if (*found)
				return known[i].paths[k];
		}
		*found = 0;
		return known[i].paths[0];
	}
	return NULL;
}

char *
firmware_vars_beside(const char *path)
{
	const char *base = path_base(path), *code = NULL, *p, *tail, *secboot;
	char *vars;

	for (p = base; (p = strstr(p, "CODE")) != NULL; p++)
		code = p;
	if (code == NULL)
		return NULL;
	tail = code + 4;
	vars = path_format("%.*sVARS%s", (int)(code - path), path, tail);
	if (vars == NULL || access(vars, R_OK) == 0)
		return vars;
	free(vars);
	/* Code that checks signatures may begin with no keys enrolled. */
	secboot = strstr(tail, ".secboot");
	if (secboot == NULL)
		return NULL;
	vars = path_format("%.*sVARS%.*s%s", (int)(code - path), path,
	    (int)(secboot - tail), tail, secboot + strlen(".secboot"));
	if (vars == NULL || access(vars, R_OK) == 0)
		return vars;
	free(vars);
	return NULL;
}
