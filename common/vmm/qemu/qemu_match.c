/* SPDX-License-Identifier: ISC */
/*
 * Whether a saved state is of the machine that we would start for it.  QEMU
 * takes a state with fewer processors or devices than it has itself without a
 * word, and what it refuses it refuses late.
 */
#include "vmm/qemu/qemu_state.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/aside.h"
#include "base/fd.h"
#include "base/le.h"
#include "vmm/qemu/qemu.h"

/* migration/savevm.h */
#define SECTION_EOF 0x00
#define SECTION_FULL 0x04
#define SECTION_DESCRIPTION 0x06
#define SECTION_FOOTER 0x7e
#define SECTION_HEAD 5 /* type and section id; a footer is as long */

#define NAME_MAX_BYTES 255
#define SECTIONS_MAX 4096

/* What the sections of a state are counted against. */
struct tally {
	const struct machine *machine;
	uint64_t processors;
	size_t disks, nics;
	bool has_disk[STORAGE_MAX], has_nic[NIC_MAX], has_agent;
};

static int
wrong(size_t off, const char *what, struct error *err)
{
	return error_set(err, EX_DATAERR, "%s at byte %zu", what, off);
}

/* A full section with a printable name, or the end of the stream, at `p`. */
static bool
can_follow(const unsigned char *p, size_t len)
{
	size_t i, n;

	if (len >= 6 && p[0] == SECTION_EOF && p[1] == SECTION_DESCRIPTION)
		return be32(p + 2) == len - 6;
	if (len <= SECTION_HEAD || p[0] != SECTION_FULL)
		return false;
	n = p[SECTION_HEAD];
	if (n == 0 || n > len - SECTION_HEAD - 1)
		return false;
	for (i = 1; i <= n; i++)
		if (p[SECTION_HEAD + i] <= ' ' || p[SECTION_HEAD + i] > '~')
			return false;
	return true;
}

/*
 * The first footer of section `id` from `off` on that something follows which
 * can follow one: data may look like a footer.  `len` when there is none.
 */
static size_t
find_footer(const unsigned char *raw, size_t len, size_t off, uint32_t id)
{
	const unsigned char *p;

	while (off < len &&
	    (p = memchr(raw + off, SECTION_FOOTER, len - off)) != NULL) {
		off = (size_t)(p - raw);
		if (len - off <= SECTION_HEAD)
			break;
		if (be32(p + 1) == id &&
		    can_follow(p + SECTION_HEAD, len - off - SECTION_HEAD))
			return off;
		off++;
	}
	return len;
}

/* "0000:00:SS.F/NAME": a device of ours at its place, or none of the kind. */
static int
count_pci(struct tally *t, const char *name, size_t off, struct error *err)
{
	unsigned slot, function;
	size_t i;
	int end = 0;

	if (sscanf(name, "0000:00:%2x.%1x/%n", &slot, &function, &end) != 2 ||
	    end == 0 || strncmp(name + end, "virtio-", 7) != 0)
		return 0;
	if (strcmp(name + end, "virtio-blk") == 0) {
		i = slot - QEMU_SLOT_DISKS;
		if (slot < QEMU_SLOT_DISKS || function != 0 ||
		    i >= t->machine->disks.n || t->has_disk[i])
			return wrong(off, "state of another disk", err);
		t->has_disk[i] = true;
		t->disks++;
		return 0;
	}
	if (strcmp(name + end, "virtio-net") == 0) {
		if (slot != QEMU_SLOT_NICS || function >= t->machine->nics.n ||
		    t->has_nic[function])
			return wrong(off, "state of another NIC", err);
		t->has_nic[function] = true;
		t->nics++;
		return 0;
	}
	if (strcmp(name + end, "virtio-rng") == 0 && slot == QEMU_SLOT_RNG)
		return 0;
	/* The ports' bus is called so. */
	if (strcmp(name + end, "virtio-console") == 0 &&
	    slot == QEMU_SLOT_SERIAL && function == 0 && t->machine->agent &&
	    !t->has_agent) {
		t->has_agent = true;
		return 0;
	}
	return wrong(off, "state of an unknown device", err);
}

static int
count_section(struct tally *t, const unsigned char *p, size_t len, size_t off,
    struct error *err)
{
	char name[NAME_MAX_BYTES + 1];
	size_t n;

	if (len <= SECTION_HEAD || (n = p[SECTION_HEAD]) == 0 ||
	    n > len - SECTION_HEAD - 1)
		return wrong(off, "section without a name", err);
	memcpy(name, p + SECTION_HEAD + 1, n);
	name[n] = '\0';
	if (strcmp(name, "cpu_common") == 0)
		t->processors++;
	return count_pci(t, name, off, err);
}

/* Full sections up to the end, each closed by a footer of its own. */
static int
count_sections(struct tally *t, const unsigned char *raw, size_t len,
    size_t off, struct error *err)
{
	size_t end, n = 0;

	while (raw[off] == SECTION_FULL) {
		if (n++ == SECTIONS_MAX || len - off <= SECTION_HEAD)
			return wrong(off, "stream ends", err);
		end = find_footer(raw, len, off + SECTION_HEAD,
		    be32(raw + off + 1));
		if (end == len)
			return wrong(off, "section without an end", err);
		if (count_section(t, raw + off, end - off, off, err) == -1)
			return -1;
		off = end + SECTION_HEAD;
	}
	/* EOF, then the description: its length is all we ask. */
	if (len - off < 6 || raw[off] != SECTION_EOF ||
	    raw[off + 1] != SECTION_DESCRIPTION ||
	    be32(raw + off + 2) != len - off - 6)
		return wrong(off, "no end of the stream", err);
	return 0;
}

