/* SPDX-License-Identifier: ISC */
#include "state/vm_seed.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BYTES 2048

static const struct timespec now = { .tv_sec = 1800000000 };

static int
here(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	ATF_REQUIRE(fd != -1);
	return fd;
}

/* A VM with a disk for a seed, whose first byte but `zeroes` is 1. */
static void
begin(struct vm *vm, size_t zeroes)
{
	char path[] = VM_SEED_DISK, bytes[BYTES] = "";
	struct storage disk = { .role = STORAGE_CIDATA,
		.ro = true,
		.path = path };
	FILE *f = fopen(path, "w");

	vm_init(vm);
	snprintf(vm->id, sizeof(vm->id), "abcdefghijklmnopqrstuvwxyz");
	snprintf(vm->machine.hypervisor, sizeof(vm->machine.hypervisor),
	    "qemu");
	vm->machine.cpu = 1;
	vm->machine.memory_bytes = VM_MEMORY_MIN;
	ATF_REQUIRE_EQ(0, storage_list_add(&vm->machine.disks, &disk, NULL));
	if (zeroes < sizeof(bytes))
		bytes[zeroes] = 1;
	ATF_REQUIRE(f != NULL);
	ATF_REQUIRE_EQ(sizeof(bytes), fwrite(bytes, 1, sizeof(bytes), f));
	ATF_REQUIRE_EQ(0, fclose(f));
}

ATF_TC_WITHOUT_HEAD(unread__table);
ATF_TC_BODY(unread__table, tc)
{
	static const struct {
		size_t zeroes;
		bool is;
	} table[] = { { 0, true }, { 511, true }, { 512, false },
		{ BYTES, false } };
	int dirfd = here();
	struct vm vm;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		begin(&vm, table[i].zeroes);
		ATF_CHECK_MSG(vm_seed_is_unread(&vm, dirfd) == table[i].is,
		    "row %zu", i);
		unlink(VM_SEED_DISK);
		ATF_CHECK(!vm_seed_is_unread(&vm, dirfd));
		vm_fini(&vm);
	}
	vm_init(&vm);
	ATF_CHECK(!vm_seed_is_unread(&vm, dirfd));
	vm_fini(&vm);
	close(dirfd);
}

ATF_TC_WITHOUT_HEAD(let_go__keeps_disk);
ATF_TC_BODY(let_go__keeps_disk, tc)
{
	char bytes[BYTES], zeroes[BYTES] = "";
	int dirfd = here(), fd;
	struct vm vm;

	begin(&vm, 0);
	ATF_REQUIRE_EQ(0, vm_seed_let_go(&vm, dirfd, true, &now, NULL));
	ATF_CHECK(storage_find(&vm.machine.disks, STORAGE_CIDATA) != NULL);
	fd = open(VM_SEED_DISK, O_RDONLY);
	ATF_CHECK_EQ(BYTES, lseek(fd, 0, SEEK_END));
	ATF_CHECK_EQ(BYTES, pread(fd, bytes, sizeof(bytes), 0));
	ATF_CHECK_EQ(0, memcmp(bytes, zeroes, sizeof(bytes)));
	close(fd);
	ATF_CHECK(!vm_seed_is_unread(&vm, dirfd));
	/* Once more, and without a disk, it is nothing. */
	ATF_CHECK_EQ(0, vm_seed_let_go(&vm, dirfd, true, &now, NULL));
	storage_list_drop_last(&vm.machine.disks);
	ATF_CHECK_EQ(0, vm_seed_let_go(&vm, dirfd, true, &now, NULL));
	vm_fini(&vm);
	close(dirfd);
}

ATF_TC_WITHOUT_HEAD(let_go__drops_disk);
ATF_TC_BODY(let_go__drops_disk, tc)
{
	struct error err = { 0 };
	int dirfd = here();
	struct vm vm;

	begin(&vm, 0);
	ATF_REQUIRE_EQ_MSG(0, vm_seed_let_go(&vm, dirfd, false, &now, &err),
	    "%s", err.msg);
	ATF_CHECK(storage_find(&vm.machine.disks, STORAGE_CIDATA) == NULL);
	ATF_CHECK_EQ(-1, access(VM_SEED_DISK, F_OK));
	vm_fini(&vm);
	vm_init(&vm);
	ATF_REQUIRE_EQ_MSG(0, vm_read(&vm, dirfd, &err), "%s", err.msg);
	ATF_CHECK_EQ(0, vm.machine.disks.n);
	vm_fini(&vm);
	/* Where the record cannot be written the disk is there. */
	begin(&vm, 0);
	ATF_REQUIRE_EQ(0, unlink(VM_RECORD_NAME));
	ATF_REQUIRE_EQ(0, mkdir(VM_RECORD_NAME, 0700));
	ATF_CHECK_EQ(-1, vm_seed_let_go(&vm, dirfd, false, &now, NULL));
	ATF_CHECK_EQ(0, access(VM_SEED_DISK, F_OK));
	vm_fini(&vm);
	close(dirfd);
}

/* Whether a guest that was loaded has booted since, its console says. */
ATF_TC_WITHOUT_HEAD(read__loaded);
ATF_TC_BODY(read__loaded, tc)
{
	int dirfd = here();
	struct vm vm;
	FILE *log;

	begin(&vm, 0);
	ATF_CHECK(vm_seed_was_read(&vm, dirfd));
	vm.identity.present = true;
	ATF_CHECK(!vm_seed_was_read(&vm, dirfd));
	log = fopen(VM_CONSOLE_LOG, "w");
	ATF_REQUIRE(log != NULL);
	fputs("Cloud-init v. 22.4 running\nCloud-init v. 22.4 finished at 1\n",
	    log);
	ATF_REQUIRE_EQ(0, fclose(log));
	ATF_CHECK(vm_seed_was_read(&vm, dirfd));
	/* That was before this start. */
	vm.console_from = 60;
	ATF_CHECK(!vm_seed_was_read(&vm, dirfd));
	vm_fini(&vm);
	close(dirfd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, unread__table);
	ATF_TP_ADD_TC(tp, let_go__keeps_disk);
	ATF_TP_ADD_TC(tp, let_go__drops_disk);
	ATF_TP_ADD_TC(tp, read__loaded);
	return atf_no_error();
}
