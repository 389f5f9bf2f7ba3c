/* SPDX-License-Identifier: ISC */
/* A snapshot put into a VM's directory: what is put, and what is refused. */
#include "vmm/load.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "disk/copy.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define COW                                                                    \
	"{\"path\":\"/saved/cow.raw\",\"ro\":false,\"serial\":\"cocoon-cow\"," \
	"\"role\":\"cow\"}"
#define LAYER                                                                  \
	"{\"path\":\"base.raw\",\"ro\":true,\"serial\":\"layer0\","            \
	"\"role\":\"layer\"}"

#define FILE_BYTES 4096 /* of each file */

/* What a snapshot is made of: the rest is the same for all. */
struct saved {
	const char *hypervisor;
	const char
	    *files; /* with blanks between them; each begins with its name */
	const char *disks; /* of the sidecar */
	const char *more; /* members of the envelope, with a comma in front */
};

static const struct saved usual = { "qemu",
	"cow.raw kernel template.raw state.qemu memory.raw", COW,
	",\"files\":[\"cow.raw\"],\"digests\":{\"cow.raw\":{\"size\":4096,"
	"\"fsverity\":\"sha256:" HEX64 "\"}}" };

struct bed {
	struct root *root;
	int from; /* the snapshot's directory, "from" */
	struct envelope envelope;
	struct sidecar sidecar;
	struct load load;
	struct root_new dir; /* the VM's */
	struct vm vm;
};

/* A directory "from" with the snapshot. */
static void
save(const struct saved *s)
{
	char names[256], path[300], *rest = names, *name;

	ATF_REQUIRE(mkdir("from", 0700) == 0);
	snprintf(names, sizeof(names), "%s", s->files);
	while ((name = strsep(&rest, " ")) != NULL) {
		snprintf(path, sizeof(path), "from/%s", name);
		atf_utils_create_file(path, "%s", name);
		ATF_REQUIRE_EQ(0, truncate(path, FILE_BYTES));
	}
	atf_utils_create_file("from/snapshot.json",
	    "{\"version\":1,\"config\":{\"hypervisor\":\"%s\",\"cpu\":2,"
	    "\"memory\":16777216},\"host\":{\"vmm\":\"%s\",\"version\":\"7.2.0\","
	    "\"machine\":\"m\",\"cpu\":\"c\",\"accel\":\"kvm\"}%s}",
	    s->hypervisor, s->hypervisor, s->more);
	atf_utils_create_file("from/cocoon.json",
	    "{\"storage_configs\":[%s],\"boot_config\":{\"kernel_path\":"
	    "\"kernel\",\"cmdline\":\"quiet\"}}",
	    s->disks);
}