int
qemu_devices_check(const unsigned char *raw, size_t len, size_t head,
    const struct machine *m, struct error *err)
{
	struct tally t = { .machine = m };

	if (count_sections(&t, raw, len, head, err) == -1)
		return -1;
	if (t.processors != m->cpu)
		return error_set(err, EX_DATAERR,
		    "has %" PRIu64 " processors, not %" PRIu64, t.processors,
		    m->cpu);
	if (t.disks != m->disks.n)
		return error_set(err, EX_DATAERR, "has %zu disks, not %zu",
		    t.disks, m->disks.n);
	if (t.nics != m->nics.n)
		return error_set(err, EX_DATAERR, "has %zu NICs, not %zu",
		    t.nics, m->nics.n);
	if (m->agent && !t.has_agent)
		return error_set(err, EX_DATAERR, "has no port for an agent");
	return 0;
}

/* The bytes of a state, looked at in a process of their own. */
struct state {
	const struct machine *machine;
	const unsigned char *raw;
	size_t len;
};

static int
match(void *arg, struct aside_answer *answer, struct error *err)
{
	const struct state *s = arg;
	struct qemu_head head;

	(void)answer;
	if (qemu_head_decode(&head, s->raw, s->len, s->machine->type,
		s->machine->memory_bytes, err) == -1)
		return -1;
	return qemu_devices_check(s->raw, s->len, head.end, s->machine, err);
}

int
qemu_state_match(const struct machine *m, int dirfd, struct error *err)
{
	struct state state = { .machine = m };
	const struct aside aside = { .what = "a look at it",
		.run = match,
		.arg = &state };
	char *text;
	int rc;

	if (fd_slurp(&text, &state.len, dirfd, QEMU_STATE_NAME,
		QEMU_STATE_BYTES_MAX, err) == -1)
		return -1;
	state.raw = (const unsigned char *)text;
	rc = aside_ask(&aside, NULL, 0, err);
	free(text);
	return rc == -1 ? error_wrap(err, "%s", QEMU_STATE_NAME) : 0;
}

/* A device of the sidecar against the one that we would start. */
static int
match_device(const struct sidecar *s, const char *id, const char *addr,
    uint64_t queues, const char *backend, struct error *err)
{
	const struct sidecar_device *d;
	size_t i;

	for (i = 0; i < s->devices_n; i++) {
		d = &s->devices[i];
		if (strcmp(d->id, id) != 0)
			continue;
		if (strcmp(d->addr, addr) == 0 && d->queues == queues &&
		    strcmp(d->backend, backend) == 0)
			return 0;
		return error_set(err, EX_DATAERR,
		    "\"devices\": %s: at %s with %" PRIu64
		    " queues for %s, not at %s with %" PRIu64 " for %s",
		    id, d->addr, d->queues, d->backend, addr, queues, backend);
	}
	return error_set(err, EX_DATAERR, "\"devices\": no %s", id);
}

/*
 * The state names no disk, and QEMU takes any in the place of another: only
 * the list of devices tells that two have changed places.
 */
static int
match_serial(const struct sidecar *s, const char *id, const char *serial,
    struct error *err)
{
	const struct sidecar_device *d;
	size_t i;

	for (i = 0; i < s->devices_n; i++) {
		d = &s->devices[i];
		if (strcmp(d->id, id) == 0 && d->serial[0] != '\0' &&
		    strcmp(d->serial, serial) != 0)
			return error_set(err, EX_DATAERR,
			    "\"devices\": %s: serial \"%s\", the disk there "
			    "has \"%s\"",
			    id, d->serial, serial);
	}
	return 0;
}

int
qemu_devices_match(const struct sidecar *s, struct error *err)
{
	const struct machine *m = &s->machine;
	char id[32], addr[32];
	size_t i, disks = 0, nics = 0, ports = 0;

	if (s->devices_n == 0)
		return 0;
	for (i = 0; i < s->devices_n; i++) {
		disks += strcmp(s->devices[i].driver, "virtio-blk-pci") == 0;
		nics += strcmp(s->devices[i].driver, "virtio-net-pci") == 0;
		ports += strcmp(s->devices[i].driver, QEMU_SERIAL_DRIVER) == 0;
	}
	if (disks != m->disks.n || nics != m->nics.n)
		return error_set(err, EX_DATAERR,
		    "\"devices\": %zu disks and %zu NICs, not %zu and %zu",
		    disks, nics, m->disks.n, m->nics.n);
	if (ports != (m->agent ? 1 : 0))
		return error_set(err, EX_DATAERR,
		    "\"devices\": %zu devices with ports for an agent, not %d",
		    ports, m->agent ? 1 : 0);
	for (i = 0; i < m->disks.n; i++) {
		snprintf(id, sizeof(id), "disk%zu", i);
		snprintf(addr, sizeof(addr), "0x%x",
		    (unsigned)(QEMU_SLOT_DISKS + i));
		if (match_device(s, id, addr, m->cpu,
			storage_role_name(m->disks.v[i].role), err) == -1 ||
		    match_serial(s, id, m->disks.v[i].serial, err) == -1)
			return -1;
	}
	for (i = 0; i < m->nics.n; i++) {
		snprintf(id, sizeof(id), "nic%zu", i);
		snprintf(addr, sizeof(addr), "0x%x.%zu", QEMU_SLOT_NICS, i);
		if (match_device(s, id, addr, 1,
			nic_kind_name(m->nics.v[i].kind), err) == -1)
			return -1;
	}
	snprintf(addr, sizeof(addr), "0x%x", QEMU_SLOT_SERIAL);
	return m->agent ? match_device(s, QEMU_SERIAL_ID, addr, 0, "agent", err)
			: 0;
}
