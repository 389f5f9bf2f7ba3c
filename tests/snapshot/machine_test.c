/* SPDX-License-Identifier: ISC */
/* A machine copied, completed, and told by an envelope and a sidecar. */
#include "snapshot/machine.h"

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "snapshot/envelope.h"
#include "snapshot/sidecar.h"

static char *
copy(const char *text)
{
	char *made = strdup(text);

	ATF_REQUIRE(made != NULL);
	return made;
}

static void
add_layer(struct machine *m)
{
	char name[] = "layer0", path[] = "/srv/base.img";
	const struct layer layer = { .name = name,
		.path = path,
		.size_bytes = 4096,
		.digest = { .raw = { 1, 2, 3 } } };

	ATF_REQUIRE_EQ(0, layer_list_add(&m->layers, &layer, NULL));
}

static void
add_disks(struct machine *m)
{
	char layer_path[] = "layer0", path[] = "cow.1.qcow2";
	char origin[] = "/was/cow.raw";
	struct storage layer = { .path = layer_path,
		.ro = true,
		.serial = "layer0",
		.role = STORAGE_LAYER };
	struct storage cow = { .path = path,
		.serial = STORAGE_COW_SERIAL,
		.role = STORAGE_COW,
		.size_bytes = 1 << 20,
		.origin = origin };

	ATF_REQUIRE_EQ(0, strv_add(&cow.backing, NULL, "cow.raw"));
	ATF_REQUIRE_EQ(0, storage_list_add(&m->disks, &layer, NULL));
	ATF_REQUIRE_EQ(0, storage_list_add(&m->disks, &cow, NULL));
	strv_fini(&cow.backing);
}

static void
add_nic(struct machine *m)
{
	struct nic_forward forward = { "127.0.0.1", 0, 22, 40022, false };
	const struct nic nic = { .kind = NIC_USER,
		.mac = "52:54:00:00:00:01",
		.ip = "10.0.2.15/24",
		.forwards = &forward,
		.forwards_n = 1 };

	ATF_REQUIRE_EQ(0, nic_list_add(&m->nics, &nic, NULL));
}

/* Everything that a machine can have. */
static void
make(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	snprintf(m->hypervisor, sizeof(m->hypervisor), "qemu");
	snprintf(m->type, sizeof(m->type), "pc-q35-7.2");
	snprintf(m->cpu_model, sizeof(m->cpu_model), "host,-vmx");
	m->cpu = 3;
	m->memory_bytes = 64 << 20;
	m->storage_bytes = 1 << 20;
	m->console_max_bytes = 1 << 16;
	m->image = copy("debian:13");
	add_layer(m);
	add_disks(m);
	add_nic(m);
	m->boot[MACHINE_KERNEL] = copy("kernel");
	m->boot[MACHINE_INITRD] = copy("initrd");
	m->boot[MACHINE_FIRMWARE] = copy("firmware");
	m->boot[MACHINE_VARS] = copy("firmware_vars");
	m->cmdline = copy("console=ttyS0");
}

static void
check_disk(const struct storage *disk, const struct storage *want)
{
	ATF_CHECK_STREQ(want->path, disk->path);
	ATF_CHECK_EQ(want->ro, disk->ro);
	ATF_CHECK_STREQ(want->serial, disk->serial);
	ATF_CHECK_EQ(want->role, disk->role);
	ATF_CHECK_EQ(want->size_bytes, disk->size_bytes);
	ATF_REQUIRE_EQ(want->backing.n, disk->backing.n);
	if (want->backing.n > 0)
		ATF_CHECK_STREQ(want->backing.v[0], disk->backing.v[0]);
	ATF_REQUIRE_EQ(want->origin == NULL, disk->origin == NULL);
	if (want->origin != NULL)
		ATF_CHECK_STREQ(want->origin, disk->origin);
}

