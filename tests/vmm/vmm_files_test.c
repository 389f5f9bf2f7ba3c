/* SPDX-License-Identifier: ISC */
/* Names that are no disk's, and how many disks there may be. */
#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/driver.h"
#include "vmm/vmm.h"

/* What a save, a start or a stop deletes or writes over. */
static const char *const taken[] = { "snapshot.json", "snapshot.digests",
	"cocoon.json", "vm.json", "config.json", "state.json", "state.qemu",
	"memory.raw", "template.raw", "memory-ranges", "vmstate", "mem",
	"kernel", "initrd", "firmware", "console.log", "vmm.log",
	"console.sock", "console.lock", "qmp.sock", "api.sock", "watch.sock",
	"saved.mem", "firecracker.log", "save.state", "vsock.sock",
	"cidata.json" };

#define TAKEN (sizeof(taken) / sizeof(taken[0]))

ATF_TC_WITHOUT_HEAD(reserved__names);
ATF_TC_BODY(reserved__names, tc)
{
	static const char *const fine[] = { "cow.raw", "cow.1.qcow2",
		"data-mem.raw", "layer0", "base.raw", "save.state.raw",
		"cidata.img", "" };
	size_t i;

	for (i = 0; i < TAKEN; i++)
		ATF_CHECK_MSG(vmm_is_reserved(taken[i]), "%s", taken[i]);
	for (i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		ATF_CHECK_MSG(!vmm_is_reserved(fine[i]), "%s", fine[i]);
}

/* Whatever a driver declares is reserved for all. */
ATF_TC_WITHOUT_HEAD(reserved__of_each_driver);
ATF_TC_BODY(reserved__of_each_driver, tc)
{
	const struct vmm_driver *driver;
	const char *const *p;
	size_t i;

	for (i = 0; (driver = vmm_driver_at(i)) != NULL; i++) {
		ATF_CHECK(vmm_find_driver(driver->name) == driver);
		for (p = driver->traits.state_files; *p != NULL; p++)
			ATF_CHECK_MSG(vmm_is_reserved(*p), "%s", *p);
		for (p = driver->files; p != NULL && *p != NULL; p++)
			ATF_CHECK_MSG(vmm_is_reserved(*p), "%s", *p);
		ATF_CHECK(vmm_is_reserved(driver->traits.api_socket));
		ATF_CHECK(vmm_is_reserved(driver->traits.memory_file));
	}
	ATF_CHECK_EQ(3, i);
}

static void
check(enum storage_role role, const char *path, const char *below,
    const char *want)
{
	struct storage disk = { .role = role };
	struct storage_list list = { .v = &disk, .n = 1 };
	struct error err = { 0 };
	char msg[256];

	disk.path = strdup(path);
	ATF_REQUIRE(disk.path != NULL);
	if (below != NULL)
		ATF_REQUIRE_EQ(0, strv_add(&disk.backing, &err, "%s", below));
	if (want == NULL) {
		ATF_CHECK_EQ_MSG(0, vmm_check_names(&list, &err), "%s",
		    err.msg);
	} else {
		ATF_CHECK_EQ(-1, vmm_check_names(&list, &err));
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		snprintf(msg, sizeof(msg),
		    "disk 0: %s is the name of another file", want);
		ATF_CHECK_STREQ(msg, err.msg);
	}
	strv_fini(&disk.backing);
	free(disk.path);
}

ATF_TC_WITHOUT_HEAD(check__names);
ATF_TC_BODY(check__names, tc)
{
	char path[64], want[128];
	size_t i;

	for (i = 0; i < TAKEN; i++) {
		snprintf(path, sizeof(path), "/srv/vm/%s", taken[i]);
		snprintf(want, sizeof(want), "path \"%s\"", path);
		check(STORAGE_COW, path, NULL, want);
		check(STORAGE_LAYER, path, NULL, NULL);
		snprintf(want, sizeof(want), "backing \"%s\"", taken[i]);
		check(STORAGE_COW, "cow.1.qcow2", taken[i], want);
	}
	check(STORAGE_COW, "cow.1.qcow2", "cow.raw", NULL);
	check(STORAGE_CIDATA, "cidata.img", NULL, NULL);
	check(STORAGE_COW, "cidata.img", NULL, "path \"cidata.img\"");
}

/* A save makes the next overlay in the place of what has its name. */
ATF_TC_WITHOUT_HEAD(check__overlays_to_come);
ATF_TC_BODY(check__overlays_to_come, tc)
{
	static const struct {
		const char *layer, *top, *msg;
	} table[] = {
		{ "cow.1.qcow2", "cow.raw",
		    "disk 1: path \"cow.raw\": a later overlay of it would be "
		    "called as \"cow.1.qcow2\" of disk 0" },
		{ "/l/cow.9.raw", "/v/cow.3.qcow2",
		    "disk 1: path \"/v/cow.3.qcow2\": a later overlay of it "
		    "would be called as \"cow.9.raw\" of disk 0" },
		{ "cow.2.qcow2", "cow.3.qcow2", NULL },
		{ "layer0", "cow.raw", NULL },
	};
	struct storage disks[2] = { { .role = STORAGE_LAYER, .ro = true },
		{ .role = STORAGE_COW } };
	struct storage_list list = { .v = disks, .n = 2 };
	struct error err = { 0 };
	size_t i;
	int rc;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		disks[0].path = strdup(table[i].layer);
		disks[1].path = strdup(table[i].top);
		ATF_REQUIRE(disks[0].path != NULL && disks[1].path != NULL);
		rc = vmm_check_names(&list, &err);
		ATF_CHECK_EQ(table[i].msg == NULL ? 0 : -1, rc);
		if (table[i].msg != NULL)
			ATF_CHECK_STREQ(table[i].msg, err.msg);
		free(disks[0].path);
		free(disks[1].path);
	}
	check(STORAGE_COW, "cow.1.qcow2", "cow.0.qcow2", NULL);
}

