/* SPDX-License-Identifier: ISC */
/* The Firecracker driver, with recorded answers in the program's place. */
#ifndef TESTS_FC_BED_H
#define TESTS_FC_BED_H

#include "vmm/fc/fc.h"

#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "base/fd.h"
#include "base/json.h"

#include "lib/rest_server.h"

#define ID "aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CMDLINE "console=ttyS0 reboot=k loglevel=3 pci=off"
#define MEMORY (16u << 20)

/* What the transcript says, and what this driver says in its place. */
#define BOOT_SWAPS                                                             \
	"-s '/srv/image/ticker.elf=kernel' "                                   \
	"-s '\"smt\":false,\"track_dirty_pages\":false=\"smt\":false,"         \
	"\"track_dirty_pages\":true' " DISK_SWAPS                              \
	"-s '\"cache_type\":\"Unsafe\",\"io_engine\":\"Sync\"}="               \
	"\"cache_type\":\"Writeback\"}' "                                      \
	"-s '\"data-data1.raw\",\"is_root_device\":false,\"is_read_only\":"    \
	"false}=\"data-data1.raw\",\"is_root_device\":false,"                  \
	"\"is_read_only\":false,\"cache_type\":\"Writeback\"}' "               \
	"-s '\"path_on_host\":\"layer0.raw\",\"is_root_device\":false,"        \
	"\"is_read_only\":true}=\"path_on_host\":\"layer0.raw\","              \
	"\"is_root_device\":false,\"is_read_only\":true,"                      \
	"\"cache_type\":\"Unsafe\"}' "
#define DISK_SWAPS                                                             \
	"-s '/srv/image/layer0.raw=layer0.raw' "                               \
	"-s '/srv/vm/web/cow.raw=cow.raw' "                                    \
	"-s '/srv/vm/web/data-data1.raw=data-data1.raw' "
/* A VM's directory, a program that plays, and the record. */
struct bed {
	struct server server;
	struct vm vm;
	struct vmm *vmm;
	struct timespec now;
	int dirfd;
};

static inline void
add_disk(struct vm *vm, const char *path, enum storage_role role,
    const char *serial)
{
	struct storage disk = { .role = role, .ro = role == STORAGE_LAYER };
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ATF_REQUIRE(fd != -1);
	fd_drop(&fd);
	disk.path = (char *)(uintptr_t)path;
	snprintf(disk.serial, sizeof(disk.serial), "%s", serial);
	if (role == STORAGE_DATA)
		snprintf(disk.fstype, sizeof(disk.fstype), "none");
	ATF_REQUIRE_EQ(0, storage_list_add(&vm->machine.disks, &disk, NULL));
}

/* The recorded VM: three disks, one NIC, 16 MiB. */
static inline void
make_vm(struct bed *b, const char *tap)
{
	struct vm *vm = &b->vm;
	struct nic nic = { .kind = NIC_TAP };

	vm_init(vm);
	snprintf(vm->id, sizeof(vm->id), "%s", ID);
	snprintf(vm->machine.hypervisor, sizeof(vm->machine.hypervisor),
	    "firecracker");
	vm->machine.cpu = 1;
	vm->machine.memory_bytes = MEMORY;
	ATF_REQUIRE_EQ(0,
	    machine_set_boot(&vm->machine, MACHINE_KERNEL, VM_KERNEL, NULL));
	vm->machine.cmdline = strdup(CMDLINE);
	add_disk(vm, "layer0.raw", STORAGE_LAYER, "layer0");
	add_disk(vm, "cow.raw", STORAGE_COW, STORAGE_COW_SERIAL);
	add_disk(vm, "data-data1.raw", STORAGE_DATA, "data1");
	snprintf(nic.mac, sizeof(nic.mac), "52:54:00:12:34:56");
	snprintf(nic.ifname, sizeof(nic.ifname), "%s", tap);
	ATF_REQUIRE_EQ(0, nic_list_add(&vm->machine.nics, &nic, NULL));
	clock_gettime(CLOCK_REALTIME, &b->now);
	b->dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_REQUIRE(b->dirfd != -1);
}

/* The program: plays `calls` with `options`, both as a shell has them. */
static inline void
make_program(struct bed *b, const atf_tc_t *tc, const char *options,
    const char *calls)
{
	char path[PATH_MAX + 8], cwd[PATH_MAX], reads[1100];
	FILE *f;

	if (!server_find(&b->server, tc, "fc-api.txt"))
		atf_tc_skip("%s: not here", b->server.fixture);
	ATF_REQUIRE(getcwd(cwd, sizeof(cwd)) != NULL);
	snprintf(path, sizeof(path), "%s/fake", cwd);
	f = fopen("fake", "w");
	ATF_REQUIRE(f != NULL);
	fprintf(f,
	    "#!/bin/sh\n[ \"$1\" = --api-sock ] || exit 1\n"
	    "echo started as \"$@\" >&2\n"
	    "exec %s %s \"$2\" %s %s\n",
	    b->server.program, options, b->server.fixture, calls);
	ATF_REQUIRE_EQ(0, fclose(f));
	ATF_REQUIRE_EQ(0, chmod("fake", 0700));
	ATF_REQUIRE_EQ(0, setenv("INSTAR_FIRECRACKER", path, 1));
	/* It runs what it plays by. */
	snprintf(reads, sizeof(reads), "%.*s:%.*s",
	    (int)(strrchr(b->server.program, '/') - b->server.program),
	    b->server.program,
	    (int)(strrchr(b->server.fixture, '/') - b->server.fixture),
	    b->server.fixture);
	ATF_REQUIRE_EQ(0, setenv("INSTAR_VMM_READS", reads, 1));
}

static inline void
bed_end(struct bed *b)
{
	vmm_detach(b->vmm);
	b->vmm = NULL;
	ATF_CHECK_EQ(0, vmm_kill(&b->vm, 0, NULL));
	vm_fini(&b->vm);
	fd_drop(&b->dirfd);
}

/* vmm_spawn and vmm_ready. */
static inline int
start(struct bed *b, struct error *err)
{
	if (vmm_spawn(&b->vmm, &b->vm, b->dirfd, &b->now, err) == -1)
		return -1;
	return vmm_ready(b->vmm, &b->now, err);
}

#endif
