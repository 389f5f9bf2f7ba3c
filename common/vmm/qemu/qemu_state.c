/* SPDX-License-Identifier: ISC */
#include "vmm/qemu/qemu_state.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/le.h"
#include "base/num.h"
#include "vmm/host/handover.h"
#include "vmm/qemu/qemu.h"

/* migration/savevm.h and migration/savevm.c */
#define STREAM_MAGIC 0x5145564dU /* "QEVM" */
#define STREAM_VERSION 3
#define SECTION_EOF 0x00
#define SECTION_START 0x01
#define SECTION_PART 0x02
#define SECTION_END 0x03
#define SECTION_FULL 0x04
#define SECTION_SUBSECTION 0x05
#define SECTION_CONFIGURATION 0x07
#define SECTION_FOOTER 0x7e

/* migration/ram.c: flags in the low bits of a page's offset. */
#define PAGE_ZERO 0x02
#define PAGE_MEM_SIZE 0x04
#define PAGE_DATA 0x08
#define PAGE_EOS 0x10
#define PAGE_CONTINUE 0x20
#define PAGE_FLAGS (QEMU_ARCH.page_bytes - 1)

/* A device save's own head: magic and version. */
#define DEVICES_HEAD 8

/* An empty description ("{}"): without one QEMU grumbles, and loads. */
static const unsigned char no_description[] = { 0x06, 0, 0, 0, 2, '{', '}' };

struct cursor {
	const unsigned char *raw;
	size_t len, off;
};

static int
wrong(const struct cursor *c, const char *what, struct error *err)
{
	error_set(err, EX_DATAERR, "%s at byte %zu", what, c->off);
	return -1;
}

static int
take_bytes(const unsigned char **out, struct cursor *c, size_t n,
    struct error *err)
{
	if (!num_in_range(c->off, n, c->len))
		return wrong(c, "stream ends", err);
	*out = c->raw + c->off;
	c->off += n;
	return 0;
}

static int
take_u8(unsigned *out, struct cursor *c, struct error *err)
{
	const unsigned char *p;

	if (take_bytes(&p, c, 1, err) == -1)
		return -1;
	*out = p[0];
	return 0;
}

static int
take_u32(uint32_t *out, struct cursor *c, struct error *err)
{
	const unsigned char *p;

	if (take_bytes(&p, c, 4, err) == -1)
		return -1;
	*out = be32(p);
	return 0;
}

static int
take_u64(uint64_t *out, struct cursor *c, struct error *err)
{
	const unsigned char *p;

	if (take_bytes(&p, c, 8, err) == -1)
		return -1;
	*out = be64(p);
	return 0;
}

/* A name behind its length in one byte; true when it is `name`. */
static int
take_name(bool *is, struct cursor *c, const char *name, struct error *err)
{
	const unsigned char *p;
	unsigned n;

	if (take_u8(&n, c, err) == -1 || take_bytes(&p, c, n, err) == -1)
		return -1;
	*is = strlen(name) == n && memcmp(p, name, n) == 0;
	return 0;
}

/*
 * The one subsection of the configuration that we know:
 * configuration/capabilities, a count and that many counted names.
 */
static int
skip_capabilities(struct cursor *c, struct error *err)
{
	uint32_t version, n, i;
	bool is;

	if (take_name(&is, c, "configuration/capabilities", err) == -1)
		return -1;
	if (!is)
		return wrong(c, "unknown subsection", err);
	if (take_u32(&version, c, err) == -1 || take_u32(&n, c, err) == -1)
		return -1;
	if (version != 1 || n > 64)
		return wrong(c, "unknown capabilities", err);
	for (i = 0; i < n; i++)
		if (take_name(&is, c, "x-ignore-shared", err) == -1)
			return -1;
	return 0;
}

