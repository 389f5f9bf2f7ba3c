/* SPDX-License-Identifier: ISC */
/* Whether this host will do for a state that was saved on another. */
#include "vmm/qemu/qemu.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/host/processor.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* A model, and flags behind commas, each put on or off: "qemu64,+ssse3". */
static bool
is_cpu(const char *text)
{
	const char *p;

	for (p = text;;) {
		if (p != text && *p != '+' && *p != '-')
			return false;
		if (p != text)
			p++;
		if (*p == '\0' || strchr(LETTERS CAPITALS DIGITS, *p) == NULL)
			return false;
		p += strspn(p, LETTERS CAPITALS DIGITS "._-");
		if (*p == '\0')
			return true;
		if (*p++ != ',')
			return false;
	}
}

/*
 * Both are read by QEMU with properties behind commas, and some of these name
 * files: no snapshot may say more than a machine and a processor.
 */
int
qemu_check_words(const char *machine, const char *cpu, struct error *err)
{
	if (machine[0] == '\0' || machine[0] == '-' ||
	    machine[strspn(machine, LETTERS DIGITS ".-")] != '\0')
		return error_set(err, EX_DATAERR,
		    "machine \"%s\" is not a machine's name", machine);
	if (!is_cpu(cpu))
		return error_set(err, EX_DATAERR,
		    "processor \"%s\" is not a model with flags", cpu);
	return 0;
}

int
qemu_check_saved(const char *saved, const char *here, struct error *err)
{
	int major, minor, floor_major, floor_minor;

	if (sscanf(saved, "%d.%d", &floor_major, &floor_minor) != 2)
		return error_set(err, EX_CONFIG,
		    "saved by QEMU %s, which is no version", saved);
	if (sscanf(here, "%d.%d", &major, &minor) != 2)
		return error_set(err, EX_UNAVAILABLE, "QEMU has no version");
	if (major < floor_major ||
	    (major == floor_major && minor < floor_minor))
		return error_set(err, EX_CONFIG,
		    "saved by QEMU %s, newer than the %s here", saved, here);
	return 0;
}

uint64_t
qemu_queue_size(const char *driver)
{
	static const struct {
		const char *driver;
		uint64_t entries;
	} sizes[] = {
		{ "virtio-rng-pci", QEMU_QUEUE_RNG },
		{ "virtio-blk-pci", QEMU_QUEUE_BLK },
		{ "virtio-net-pci", QEMU_QUEUE_NET },
		{ QEMU_SERIAL_DRIVER, QEMU_QUEUE_SERIAL },
	};
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (strcmp(sizes[i].driver, driver) == 0)
			return sizes[i].entries;
	return 0;
}

/*
 * Some QEMUs make every virtqueue as deep as virtio allows, whatever the device
 * asks for, and a guest that booted there uses all of it; others refuse its
 * state, or have no room for it.
 */
static int
check_queues(const struct qemu_facts *facts, const struct sidecar *s,
    struct error *err)
{
	const struct sidecar_device *d;
	uint64_t here;
	size_t i;

	if (facts->rng_queue == 0)
		return 0;
	for (i = 0; i < s->devices_n; i++) {
		d = &s->devices[i];
		here = qemu_queue_size(d->driver);
		if (here < facts->rng_queue &&
		    facts->rng_queue > QEMU_QUEUE_RNG)
			here = facts->rng_queue;
		if (here != 0 && d->queue_size > here)
			return error_set(err, EX_CONFIG,
			    "%s: the guest was booted with queues of %" PRIu64
			    ", QEMU %s has room for %" PRIu64
			    ": boot it anew there",
			    d->id, d->queue_size, facts->version, here);
	}
	return 0;
}

/* What can be told of the QEMU at hand before it is started. */
static int
check_facts(const struct envelope_host *host, const struct sidecar *sidecar,
    struct error *err)
{
	struct qemu_facts facts;
	int rc = 0;

	qemu_facts_get(&facts);
	if (facts.version[0] != '\0' &&
	    (qemu_check_saved(host->version, facts.version, err) == -1 ||
		qemu_facts_check_machine(&facts, sidecar->machine.type, err) ==
		    -1 ||
		check_queues(&facts, sidecar, err) == -1))
		rc = -1;
	qemu_facts_fini(&facts);
	return rc;
}

int
qemu_check_host(const struct envelope_host *host, const struct sidecar *sidecar,
    struct error *err)
{
	const char *wish = getenv("INSTAR_ACCEL");
	bool kvm = strcmp(host->accel, "kvm") == 0;

	if (qemu_check_words(sidecar->machine.type, sidecar->machine.cpu_model,
		err) == -1)
		return -1;
	if (!kvm && strcmp(host->accel, "tcg") != 0)
		return error_set(err, EX_CONFIG,
		    "saved under accelerator %s, which is unknown",
		    host->accel);
	if (wish != NULL && wish[0] != '\0' && strcmp(wish, "auto") != 0 &&
	    strcmp(wish, host->accel) != 0)
		return error_set(err, EX_CONFIG,
		    "saved under %s, INSTAR_ACCEL says %s", host->accel, wish);
	if (kvm && !processor_runs_guests())
		return error_set(err, EX_CONFIG,
		    "saved under kvm, which is not here");
	if (kvm && processor_check(&host->cpu_flags, err) == -1)
		return -1;
	return check_facts(host, sidecar, err);
}