/* What make() has made, with nothing of it shared. */
static void
check_lists(const struct machine *m, const struct machine *want)
{
	const struct nic *nic = m->nics.v;
	size_t i;

	ATF_REQUIRE_EQ(1, m->layers.n);
	ATF_CHECK(m->layers.v[0].name != want->layers.v[0].name);
	ATF_CHECK_STREQ("layer0", m->layers.v[0].name);
	ATF_CHECK_STREQ("/srv/base.img", m->layers.v[0].path);
	ATF_CHECK_EQ(4096, m->layers.v[0].size_bytes);
	ATF_CHECK(
	    digest_equal(&want->layers.v[0].digest, &m->layers.v[0].digest));
	ATF_REQUIRE_EQ(want->disks.n, m->disks.n);
	ATF_CHECK(m->disks.v[0].path != want->disks.v[0].path);
	for (i = 0; i < m->disks.n; i++)
		check_disk(&m->disks.v[i], &want->disks.v[i]);
	ATF_REQUIRE_EQ(1, m->nics.n);
	ATF_CHECK_STREQ("52:54:00:00:00:01", nic->mac);
	ATF_CHECK_STREQ("10.0.2.15/24", nic->ip);
	ATF_REQUIRE_EQ(1, nic->forwards_n);
	ATF_CHECK(nic->forwards != want->nics.v[0].forwards);
	ATF_CHECK_EQ(22, nic->forwards[0].guest_port);
	ATF_CHECK_EQ(40022, nic->forwards[0].host_port);
}

static void
check_all(const struct machine *m, const struct machine *want)
{
	size_t i;

	ATF_CHECK_STREQ(want->hypervisor, m->hypervisor);
	ATF_CHECK_STREQ(want->type, m->type);
	ATF_CHECK_STREQ(want->cpu_model, m->cpu_model);
	ATF_CHECK_EQ(want->cpu, m->cpu);
	ATF_CHECK_EQ(want->memory_bytes, m->memory_bytes);
	ATF_CHECK_EQ(want->storage_bytes, m->storage_bytes);
	ATF_CHECK_EQ(want->console_max_bytes, m->console_max_bytes);
	ATF_REQUIRE(m->image != NULL && m->image != want->image);
	ATF_CHECK_STREQ(want->image, m->image);
	for (i = 0; i < MACHINE_BOOT_FILES; i++) {
		ATF_REQUIRE(m->boot[i] != NULL && m->boot[i] != want->boot[i]);
		ATF_CHECK_STREQ(want->boot[i], m->boot[i]);
	}
	ATF_REQUIRE(m->cmdline != NULL && m->cmdline != want->cmdline);
	ATF_CHECK_STREQ(want->cmdline, m->cmdline);
	check_lists(m, want);
}

ATF_TC_WITHOUT_HEAD(fill__of_nothing_is_a_copy);
ATF_TC_BODY(fill__of_nothing_is_a_copy, tc)
{
	struct machine whole, m = { 0 };
	struct error err = { 0 };

	make(&whole);
	ATF_REQUIRE_EQ_MSG(0, machine_fill(&m, &whole, &err), "%s", err.msg);
	check_all(&m, &whole);
	machine_fini(&m);
	ATF_CHECK(m.image == NULL && m.disks.n == 0 && m.cpu == 0);
	machine_fini(&whole);
}

/* What is told already stays; only what is not comes from the other. */
ATF_TC_WITHOUT_HEAD(fill__keeps_what_is_told);
ATF_TC_BODY(fill__keeps_what_is_told, tc)
{
	struct machine whole, m = { .hypervisor = "other", .cpu = 1 };
	char path[] = "else.raw";
	const struct storage disk = { .path = path, .role = STORAGE_COW };

	make(&whole);
	ATF_REQUIRE_EQ(0, storage_list_add(&m.disks, &disk, NULL));
	ATF_REQUIRE_EQ(0,
	    machine_set_boot(&m, MACHINE_KERNEL, "/boot/k", NULL));
	m.cmdline = copy("quiet");
	ATF_REQUIRE_EQ(0, machine_fill(&m, &whole, NULL));
	ATF_CHECK_STREQ("other", m.hypervisor);
	ATF_CHECK_EQ(1, m.cpu);
	ATF_REQUIRE_EQ(1, m.disks.n);
	ATF_CHECK_STREQ("else.raw", m.disks.v[0].path);
	ATF_CHECK_STREQ("/boot/k", m.boot[MACHINE_KERNEL]);
	ATF_CHECK_STREQ("quiet", m.cmdline);
	ATF_CHECK_STREQ("pc-q35-7.2", m.type);
	ATF_CHECK_EQ(64 << 20, m.memory_bytes);
	ATF_CHECK_STREQ("initrd", m.boot[MACHINE_INITRD]);
	ATF_CHECK_EQ(1, m.layers.n);
	ATF_CHECK_EQ(1, m.nics.n);
	machine_fini(&m);
	machine_fini(&whole);
}

