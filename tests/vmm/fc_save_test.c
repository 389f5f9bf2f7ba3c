/* SPDX-License-Identifier: ISC */
/* Firecracker's memory saved: Diffs, what they are laid over, lost ones. */
#include "lib/fc_bed.h"

/* One side of a save: what was asked for, and what it comes to. */
static void
check_save(struct bed *b, int snap, const char *base_of_next, bool lost_after)
{
	struct error err = { 0 };
	struct stat a, c;

	ATF_CHECK_EQ_MSG(0, vmm_settle_disks(b->vmm, &b->now, &err), "%s",
	    err.msg);
	ATF_CHECK(b->vm.diff_base_lost);
	ATF_REQUIRE_EQ_MSG(0, vmm_state_save(b->vmm, ".state", &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ_MSG(0,
	    vmm_state_finish(&b->vm, b->dirfd, ".state", snap, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(0, vmm_state_published(&b->vm, b->dirfd, snap, &err));
	vmm_state_drop(b->dirfd, ".state");
	ATF_CHECK_EQ(-1, access(".state", F_OK));
	ATF_CHECK_EQ(lost_after, b->vm.diff_base_lost);
	ATF_REQUIRE_EQ(0, fstatat(snap, "mem", &a, 0));
	ATF_CHECK_EQ(MEMORY, a.st_size);
	ATF_CHECK_EQ(0600, a.st_mode & 07777);
	ATF_REQUIRE_EQ(0, stat(base_of_next, &c));
	ATF_CHECK_EQ(a.st_ino, c.st_ino);
}

static char
byte_of(int dirfd, const char *name, off_t at)
{
	char c = '?';
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	ATF_REQUIRE(fd != -1 && pread(fd, &c, 1, at) == 1);
	fd_drop(&fd);
	return c;
}

static int
make_dir(const char *name)
{
	int fd;

	ATF_REQUIRE_EQ(0, mkdir(name, 0700));
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	return fd;
}

#define PATHS                                                                  \
	"-s '\"/srv/snap/golden/vmstate\",\"mem_file_path\":"                  \
	"\"/srv/snap/golden/mem\"}=\"handover/.state/vmstate\",\"mem_file_path\":"
/* Writes the two files as Firecracker would: what next_diff() made. */
#define WRITES(call, file)                                                     \
	"-c '" call "=next.state:handover/.state/vmstate' "                    \
	"-c '" call "=next.mem:handover/.state/" file "' "

/* What the recorded program writes next: `byte` is what the guest wrote. */
static void
next_diff(off_t size, int page, char byte)
{
	int fd;

	atf_utils_create_file("next.state", "state\n");
	fd = open("next.mem", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1 && ftruncate(fd, size) == 0);
	ATF_REQUIRE(pwrite(fd, &byte, 1, page * (off_t)4096) == 1);
	fd_drop(&fd);
}

/* The second and third Diff are laid over the memory before them. */
ATF_TC_WITHOUT_HEAD(save__diffs);
ATF_TC_BODY(save__diffs, tc)
{
	struct error err = { 0 };
	struct bed b = { 0 };
	int one, two, three;

	make_program(&b, tc,
	    BOOT_SWAPS "-s '\"snapshot_type\":\"Full\"="
		       "\"snapshot_type\":\"Diff\"' " PATHS
		       "\"handover/.state/diff\"}' " WRITES("52", "diff"),
	    "2 18 20 25 26 27 30 28 52 52 52");
	make_vm(&b, "instar0");
	one = make_dir("one");
	two = make_dir("two");
	three = make_dir("three");
	ATF_REQUIRE_EQ_MSG(0, start(&b, &err), "%s", err.msg);
	next_diff(MEMORY, 1, 'a');
	check_save(&b, one, "saved.mem", false);
	next_diff(MEMORY, 2, 'b');
	check_save(&b, two, "saved.mem", false);
	next_diff(MEMORY, 1, '\0');
	check_save(&b, three, "saved.mem", false);
	ATF_CHECK_EQ('a', byte_of(one, "mem", 4096));
	ATF_CHECK_EQ('\0', byte_of(one, "mem", 8192));
	ATF_CHECK_EQ('a', byte_of(two, "mem", 4096));
	ATF_CHECK_EQ('b', byte_of(two, "mem", 8192));
	/* A page that became zeros is not a hole. */
	ATF_CHECK_EQ('\0', byte_of(three, "mem", 4096));
	ATF_CHECK_EQ('b', byte_of(three, "mem", 8192));
	ATF_CHECK_EQ('a', byte_of(one, "mem", 4096));
	fd_drop(&one);
	fd_drop(&two);
	fd_drop(&three);
	bed_end(&b);
}

/* One that came to nothing is followed by a Full one, into a new file. */
ATF_TC_WITHOUT_HEAD(save__full_after_a_lost_diff);
ATF_TC_BODY(save__full_after_a_lost_diff, tc)
{
	struct error err = { 0 };
	struct bed b = { 0 };
	char *record;
	int one;

	make_program(&b, tc,
	    BOOT_SWAPS "-s '{\"snapshot_path\":\"/srv/snap/bad/vmstate\","
		       "\"mem_file_path\":\"/srv/snap/nodir/mem\"}="
		       "{\"snapshot_type\":\"Diff\",\"snapshot_path\":"
		       "\"handover/.state/vmstate\",\"mem_file_path\":"
		       "\"handover/.state/diff\"}' " PATHS
		       "\"handover/.state/mem\"}' " WRITES("52", "mem"),
	    "2 18 20 25 26 27 30 28 49 52");
	make_vm(&b, "instar0");
	one = make_dir("one");
	next_diff(MEMORY, 3, 'c');
	ATF_REQUIRE_EQ_MSG(0, start(&b, &err), "%s", err.msg);
	ATF_CHECK_EQ(0, vmm_settle_disks(b.vmm, &b.now, &err));
	ATF_REQUIRE_EQ(0,
	    fd_slurp(&record, NULL, b.dirfd, VM_RECORD_NAME, 1u << 20, &err));
	ATF_CHECK(strstr(record, "\"diff_base_lost\":true") != NULL);
	free(record);
	ATF_CHECK_EQ(-1, vmm_state_save(b.vmm, ".state", &err));
	ATF_CHECK_STREQ("Firecracker: PUT /snapshot/create: Create snapshot "
			"error: Cannot perform open on the memory backing "
			"file: No such file or directory (os error 2)",
	    err.msg);
	check_save(&b, one, "saved.mem", false);
	ATF_CHECK_EQ('c', byte_of(one, "mem", 3 * 4096));
	fd_drop(&one);
	bed_end(&b);
}

/* What the program wrote is looked at before it is anybody's. */
ATF_TC_WITHOUT_HEAD(save__memory_of_another_size);
ATF_TC_BODY(save__memory_of_another_size, tc)
{
	struct error err = { 0 };
	struct bed b = { 0 };
	int one;

	make_program(&b, tc,
	    BOOT_SWAPS "-s '\"snapshot_type\":\"Full\"="
		       "\"snapshot_type\":\"Diff\"' " PATHS
		       "\"handover/.state/diff\"}' " WRITES("52", "diff"),
	    "2 18 20 25 26 27 30 28 52");
	make_vm(&b, "instar0");
	one = make_dir("one");
	next_diff(15 << 20, 0, 'c');
	ATF_REQUIRE_EQ_MSG(0, start(&b, &err), "%s", err.msg);
	ATF_CHECK_EQ(0, vmm_settle_disks(b.vmm, &b.now, &err));
	ATF_REQUIRE_EQ(0, vmm_state_save(b.vmm, ".state", &err));
	ATF_CHECK_EQ(-1, vmm_state_finish(&b.vm, b.dirfd, ".state", one, &err));
	ATF_CHECK_STREQ("diff: Firecracker wrote 15728640 bytes, the guest has "
			"16777216",
	    err.msg);
	ATF_CHECK(b.vm.diff_base_lost);
	fd_drop(&one);
	bed_end(&b);
}

/*
 * A save that is being sealed, and meanwhile another that comes to nothing: the
 * first one's memory is not what the next Diff would be laid over.
 */
ATF_TC_WITHOUT_HEAD(save__one_lost_while_another_is_sealed);
ATF_TC_BODY(save__one_lost_while_another_is_sealed, tc)
{
	struct error err = { 0 };
	struct bed b = { 0 };
	int one;

	make_program(&b, tc,
	    BOOT_SWAPS "-s '\"snapshot_type\":\"Full\"="
		       "\"snapshot_type\":\"Diff\"' " PATHS
		       "\"handover/.state/diff\"}' " WRITES("52", "diff"),
	    "2 18 20 25 26 27 30 28 52");
	make_vm(&b, "instar0");
	one = make_dir("one");
	next_diff(MEMORY, 3, 'c');
	ATF_REQUIRE_EQ_MSG(0, start(&b, &err), "%s", err.msg);
	ATF_REQUIRE_EQ(0, vmm_settle_disks(b.vmm, &b.now, &err));
	ATF_REQUIRE_EQ_MSG(0, vmm_state_save(b.vmm, ".state", &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ(0,
	    vmm_state_finish(&b.vm, b.dirfd, ".state", one, &err));
	ATF_REQUIRE_EQ(0, vmm_settle_disks(b.vmm, &b.now, &err));
	ATF_CHECK_EQ(-1, vmm_state_save(b.vmm, ".state", &err));
	ATF_CHECK_EQ(0, vmm_state_published(&b.vm, b.dirfd, one, &err));
	ATF_CHECK(b.vm.diff_base_lost);
	fd_drop(&one);
	bed_end(&b);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, save__diffs);
	ATF_TP_ADD_TC(tp, save__full_after_a_lost_diff);
	ATF_TP_ADD_TC(tp, save__memory_of_another_size);
	ATF_TP_ADD_TC(tp, save__one_lost_while_another_is_sealed);
	return atf_no_error();
}