static int
read_configuration(struct cursor *c, const char *machine, struct error *err)
{
	const unsigned char *name;
	uint32_t magic, version, n;
	unsigned type;

	if (take_u32(&magic, c, err) == -1 ||
	    take_u32(&version, c, err) == -1 || take_u8(&type, c, err) == -1 ||
	    take_u32(&n, c, err) == -1)
		return -1;
	if (magic != STREAM_MAGIC || version != STREAM_VERSION ||
	    type != SECTION_CONFIGURATION)
		return wrong(c, "not a stream of version 3", err);
	if (take_bytes(&name, c, n, err) == -1)
		return -1;
	if (strlen(machine) != n || memcmp(name, machine, n) != 0)
		return wrong(c, "another machine", err);
	while (c->off < c->len && c->raw[c->off] == SECTION_SUBSECTION) {
		c->off++;
		if (skip_capabilities(c, err) == -1)
			return -1;
	}
	return 0;
}

static int
read_footer(struct cursor *c, uint32_t section, struct error *err)
{
	unsigned type;
	uint32_t id;

	if (take_u8(&type, c, err) == -1 || take_u32(&id, c, err) == -1)
		return -1;
	if (type != SECTION_FOOTER || id != section)
		return wrong(c, "no footer", err);
	return 0;
}

/* The START section of "ram": the list of all blocks. */
static int
read_blocks(struct cursor *c, uint32_t *section, uint64_t memory_bytes,
    struct error *err)
{
	uint64_t total, left, bytes, address, flags;
	uint32_t instance, version;
	bool is, found = false;
	unsigned type, n;

	if (take_u8(&type, c, err) == -1 || take_u32(section, c, err) == -1 ||
	    take_name(&is, c, "ram", err) == -1 ||
	    take_u32(&instance, c, err) == -1 ||
	    take_u32(&version, c, err) == -1 || take_u64(&total, c, err) == -1)
		return -1;
	if (type != SECTION_START || !is || version != 4 ||
	    (total & PAGE_FLAGS) != PAGE_MEM_SIZE)
		return wrong(c, "no list of RAM blocks", err);
	left = total & ~PAGE_FLAGS;
	for (n = 0; left > 0; n++) {
		if (n == QEMU_BLOCKS_MAX)
			return wrong(c, "too many RAM blocks", err);
		if (take_name(&is, c, "mem", err) == -1 ||
		    take_u64(&bytes, c, err) == -1 ||
		    take_u64(&address, c, err) == -1)
			return -1;
		if (bytes == 0 || bytes > left)
			return wrong(c, "RAM blocks larger than their sum",
			    err);
		if (is && bytes != memory_bytes)
			return wrong(c, "memory of another size", err);
		found = found || is;
		left -= bytes;
	}
	if (!found)
		return wrong(c, "no RAM block \"mem\"", err);
	if (take_u64(&flags, c, err) == -1)
		return -1;
	if (flags != PAGE_EOS)
		return wrong(c, "no end of the RAM blocks", err);
	return read_footer(c, *section, err);
}

enum block { BLOCK_MEM, BLOCK_FLASH, BLOCK_OTHER };

/* The name of the block that a page is of. */
static int
take_block(enum block *out, struct cursor *c, struct error *err)
{
	static const char flash[] = "system.flash";
	const unsigned char *p;
	unsigned n;

	if (take_u8(&n, c, err) == -1 || take_bytes(&p, c, n, err) == -1)
		return -1;
	if (n == 3 && memcmp(p, "mem", n) == 0)
		*out = BLOCK_MEM;
	else if (n >= sizeof(flash) - 1 &&
	    memcmp(p, flash, sizeof(flash) - 1) == 0)
		*out = BLOCK_FLASH;
	else
		*out = BLOCK_OTHER;
	return 0;
}

/* The page between `from` and here is one of a flash device's. */
static int
note_flash(struct qemu_head *head, struct cursor *c, size_t from,
    struct error *err)
{
	size_t n = head->flash_n;

	if (n > 0 && head->flash[n - 1].to == from) {
		head->flash[n - 1].to = c->off;
		return 0;
	}
	if (n == QEMU_FLASH_RUNS_MAX)
		return wrong(c, "pages of flash devices in too many places",
		    err);
	head->flash[n].from = from;
	head->flash[n].to = c->off;
	head->flash_n++;
	return 0;
}

