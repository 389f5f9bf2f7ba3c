/* SPDX-License-Identifier: ISC */
/* Linux Documentation/arch/x86/boot.rst, elf(5). */
#include <string.h>

#include "base/le.h"
#include "foreign/kernel_arch.h"

#define SETUP_SECTS 0x1f1
#define BOOT_FLAG 0x1fe
#define HEADER 0x202 /* "HdrS" */
#define VERSION 0x206
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define VERSION_MIN 0x0208 /* the first with a payload_offset */
#define SECTOR 512
_Static_assert(PAYLOAD_LENGTH + 4 == KERNEL_HEAD_BYTES, "all of it is read");

#define ELF_BYTES 20 /* of its head, up to e_machine and its end */
#define ELF_64 2
#define ELF_LITTLE 1
#define ELF_X86_64 62

static bool
is_elf64(const unsigned char *p, size_t len)
{
	static const unsigned char magic[4] = { 0x7f, 'E', 'L', 'F' };

	return len >= ELF_BYTES && memcmp(p, magic, sizeof(magic)) == 0 &&
	    p[4] == ELF_64 && p[5] == ELF_LITTLE && le16(p + 18) == ELF_X86_64;
}

static bool
is_bzimage(const unsigned char *p, size_t len)
{
	return len >= KERNEL_HEAD_BYTES && le16(p + BOOT_FLAG) == 0xaa55 &&
	    memcmp(p + HEADER, "HdrS", 4) == 0;
}

static int
find_payload(uint64_t *off, uint64_t *bytes, const unsigned char *head,
    const char *what, struct error *err)
{
	uint64_t setup = head[SETUP_SECTS] == 0 ? 4 : head[SETUP_SECTS];

	if (le16(head + VERSION) < VERSION_MIN)
		return error_set(err, EX_DATAERR,
		    "%s: boot protocol %x.%02x does not tell its payload", what,
		    head[VERSION + 1], head[VERSION]);
	*off = (setup + 1) * SECTOR + le32(head + PAYLOAD_OFFSET);
	*bytes = le32(head + PAYLOAD_LENGTH);
	return 0;
}

const struct kernel_arch kernel_x86 = {
	.plain = "ELF file for x86-64",
	.packed = "bzImage",
	.is_plain = is_elf64,
	.is_packed = is_bzimage,
	.find_payload = find_payload,
};
