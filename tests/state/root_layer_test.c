/* SPDX-License-Identifier: ISC */
#include "state/root.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/lock.h"
#include "disk/copy.h"
#include "disk/digest_file.h"
#include "lib/root_box.h"

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	ATF_REQUIRE(f != NULL);
	ATF_REQUIRE(fputs(text, f) != EOF);
	ATF_REQUIRE_EQ(0, fclose(f));
}

ATF_TC_WITHOUT_HEAD(layer__shared_by_digest);
ATF_TC_BODY(layer__shared_by_digest, tc)
{
	/* The digest of "hello" that fsverity(1) prints. */
	static const char hello[] =
	    "sha256:"
	    "555b589c26ee43b7a2510e6c67ced9fb3190b6da6e9e683984551f5d77a763de";
	struct root *root = open_root();
	struct digest first, second, other;
	struct error err = { 0 };
	struct stat a, b;
	char text[DIGEST_TEXT_MAX];
	uint64_t size;
	int fd, dirfd;

	write_file("one", "hello");
	write_file("two", "hello");
	ATF_REQUIRE_EQ(0, symlink("one", "link"));
	ATF_REQUIRE_EQ_MSG(0,
	    root_layer_add(&first, &size, root, AT_FDCWD, "link", &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(5, size);
	digest_text(text, &first);
	ATF_CHECK_STREQ(hello, text);
	ATF_REQUIRE_EQ(0,
	    root_layer_add(&second, &size, root, AT_FDCWD, "two", &err));
	ATF_CHECK(digest_equal(&first, &second));
	ATF_REQUIRE_EQ(0, root_layer_open(&fd, &size, root, &first, &err));
	ATF_REQUIRE_EQ(0, fstat(fd, &a));
	ATF_REQUIRE_EQ(0, stat("one", &b));
	fd_drop(&fd);
	ATF_REQUIRE_EQ(0, fd_open_dir(&dirfd, AT_FDCWD, ".", false, &err));
	ATF_CHECK_EQ(!copy_can_reflink(dirfd), a.st_ino == b.st_ino);
	ATF_CHECK_EQ(copy_can_reflink(dirfd) ? 1 : 2, b.st_nlink);

	ATF_CHECK_EQ(0, root_layer_link(root, &first, dirfd, "layer0", &err));
	ATF_CHECK_EQ(-1, root_layer_link(root, &first, dirfd, "layer0", &err));
	ATF_CHECK_EQ(EX_CANTCREAT, err.code);
	memset(&other, 1, sizeof(other));
	ATF_CHECK_EQ(-1, root_layer_open(&fd, &size, root, &other, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_EQ(-1, root_layer_link(root, &other, dirfd, "x", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	/* Beneath a directory no link is followed. */
	ATF_CHECK_EQ(-1,
	    root_layer_add(&first, &size, root, dirfd, "link", &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	fd_drop(&dirfd);
	root_close(root);
}

/* What is in layer/, hidden names among it. */
static int
count_layers(void)
{
	struct dirent *de;
	DIR *dir = opendir("root/layer");
	int n = 0;

	ATF_REQUIRE(dir != NULL);
	while ((de = readdir(dir)) != NULL)
		if (de->d_type != DT_DIR && de->d_type != DT_LNK)
			n++;
	closedir(dir);
	return n;
}

ATF_TC_WITHOUT_HEAD(layer__written_to);
ATF_TC_BODY(layer__written_to, tc)
{
	struct root *root = open_root();
	struct digest good, same;
	struct error err = { 0 };
	char text[DIGEST_TEXT_MAX], path[128];
	uint64_t size;

	write_file("one", "hello");
	write_file("two", "hello");
	ATF_REQUIRE_EQ(0,
	    root_layer_add(&good, &size, root, AT_FDCWD, "one", &err));
	digest_text(text, &good);
	snprintf(path, sizeof(path), "root/layer/%s", strchr(text, ':') + 1);
	/* In place, and as long as before. */
	write_file(path, "hullo");
	/* Who only uses it reads it again. */
	ATF_CHECK_EQ(-1, root_layer_check(&size, root, &good, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK(strstr(err.msg, "layer/") != NULL);
	ATF_CHECK(strstr(err.msg, "differs from its digest") != NULL);
	/* Who brings it puts it right. */
	ATF_CHECK_EQ_MSG(0,
	    root_layer_add(&same, &size, root, AT_FDCWD, "two", &err), "%s",
	    err.msg);
	ATF_CHECK(digest_equal(&good, &same));
	ATF_CHECK_EQ(1, count_layers());
	ATF_CHECK_EQ(0, root_layer_check(&size, root, &good, &err));
	ATF_CHECK_EQ(5, size);
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(layer__across_filesystems);
ATF_TC_BODY(layer__across_filesystems, tc)
{
	char away[] = "/dev/shm/root_test.XXXXXX";
	struct root *root = open_root();
	struct digest first, second;
	struct error err = { 0 };
	struct stat here, there;
	char target[8192], seen[8300];
	uint64_t size;
	ssize_t len;
	int fd, dirfd;

	ATF_REQUIRE_EQ(0, stat(".", &here));
	if (stat("/dev/shm", &there) == -1 || here.st_dev == there.st_dev ||
	    mkdtemp(away) == NULL)
		atf_tc_skip("no second filesystem to write to");
	ATF_REQUIRE_EQ(0, fd_open_dir(&dirfd, AT_FDCWD, away, false, &err));
	fd = openat(dirfd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ATF_REQUIRE_EQ(5, write(fd, "hello", 5));
	fd_drop(&fd);

	ATF_REQUIRE_EQ_MSG(0,
	    root_layer_add(&first, &size, root, dirfd, "file", &err), "%s",
	    err.msg);
	/* It is a copy: what happens to the file is nothing to the layer. */
	fd = openat(dirfd, "file", O_WRONLY | O_TRUNC | O_CLOEXEC);
	fd_drop(&fd);
	ATF_REQUIRE_EQ(0, root_layer_open(&fd, &size, root, &first, &err));
	ATF_CHECK_EQ(5, size);
	ATF_CHECK_EQ(0, digest_file(&second, fd, size, "layer", &err));
	ATF_CHECK(digest_equal(&first, &second));
	fd_drop(&fd);

	ATF_REQUIRE_EQ(0, root_layer_link(root, &first, dirfd, "link", &err));
	len = readlinkat(dirfd, "link", target, sizeof(target) - 1);
	ATF_REQUIRE(len > 0);
	target[len] = '\0';
	ATF_CHECK_EQ(0, access(target, R_OK));
	ATF_CHECK(strstr(target, root_path(root)) == target);

	/* rmdir(2) proves that nothing hidden is left. */
	ATF_CHECK_EQ(0, unlink(target));
	snprintf(seen, sizeof(seen), "root/layer/.seen-%s",
	    strrchr(target, '/') + 1);
	ATF_CHECK_EQ(0, unlink(seen));
	ATF_CHECK_EQ(0, rmdir("root/layer"));
	fd_drop(&dirfd);
	ATF_CHECK_EQ(0, fd_remove_tree(AT_FDCWD, away, &err));
	root_close(root);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, layer__shared_by_digest);
	ATF_TP_ADD_TC(tp, layer__written_to);
	ATF_TP_ADD_TC(tp, layer__across_filesystems);
	return atf_no_error();
}