/* One page of a PART or END section; *last says that the section ends. */
static int
read_page(struct qemu_head *head, struct cursor *c, bool *last,
    enum block *block, struct error *err)
{
	const unsigned char *p;
	uint64_t entry, flags;
	size_t from = c->off;
	int rc;

	if (take_u64(&entry, c, err) == -1)
		return -1;
	flags = entry & PAGE_FLAGS;
	*last = flags == PAGE_EOS;
	if (*last)
		return 0;
	if ((flags & ~(uint64_t)(PAGE_ZERO | PAGE_DATA | PAGE_CONTINUE)) != 0)
		return wrong(c, "page with unknown flags", err);
	if ((flags & PAGE_CONTINUE) == 0 && take_block(block, c, err) == -1)
		return -1;
	if (*block == BLOCK_MEM)
		return wrong(c, "page of the guest's memory", err);
	switch (flags & ~(uint64_t)PAGE_CONTINUE) {
	case PAGE_ZERO:
		rc = take_bytes(&p, c, 1, err);
		break;
	case PAGE_DATA:
		rc = take_bytes(&p, c, QEMU_ARCH.page_bytes, err);
		break;
	default:
		return wrong(c, "page with unknown flags", err);
	}
	return rc == -1 || *block != BLOCK_FLASH
	    ? rc
	    : note_flash(head, c, from, err);
}

static int
read_pages(struct qemu_head *head, struct cursor *c, uint32_t section,
    struct error *err)
{
	enum block block = BLOCK_MEM;
	unsigned type, n = 0;
	uint32_t id;
	bool last;

	do {
		if (take_u8(&type, c, err) == -1 || take_u32(&id, c, err) == -1)
			return -1;
		if ((type != SECTION_PART && type != SECTION_END) ||
		    id != section)
			return wrong(c, "unknown section", err);
		do {
			if (n++ > QEMU_HEAD_PAGES_MAX)
				return wrong(c, "too many pages", err);
			if (read_page(head, c, &last, &block, err) == -1)
				return -1;
		} while (!last);
		if (read_footer(c, section, err) == -1)
			return -1;
	} while (type != SECTION_END);
	return 0;
}

int
qemu_head_decode(struct qemu_head *out, const unsigned char *raw, size_t len,
    const char *machine, uint64_t memory_bytes, struct error *err)
{
	struct cursor c = { .raw = raw, .len = len };
	struct qemu_head head = { 0 };
	uint32_t section;

	hook_step("parse-qemu");
	if (read_configuration(&c, machine, err) == -1 ||
	    read_blocks(&c, &section, memory_bytes, err) == -1 ||
	    read_pages(&head, &c, section, err) == -1)
		return -1;
	if (c.off >= len || raw[c.off] != SECTION_FULL)
		return wrong(&c, "no device section", err);
	head.end = c.off;
	*out = head;
	return 0;
}

/* What is looked for in the bytes of a state, in a process of its own. */
struct head {
	const struct vm *vm;
	const unsigned char *raw;
	size_t len;
	struct qemu_head found;
};

static int
find_end(void *arg, struct aside_answer *answer, struct error *err)
{
	struct head *head = arg;

	answer->data = &head->found;
	answer->len = sizeof(head->found);
	return qemu_head_decode(&head->found, head->raw, head->len,
	    head->vm->machine.type, head->vm->machine.memory_bytes, err);
}

/* The answer is not believed either. */
static bool
is_sound(const struct qemu_head *h, size_t len)
{
	size_t i, at = 0;

	if (h->end >= len || h->flash_n > QEMU_FLASH_RUNS_MAX)
		return false;
	for (i = 0; i < h->flash_n; i++) {
		if (h->flash[i].from < at || h->flash[i].to < h->flash[i].from)
			return false;
		at = h->flash[i].to;
	}
	return at <= h->end;
}

/*
 * The head that the VM's next save builds on, without the pages of flash
 * devices; *text is the caller's.
 */