/* The snapshot is read, and recorded in a VM that has an empty directory. */
static void
bed_init(struct bed *b, const struct saved *s)
{
	struct error err = { 0 };

	memset(b, 0, sizeof(*b));
	save(s);
	b->from = open("from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_REQUIRE(b->from != -1);
	envelope_init(&b->envelope);
	ATF_REQUIRE_EQ_MSG(0, envelope_read(&b->envelope, b->from, &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ_MSG(0, sidecar_read(&b->sidecar, b->from, &err), "%s",
	    err.msg);
	/* As the preflight leaves it. */
	ATF_REQUIRE_EQ(0,
	    machine_fill(&b->sidecar.machine, &b->envelope.machine, &err));
	ATF_REQUIRE_EQ_MSG(0, root_open(&b->root, "root", &err), "%s", err.msg);
	ATF_REQUIRE_EQ(0, root_new_begin(&b->dir, b->root, ROOT_VM, "a", &err));
	b->load = (struct load){ .root = b->root,
		.envelope = &b->envelope,
		.from_dirfd = b->from,
		.sidecar = &b->sidecar,
		.disks = LOAD_DISKS_COPY };
	vm_init(&b->vm);
	ATF_REQUIRE_EQ_MSG(0, load_record(&b->vm, &b->load, &err), "%s",
	    err.msg);
}

/* What is left of the VM then: nothing. */
static void
bed_fini(struct bed *b)
{
	struct strv names = { 0 };

	vm_fini(&b->vm);
	root_new_end(&b->dir);
	ATF_CHECK_EQ(0,
	    dir_list(&names, root_kind_fd(b->root, ROOT_VM), "vm", NULL));
	ATF_CHECK_EQ(0, names.n);
	strv_fini(&names);
	root_close(b->root);
	sidecar_fini(&b->sidecar);
	envelope_fini(&b->envelope);
	fd_drop(&b->from);
	ATF_REQUIRE_EQ(0, fd_remove_tree(AT_FDCWD, "from", NULL));
}

static void
populate(struct bed *b)
{
	struct error err = { 0 };

	ATF_REQUIRE_EQ_MSG(0,
	    load_populate(&b->vm, b->dir.dirfd, &b->load, &err), "%s", err.msg);
}

static struct stat
look(int dirfd, const char *name)
{
	struct stat st;

	ATF_REQUIRE_MSG(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0,
	    "%s: %s", name, strerror(errno));
	return st;
}

/* Whether the VM's file `to` is the snapshot's `from`, not one like it. */
static bool
is_linked(const struct bed *b, const char *to, const char *from)
{
	return look(b->dir.dirfd, to).st_ino == look(b->from, from).st_ino;
}

/* The record as it is printed has the text in it. */
static void
check_record(const struct bed *b, const char *text)
{
	struct error err = { 0 };
	json_t *record;
	char *all;

	ATF_REQUIRE_EQ_MSG(0,
	    vm_report(&record, &b->vm, "/d", "created", "s", &err), "%s",
	    err.msg);
	all = json_dumps(record, JSON_COMPACT);
	ATF_CHECK_MSG(strstr(all, text) != NULL, "no %s in %s", text, all);
	free(all);
	json_decref(record);
}

ATF_TC_WITHOUT_HEAD(record__of_the_snapshot);
ATF_TC_BODY(record__of_the_snapshot, tc)
{
	struct bed b;

	bed_init(&b, &usual);
	ATF_CHECK(b.vm.to_load);
	ATF_CHECK_STREQ("7.2.0", b.vm.saved_version);
	check_record(&b, "\"hypervisor\":\"qemu\"");
	check_record(&b, "\"accel\":\"kvm\"");
	check_record(&b, "\"memory\":16777216");
	check_record(&b, "\"cmdline\":\"quiet\"");
	/* Only the last component of what was recorded counts. */
	check_record(&b, "\"path\":\"/d/cow.raw\"");
	bed_fini(&b);
}

ATF_TC_WITHOUT_HEAD(populate__files);
ATF_TC_BODY(populate__files, tc)
{
	struct bed b;

	bed_init(&b, &usual);
	populate(&b);
	ATF_CHECK(is_linked(&b, "kernel", "kernel"));
	ATF_CHECK(is_linked(&b, "state.qemu", "state.qemu"));
	/* The guest's memory is mapped, its disk written. */
	ATF_CHECK(is_linked(&b, "template.raw", "memory.raw"));
	ATF_CHECK_EQ(VM_MEMORY_TEMPLATE, b.vm.memory);
	ATF_CHECK_STREQ("linked", b.vm.memory_from);
	ATF_CHECK(!is_linked(&b, "cow.raw", "cow.raw"));
	ATF_CHECK_EQ(FILE_BYTES, look(b.dir.dirfd, "cow.raw").st_size);
	ATF_CHECK_EQ(0600, look(b.dir.dirfd, "cow.raw").st_mode & 07777);
	bed_fini(&b);
}

ATF_TC_WITHOUT_HEAD(populate__memory_of_its_own);
ATF_TC_BODY(populate__memory_of_its_own, tc)
{
	struct bed b;

	bed_init(&b, &usual);
	b.load.copy_memory = true;
	if (copy_can_reflink(b.dir.dirfd)) {
		bed_fini(&b);
		atf_tc_skip("it would be reflinked");
	}
	populate(&b);
	ATF_CHECK_EQ(VM_MEMORY_MEMFD, b.vm.memory);
	ATF_CHECK_STREQ("copied", b.vm.memory_from);
	bed_fini(&b);
}

ATF_TC_WITHOUT_HEAD(populate__overlay);
ATF_TC_BODY(populate__overlay, tc)
{
	struct bed b;

	bed_init(&b, &usual);
	b.load.disks = LOAD_DISKS_OVERLAY;
	populate(&b);
	/* Nobody writes what was saved, and its digest is known. */
	ATF_CHECK(is_linked(&b, "cow.raw", "cow.raw"));
	ATF_REQUIRE_EQ(1, b.vm.frozen_n);
	ATF_CHECK_STREQ("cow.raw", b.vm.frozen[0].name);
	ATF_CHECK_EQ(FILE_BYTES, b.vm.frozen[0].size_bytes);
	check_record(&b, "\"path\":\"/d/cow.1.qcow2\"");
	check_record(&b, "\"backing\":[\"cow.raw\"]");
	ATF_CHECK(look(b.dir.dirfd, "cow.1.qcow2").st_size > 0);
	bed_fini(&b);
}

struct refusal {
	struct saved saved;
	enum load_disks disks;
	const char *in_the_way; /* a file of the VM's directory, or NULL */
	int code;
	const char *message;
	off_t cow_bytes; /* the disk is cut to that, or 0 */
};

#define FILES "cow.raw kernel state.qemu memory.raw"
#define LAYERS(more)                                                            \
	",\"layers\":{\"base.raw\":{\"size\":4096,\"fsverity\":\"sha256:" HEX64 \
	"\"" more "}}"

#define NO_BASE "layer base.raw (sha256:" HEX64 ", 4096 bytes) is not in "

static const struct refusal refusals[] = {
	{ { "pretend", FILES, COW, "" }, LOAD_DISKS_COPY, NULL, EX_CONFIG,
	    "hypervisor pretend: no driver", 0 },
	{ { "firecracker", "cow.raw kernel mem vmstate", COW, "" },
	    LOAD_DISKS_OVERLAY, NULL, EX_UNAVAILABLE,
	    "--disk-mode overlay: firecracker reads no qcow2", 0 },
	{ { "qemu", FILES, LAYER "," COW, LAYERS("") }, LOAD_DISKS_COPY, NULL,
	    EX_CONFIG, NO_BASE, 0 },
	/* A file is where it was recorded, and is another. */
	{ { "qemu", FILES " other", LAYER "," COW,
	      LAYERS(",\"path\":\"from/other\"") },
	    LOAD_DISKS_COPY, NULL, EX_CONFIG, NO_BASE, 0 },
	{ { "qemu", "cow.raw state.qemu memory.raw", COW, "" }, LOAD_DISKS_COPY,
	    NULL, EX_NOINPUT, "kernel: No such file or directory", 0 },
	{ { "qemu", "cow.raw kernel state.qemu", COW, "" }, LOAD_DISKS_COPY,
	    NULL, EX_NOINPUT, "memory.raw: No such file or directory", 0 },
	{ { "qemu", "cow.raw kernel memory.raw", COW, "" }, LOAD_DISKS_COPY,
	    NULL, EX_NOINPUT, "state.qemu: No such file or directory", 0 },
	{ { "qemu", "kernel state.qemu memory.raw", COW, "" }, LOAD_DISKS_COPY,
	    NULL, EX_NOINPUT, "cow.raw: No such file or directory", 0 },
	{ { "qemu", "kernel state.qemu memory.raw", COW, "" },
	    LOAD_DISKS_OVERLAY, NULL, EX_NOINPUT,
	    "cow.raw: No such file or directory", 0 },
	{ { "qemu", FILES, COW, "" }, LOAD_DISKS_COPY, "cow.raw", EX_CANTCREAT,
	    "cow.raw: File exists", 0 },
	{ { "qemu", FILES, COW, "" }, LOAD_DISKS_OVERLAY, "cow.1.qcow2",
	    EX_IOERR, "cow.1.qcow2: File exists", 0 },
	{ { "qemu", FILES, COW, "" }, LOAD_DISKS_OVERLAY, NULL, EX_DATAERR,
	    "cow.1.qcow2: no overlay of 7 bytes", 7 },
};

static size_t
count_fds(void)
{
	struct strv names = { 0 };
	size_t n;
	int fd;

	ATF_REQUIRE_EQ(0,
	    fd_open_dir(&fd, AT_FDCWD, "/proc/self/fd", false, NULL));
	ATF_REQUIRE_EQ(0, dir_list(&names, fd, "fd", NULL));
	n = names.n;
	strv_fini(&names);
	fd_drop(&fd);
	return n;
}

/* Each refused, with nothing of it open, and the snapshot as it was. */
ATF_TC_WITHOUT_HEAD(populate__refusals);
ATF_TC_BODY(populate__refusals, tc)
{
	const struct refusal *r;
	struct error err;
	struct bed b;
	char whole[ERROR_MSG_MAX];
	size_t i, fds;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		r = &refusals[i];
		memset(&err, 0, sizeof(err));
		bed_init(&b, &r->saved);
		b.load.disks = r->disks;
		if (r->in_the_way != NULL)
			close(openat(b.dir.dirfd, r->in_the_way,
			    O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		if (r->cow_bytes != 0)
			ATF_REQUIRE_EQ(0,
			    truncate("from/cow.raw", r->cow_bytes));
		fds = count_fds();
		ATF_CHECK_EQ_MSG(-1,
		    load_populate(&b.vm, b.dir.dirfd, &b.load, &err), "%s",
		    r->message);
		snprintf(whole, sizeof(whole), "%s%s", r->message,
		    strcmp(r->message, NO_BASE) == 0 ? root_path(b.root) : "");
		ATF_CHECK_STREQ(whole, err.msg);
		ATF_CHECK_EQ_MSG(r->code, err.code, "%s: code %d", r->message,
		    err.code);
		ATF_CHECK_EQ_MSG(fds, count_fds(), "%s: a descriptor is left",
		    r->message);
		bed_fini(&b);
	}
}

ATF_TC_WITHOUT_HEAD(populate__no_reflink);
ATF_TC_BODY(populate__no_reflink, tc)
{
	struct error err = { 0 };
	struct bed b;

	bed_init(&b, &usual);
	b.load.disks = LOAD_DISKS_REFLINK;
	if (copy_can_reflink(b.dir.dirfd)) {
		bed_fini(&b);
		atf_tc_skip("it would be reflinked");
	}
	ATF_CHECK_EQ(-1, load_populate(&b.vm, b.dir.dirfd, &b.load, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_STREQ("cow.raw: cannot be reflinked here", err.msg);
	bed_fini(&b);
}

/* The VM's links go with it; the snapshot's files keep what they have. */
ATF_TC_WITHOUT_HEAD(populate__undone);
ATF_TC_BODY(populate__undone, tc)
{
	static const char *const names[] = { "cow.raw", "kernel",
		"memory.raw" };
	struct error err = { 0 };
	struct stat st;
	struct bed b;
	size_t i;

	bed_init(&b, &usual);
	b.load.disks = LOAD_DISKS_OVERLAY;
	/* The last thing that is put. */
	ATF_REQUIRE_EQ(0, unlinkat(b.from, "state.qemu", 0));
	ATF_CHECK_EQ(-1, load_populate(&b.vm, b.dir.dirfd, &b.load, &err));
	ATF_CHECK_STREQ("state.qemu: No such file or directory", err.msg);
	for (i = 0; i < 3; i++)
		ATF_CHECK_EQ(2, look(b.from, names[i]).st_nlink);
	vm_fini(&b.vm);
	root_new_end(&b.dir);
	for (i = 0; i < 3; i++) {
		st = look(b.from, names[i]);
		ATF_CHECK_EQ(1, st.st_nlink);
		ATF_CHECK_EQ(FILE_BYTES, st.st_size);
	}
	bed_fini(&b);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, record__of_the_snapshot);
	ATF_TP_ADD_TC(tp, populate__files);
	ATF_TP_ADD_TC(tp, populate__memory_of_its_own);
	ATF_TP_ADD_TC(tp, populate__overlay);
	ATF_TP_ADD_TC(tp, populate__refusals);
	ATF_TP_ADD_TC(tp, populate__no_reflink);
	ATF_TP_ADD_TC(tp, populate__undone);
	return atf_no_error();
}
