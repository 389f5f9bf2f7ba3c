/* SPDX-License-Identifier: ISC */
#include "disk/fs.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/le.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/program.h"
#include "base/strv.h"

#define FS_MKFS_MS (5 * 60 * 1000)

/* Linux fs/ext4/ext4.h: s_magic in the superblock, 1024 bytes from the start. */
#define EXT4_MAGIC_AT 1080
#define EXT4_MAGIC 0xef53
#define LOOK_BYTES 2048
#define MBR_MAGIC_AT 510 /* 0x55 0xaa; a GPT protects itself by an MBR */

/* statfs(2), f_type; those that the manual leaves out: linux/magic.h. */
static const uint32_t network_types[] = {
	0x00006969, /* NFS */
	0x0000517b, /* SMB */
	0xff534d42, /* CIFS */
	0xfe534d42, /* SMB2 */
	0x01021997, /* 9p */
	0x5346414f, /* AFS */
	0x6b414653, /* AFS, kAFS */
	0x73757245, /* Coda */
	0x00c36400, /* Ceph */
	0x0bd00bd0, /* Lustre */
};

int
fs_free_bytes(uint64_t *out, int fd, struct error *err)
{
	struct statvfs st;
	uint64_t n;

	if (fstatvfs(fd, &st) == -1)
		return error_sys(err, EX_IOERR, "free space");
	if (ckd_mul(&n, (uint64_t)st.f_bavail, (uint64_t)st.f_frsize))
		n = UINT64_MAX;
	*out = n;
	return 0;
}

bool
fs_is_network(int fd)
{
	struct statfs st;
	size_t i;

	if (fstatfs(fd, &st) == -1)
		return false;
	for (i = 0; i < sizeof(network_types) / sizeof(network_types[0]); i++)
		if ((uint32_t)st.f_type == network_types[i])
			return true;
	return false;
}

bool
fs_is_same(int a, int b)
{
	struct stat sta, stb;

	return fstat(a, &sta) == 0 && fstat(b, &stb) == 0 &&
	    sta.st_dev == stb.st_dev;
}

/* An ordinary user's PATH often lacks /usr/sbin. */
static int
add_program(struct strv *argv, const char *name, struct error *err)
{
	char *program = program_find(name);
	int rc;

	rc = strv_add(argv, err, "%s%s", program == NULL ? "/usr/sbin/" : "",
	    name);
	free(program);
	return rc;
}

/* mkfs.ext4 in `file`; `what` is its name in messages. */
static int
run_mkfs(struct proc_run *how, const char *from, uint64_t inodes,
    const char *file, const char *what, struct error *err)
{
	static const char *const words[] = { "-F", "-m", "0", "-q", "-E",
		"lazy_itable_init=1,lazy_journal_init=1,discard" };
	struct strv argv = { 0 };
	size_t i;
	int rc;

	rc = add_program(&argv, "mkfs.ext4", err);
	for (i = 0; rc == 0 && i < sizeof(words) / sizeof(words[0]); i++)
		rc = strv_add(&argv, err, "%s", words[i]);
	if (rc == 0 && from != NULL &&
	    (strv_add(&argv, err, "-d") == -1 ||
		strv_add(&argv, err, "%s", from) == -1))
		rc = -1;
	if (rc == 0 && inodes != 0 &&
	    (strv_add(&argv, err, "-N") == -1 ||
		strv_add(&argv, err, "%" PRIu64, inodes) == -1))
		rc = -1;
	if (rc == 0 &&
	    (strv_add(&argv, err, "--") == -1 ||
		strv_add(&argv, err, "%s", file) == -1))
		rc = -1;
	how->argv = argv.v;
	how->deadline_ms = clock_ms() + FS_MKFS_MS;
	how->first_line = true;
	if (rc == 0 && proc_run(how, err) == -1)
		rc = error_wrap(err, "%s", what);
	strv_fini(&argv);
	return rc;
}

int
fs_make_ext4(int dirfd, const char *name, uint64_t inodes, struct error *err)
{
	struct proc_run how = { .dirfd = dirfd, .stdin_fd = -1 };

	return run_mkfs(&how, NULL, inodes, name, name, err);
}

int
fs_fill_ext4(int fd, const char *from, uint64_t inodes, const char *what,
    struct error *err)
{
	struct proc_run how = { .dirfd = -1, .stdin_fd = fd };

	return run_mkfs(&how, from, inodes, "/proc/self/fd/0", what, err);
}

int
fs_look(enum fs_content *out, int dirfd, const char *name, struct error *err)
{
	unsigned char head[LOOK_BYTES];
	uint64_t size;
	int fd, rc = 0;

	if (fd_open_file(&fd, &size, dirfd, name, O_RDONLY, err) == -1)
		return -1;
	*out = FS_OTHER;
	if (size >= LOOK_BYTES)
		rc = fd_pread(fd, head, LOOK_BYTES, 0, name, err);
	fd_drop(&fd);
	if (rc == -1 || size < LOOK_BYTES)
		return rc;
	if (head[MBR_MAGIC_AT] == 0x55 && head[MBR_MAGIC_AT + 1] == 0xaa)
		*out = FS_PARTITIONS;
	else if (le16(head + EXT4_MAGIC_AT) == EXT4_MAGIC)
		*out = FS_EXT4;
	return 0;
}

static int
run_on(const char *const *words, int dirfd, const char *name, struct error *err)
{
	struct proc_run how = { .dirfd = dirfd, .stdin_fd = -1 };
	struct strv argv = { 0 };
	int rc = add_program(&argv, *words++, err);

	for (; rc == 0 && *words != NULL; words++)
		rc = strv_add(&argv, err, "%s", *words);
	if (rc == 0)
		rc = strv_add(&argv, err, "./%s", name);
	if (rc == 0) {
		how.argv = argv.v;
		how.deadline_ms = clock_ms() + FS_MKFS_MS;
		rc = proc_run(&how, err);
	}
	strv_fini(&argv);
	return rc;
}

int
fs_grow_ext4(int dirfd, const char *name, struct error *err)
{
	static const char *const check[] = { "e2fsck", "-f", "-p", NULL };
	static const char *const grow[] = { "resize2fs", NULL };
	int rc;

	/* What it has put in order is a failure by its status: once more. */
	rc = run_on(check, dirfd, name, NULL);
	if (rc == -1)
		rc = run_on(check, dirfd, name, err);
	if (rc == 0)
		rc = run_on(grow, dirfd, name, err);
	return rc == -1 ? error_wrap(err, "%s", name) : 0;
}

int
fs_edit_ext4(int fd, int commands, const char *what, struct error *err)
{
	struct proc_run how = { .dirfd = -1, .stdin_fd = fd };
	struct strv argv = { 0 };
	int rc = -1;

	if (add_program(&argv, "debugfs", err) == 0 &&
	    strv_add(&argv, err, "-w") == 0 &&
	    strv_add(&argv, err, "-f") == 0 &&
	    strv_add(&argv, err, "/proc/%ld/fd/%d", (long)getpid(), commands) ==
		0 &&
	    strv_add(&argv, err, "/proc/self/fd/0") == 0) {
		how.argv = argv.v;
		how.deadline_ms = clock_ms() + FS_MKFS_MS;
		rc = proc_run(&how, err);
		if (rc == -1)
			error_wrap(err, "%s", what);
	}
	strv_fini(&argv);
	return rc;
}