static int
read_head(const struct vm *vm, int dirfd, char **text, size_t *len,
    struct error *err)
{
	struct head head = { .vm = vm };
	struct qemu_head found;
	const struct aside aside = { .what = "a look at it",
		.run = find_end,
		.arg = &head };
	size_t i;

	if (fd_slurp(text, &head.len, dirfd, QEMU_STATE_NAME,
		QEMU_STATE_BYTES_MAX, err) == -1)
		goto refuse;
	head.raw = (const unsigned char *)*text;
	if (aside_ask(&aside, &found, sizeof(found), err) == -1)
		goto wrong;
	if (!is_sound(&found, head.len)) {
		error_set(err, EX_DATAERR, "no head");
		goto wrong;
	}
	*len = found.end;
	for (i = found.flash_n; i-- > 0;) {
		memmove(*text + found.flash[i].from, *text + found.flash[i].to,
		    *len - found.flash[i].to);
		*len -= found.flash[i].to - found.flash[i].from;
	}
	return 0;
wrong:
	free(*text);
	error_wrap(err, "%s", QEMU_STATE_NAME);
refuse:
	if (err != NULL && (err->code == EX_DATAERR || err->code == EX_NOINPUT))
		err->code = EX_UNAVAILABLE;
	return -1;
}

int
qemu_state_check(const struct vm *vm, int dirfd, struct error *err)
{
	char *text;
	size_t end;

	if (read_head(vm, dirfd, &text, &end, err) == -1)
		return -1;
	free(text);
	return 0;
}

int
qemu_state_save(struct vmm *vmm, const char *name, struct error *err)
{
	char path[HANDOVER_PATH_MAX];

	handover_path(path, vmm->dirfd, name);
	if (qemu_call(vmm, "xen-save-devices-state",
		json_pack("{s:s, s:b}", "filename", path, "live", 0), NULL,
		err) == -1)
		return -1;
	return handover_take(vmm->dirfd, name, err);
}

/* What xen-save-devices-state writes: magic, version, sections, EOF. */
static int
check_devices(const unsigned char *raw, size_t len, struct error *err)
{
	if (len < DEVICES_HEAD + 2 || be32(raw) != STREAM_MAGIC ||
	    be32(raw + 4) != STREAM_VERSION ||
	    raw[DEVICES_HEAD] != SECTION_FULL || raw[len - 1] != SECTION_EOF)
		return error_set(err, EX_UNAVAILABLE,
		    "QEMU: device state of %zu bytes is not as expected", len);
	return 0;
}

static int
write_state(int to_dirfd, const char *head, size_t head_len,
    const char *devices, size_t devices_len, struct error *err)
{
	int fd, rc = -1;

	fd = openat(to_dirfd, QEMU_STATE_NAME,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return error_sys(err, EX_CANTCREAT, QEMU_STATE_NAME);
	if (fd_write(fd, head, head_len, QEMU_STATE_NAME, err) == 0 &&
	    fd_write(fd, devices + DEVICES_HEAD, devices_len - DEVICES_HEAD,
		QEMU_STATE_NAME, err) == 0 &&
	    fd_write(fd, no_description, sizeof(no_description),
		QEMU_STATE_NAME, err) == 0)
		rc = 0;
	fd_drop(&fd);
	return rc;
}

int
qemu_state_finish(const struct vm *vm, int dirfd, const char *name,
    int to_dirfd, struct error *err)
{
	char *head = NULL, *devices = NULL;
	size_t head_len, devices_len;
	int rc = -1;

	if (read_head(vm, dirfd, &head, &head_len, err) == -1)
		return -1;
	if (fd_slurp(&devices, &devices_len, dirfd, name, QEMU_STATE_BYTES_MAX,
		err) == -1)
		goto out;
	if (check_devices((unsigned char *)devices, devices_len, err) == -1)
		goto out;
	rc = write_state(to_dirfd, head, head_len, devices, devices_len, err);
out:
	free(devices);
	free(head);
	return rc;
}
