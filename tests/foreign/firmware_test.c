/* SPDX-License-Identifier: ISC */
#include "foreign/firmware.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/le.h"

#define VOLUME 0x4000

static const unsigned char vars_guid[16] = { 0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76,
	0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50 };

/* The head of a volume of `bytes` at `at` of the file. */
static void
put_volume(int fd, uint64_t at, uint64_t bytes, bool vars)
{
	unsigned char head[64] = { 0 };

	if (vars)
		memcpy(head + 16, vars_guid, sizeof(vars_guid));
	le64_put(head + 32, bytes);
	memcpy(head + 40, "_FVH", 4);
	ATF_REQUIRE_EQ((ssize_t)sizeof(head),
	    pwrite(fd, head, sizeof(head), (off_t)at));
}

static int
new_file(uint64_t bytes)
{
	int fd = open("f", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, ftruncate(fd, (off_t)bytes));
	return fd;
}

static enum firmware_kind
kind_of(int fd, uint64_t bytes)
{
	enum firmware_kind kind;
	struct error err = { 0 };

	ATF_REQUIRE_EQ_MSG(0, firmware_kind(&kind, fd, bytes, "f", &err), "%s",
	    err.msg);
	close(fd);
	return kind;
}

ATF_TC_WITHOUT_HEAD(kind__each);
ATF_TC_BODY(kind__each, tc)
{
	int fd;

	ATF_CHECK_EQ(FIRMWARE_PLAIN, kind_of(new_file(131072), 131072));
	fd = new_file(VOLUME);
	put_volume(fd, 0, VOLUME, false);
	ATF_CHECK_EQ(FIRMWARE_CODE, kind_of(fd, VOLUME));
	/* Blocks that are no volume follow the variables. */
	fd = new_file(3 * VOLUME);
	put_volume(fd, 0, VOLUME, true);
	ATF_CHECK_EQ(FIRMWARE_VARS, kind_of(fd, 3 * VOLUME));
	fd = new_file(4 * VOLUME);
	put_volume(fd, 0, VOLUME, true);
	put_volume(fd, 3 * VOLUME, VOLUME, false);
	ATF_CHECK_EQ(FIRMWARE_WHOLE, kind_of(fd, 4 * VOLUME));
}

ATF_TC_WITHOUT_HEAD(kind__wrong);
ATF_TC_BODY(kind__wrong, tc)
{
	static const struct {
		uint64_t file, volume; /* 0: none */
		const char *message;
	} table[] = {
		{ 4000, 0, "f: neither a BIOS" },
		{ 131072 + 512, 0, "f: neither a BIOS" },
		{ FIRMWARE_BYTES_MAX + 1, 0, "are no firmware" },
		{ VOLUME, VOLUME + 1, "a firmware volume of 16385 bytes" },
		{ VOLUME, 0x20, "a firmware volume of 32 bytes" },
		{ VOLUME, UINT64_MAX, "a firmware volume of 18446744" },
	};
	enum firmware_kind kind;
	struct error err;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		fd = new_file(table[i].file);
		if (table[i].volume != 0)
			put_volume(fd, 0, table[i].volume, false);
		ATF_CHECK_EQ(-1,
		    firmware_kind(&kind, fd, table[i].file, "f", &err));
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_MSG(strstr(err.msg, table[i].message) != NULL, "%s",
		    err.msg);
		close(fd);
	}
}

ATF_TC_WITHOUT_HEAD(vars__beside);
ATF_TC_BODY(vars__beside, tc)
{
	static const struct {
		const char *code, *vars; /* NULL: none */
	} table[] = {
		{ "CODE/OVMF_CODE_4M.fd", "CODE/OVMF_VARS_4M.fd" },
		{ "CODE/OVMF_CODE_4M.secboot.fd", "CODE/OVMF_VARS_4M.fd" },
		{ "CODE/OVMF_CODE.fd", NULL },
		{ "CODE/OVMF.fd", NULL },
	};
	char *vars;
	size_t i;

	ATF_REQUIRE_EQ(0, mkdir("CODE", 0700));
	close(open("CODE/OVMF_VARS_4M.fd", O_WRONLY | O_CREAT, 0600));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		vars = firmware_vars_beside(table[i].code);
		if (table[i].vars == NULL)
			ATF_CHECK_MSG(vars == NULL, "%s", table[i].code);
		else
			ATF_CHECK_STREQ(table[i].vars, vars);
		free(vars);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, kind__each);
	ATF_TP_ADD_TC(tp, kind__wrong);
	ATF_TP_ADD_TC(tp, vars__beside);
	return atf_no_error();
}