/* One more than its driver declares. */
ATF_TC_WITHOUT_HEAD(check__number_of_disks);
ATF_TC_BODY(check__number_of_disks, tc)
{
	const struct vmm_driver *driver;
	struct storage disks[STORAGE_MAX + 1];
	struct error err = { 0 };
	struct vm vm;
	char msg[128];
	size_t i;

	memset(disks, 0, sizeof(disks));
	for (i = 0; i <= STORAGE_MAX; i++)
		disks[i].path = (char[]){ "cow.raw" };
	for (i = 0; (driver = vmm_driver_at(i)) != NULL; i++) {
		ATF_CHECK(driver->traits.disks_max > 0 &&
		    driver->traits.disks_max <= STORAGE_MAX);
		vm_init(&vm);
		snprintf(vm.machine.hypervisor, sizeof(vm.machine.hypervisor),
		    "%s", driver->name);
		vm.machine.cpu = 1;
		vm.machine.memory_bytes = VM_MEMORY_MIN;
		ATF_REQUIRE_EQ(0,
		    machine_set_boot(&vm.machine, MACHINE_KERNEL, VM_KERNEL,
			NULL));
		vm.machine.disks.v = disks;
		vm.machine.disks.n = driver->traits.disks_max;
		if (vmm_check_vm(&vm, &err) == -1)
			ATF_CHECK_MSG(strstr(err.msg, "disks:") == NULL, "%s",
			    err.msg);
		vm.machine.disks.n++;
		ATF_CHECK_EQ(-1, vmm_check_vm(&vm, &err));
		ATF_CHECK_EQ(EX_USAGE, err.code);
		snprintf(msg, sizeof(msg), "%zu disks: %s has at most %zu",
		    vm.machine.disks.n, driver->name, driver->traits.disks_max);
		ATF_CHECK_STREQ(msg, err.msg);
		memset(&vm.machine.disks, 0, sizeof(vm.machine.disks));
		vm_fini(&vm);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, reserved__names);
	ATF_TP_ADD_TC(tp, reserved__of_each_driver);
	ATF_TP_ADD_TC(tp, check__names);
	ATF_TP_ADD_TC(tp, check__overlays_to_come);
	ATF_TP_ADD_TC(tp, check__number_of_disks);
	return atf_no_error();
}