ATF_TC_WITHOUT_HEAD(set_boot__and_back);
ATF_TC_BODY(set_boot__and_back, tc)
{
	struct machine m = { 0 };

	ATF_REQUIRE_EQ(0, machine_set_boot(&m, MACHINE_INITRD, "a", NULL));
	ATF_REQUIRE_EQ(0, machine_set_boot(&m, MACHINE_INITRD, "b", NULL));
	ATF_CHECK_STREQ("b", m.boot[MACHINE_INITRD]);
	ATF_CHECK(m.boot[MACHINE_KERNEL] == NULL);
	ATF_REQUIRE_EQ(0, machine_set_boot(&m, MACHINE_INITRD, NULL, NULL));
	ATF_CHECK(m.boot[MACHINE_INITRD] == NULL);
	machine_fini(&m);
}

ATF_TC_WITHOUT_HEAD(sizes__those_that_are_told);
ATF_TC_BODY(sizes__those_that_are_told, tc)
{
	const struct machine m = { .cpu = 2, .storage_bytes = 512 };
	json_t *obj = json_object();
	char *text;

	ATF_REQUIRE(obj != NULL);
	ATF_REQUIRE_EQ(0, machine_put_sizes(obj, &m, NULL));
	text = json_dumps(obj, JSON_COMPACT);
	ATF_REQUIRE(text != NULL);
	ATF_CHECK_STREQ("{\"cpu\":2,\"storage\":512}", text);
	free(text);
	json_decref(obj);
}

/* Each of the two files has its part: both together have all. */
ATF_TC_WITHOUT_HEAD(files__tell_all_of_it);
ATF_TC_BODY(files__tell_all_of_it, tc)
{
	struct envelope e, said;
	struct sidecar s = { 0 }, described;
	struct machine whole;
	struct error err = { 0 };
	int dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ATF_REQUIRE(dirfd != -1);
	make(&whole);
	envelope_init(&e);
	e.host.present = true;
	ATF_REQUIRE_EQ(0, machine_fill(&e.machine, &whole, &err));
	ATF_REQUIRE_EQ(0, machine_fill(&s.machine, &whole, &err));
	ATF_REQUIRE_EQ_MSG(0, envelope_write(dirfd, &e, &err), "%s", err.msg);
	ATF_REQUIRE_EQ_MSG(0, sidecar_write(dirfd, &s, &err), "%s", err.msg);
	ATF_REQUIRE_EQ_MSG(0, envelope_read(&said, dirfd, &err), "%s", err.msg);
	ATF_REQUIRE_EQ_MSG(0, sidecar_read(&described, dirfd, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(0, said.machine.disks.n);
	ATF_CHECK_EQ(0, described.machine.layers.n);
	ATF_REQUIRE_EQ(0,
	    machine_fill(&described.machine, &said.machine, &err));
	check_all(&described.machine, &whole);
	sidecar_fini(&described);
	envelope_fini(&said);
	sidecar_fini(&s);
	envelope_fini(&e);
	machine_fini(&whole);
	close(dirfd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, fill__of_nothing_is_a_copy);
	ATF_TP_ADD_TC(tp, fill__keeps_what_is_told);
	ATF_TP_ADD_TC(tp, set_boot__and_back);
	ATF_TP_ADD_TC(tp, sizes__those_that_are_told);
	ATF_TP_ADD_TC(tp, files__tell_all_of_it);
	return atf_no_error();
}
