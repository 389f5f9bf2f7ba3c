/* SPDX-License-Identifier: ISC */
#include "snapshot/manifest.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

static void
put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ((ssize_t)strlen(text), write(fd, text, strlen(text)));
	close(fd);
}

/* The file "f" as one that is recorded, of 6 bytes. */
static struct envelope_file
recorded(char *name)
{
	struct envelope_file file = { .name = name };
	uint64_t size;
	int fd;

	put(name, "memory");
	ATF_REQUIRE_EQ(0, manifest_open(&fd, &size, AT_FDCWD, name, NULL));
	ATF_REQUIRE_EQ(0, manifest_read(&file.digest, &file, fd, size, NULL));
	close(fd);
	file.has_digest = true;
	file.size_bytes = size;
	return file;
}

static int
read_again(const struct envelope_file *file, struct error *err)
{
	uint64_t size;
	int fd, rc;

	if (manifest_open(&fd, &size, AT_FDCWD, file->name, err) == -1)
		return -1;
	rc = manifest_read(NULL, file, fd, size, err);
	close(fd);
	return rc;
}

ATF_TC_WITHOUT_HEAD(file__as_recorded_or_not);
ATF_TC_BODY(file__as_recorded_or_not, tc)
{
	char name[] = "f";
	struct envelope_file file = recorded(name);
	struct error err = { 0 };

	ATF_CHECK_EQ_MSG(0, read_again(&file, &err), "%s", err.msg);
	put(name, "memorY");
	ATF_CHECK_EQ(-1, read_again(&file, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("f: differs from its digest", err.msg);
	put(name, "memory\n");
	ATF_CHECK_EQ(-1, read_again(&file, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("f: 7 bytes, not 6", err.msg);
	/* What nobody recorded can be anything. */
	file.has_digest = false;
	ATF_CHECK_EQ(0, read_again(&file, &err));
}

ATF_TC_WITHOUT_HEAD(file__not_there);
ATF_TC_BODY(file__not_there, tc)
{
	char name[] = "f";
	struct envelope_file file = recorded(name);
	struct error err = { 0 };

	ATF_REQUIRE_EQ(0, unlink(name));
	ATF_CHECK_EQ(-1, read_again(&file, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("f: missing", err.msg);
	ATF_REQUIRE_EQ(0, symlink("/etc/passwd", name));
	ATF_CHECK_EQ(-1, read_again(&file, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("f: not a regular file", err.msg);
}

/* A size by the name alone fails where, and as, opening would. */
ATF_TC_WITHOUT_HEAD(size__as_opened);
ATF_TC_BODY(size__as_opened, tc)
{
	static const char *const names[] = { "f", "none", "link", "dir", "fifo",
		"unreadable" };
	struct error opened, sized;
	uint64_t is, want;
	uid_t user = geteuid();
	size_t i;
	int fd, rc;

	put("f", "memory");
	put("unreadable", "secret");
	ATF_REQUIRE_EQ(0, chmod("unreadable", 0));
	ATF_REQUIRE_EQ(0, symlink("f", "link"));
	ATF_REQUIRE_EQ(0, mkdir("dir", 0700));
	ATF_REQUIRE_EQ(0, mkfifo("fifo", 0600));
	/* Root reads everything: another looks. */
	ATF_REQUIRE_EQ(0, chmod(".", 0755));
	ATF_REQUIRE(chmod("f", 0644) == 0 && chmod("dir", 0755) == 0 &&
	    chmod("fifo", 0644) == 0);
	ATF_REQUIRE(user != 0 || seteuid(65534) == 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		memset(&opened, 0, sizeof(opened));
		memset(&sized, 0, sizeof(sized));
		rc = manifest_open(&fd, &want, AT_FDCWD, names[i], &opened);
		ATF_CHECK_EQ(rc,
		    manifest_size(&is, AT_FDCWD, names[i], &sized));
		ATF_CHECK_EQ_MSG(rc == 0, i == 0, "%s: %s", names[i],
		    opened.msg);
		ATF_CHECK_EQ(opened.code, sized.code);
		ATF_CHECK_STREQ(opened.msg, sized.msg);
		if (rc == 0) {
			ATF_CHECK_EQ(want, is);
			close(fd);
		}
	}
	ATF_REQUIRE_EQ(0, seteuid(user));
}

ATF_TC_WITHOUT_HEAD(layer__as_recorded_or_not);
ATF_TC_BODY(layer__as_recorded_or_not, tc)
{
	char name[] = "root";
	struct envelope_file file = recorded(name);
	struct layer layer = { .name = name,
		.size_bytes = file.size_bytes,
		.digest = file.digest };
	struct error err = { 0 };
	uint64_t size;
	int fd;

	ATF_REQUIRE_EQ(0, manifest_open(&fd, &size, AT_FDCWD, name, &err));
	ATF_CHECK_EQ(0, manifest_read_layer(&layer, fd, size, &err));
	layer.digest.raw[0] ^= 1;
	ATF_CHECK_EQ(-1, manifest_read_layer(&layer, fd, size, &err));
	ATF_CHECK_STREQ("layer root: differs from its digest", err.msg);
	layer.size_bytes = 5;
	ATF_CHECK_EQ(-1, manifest_read_layer(&layer, fd, size, &err));
	ATF_CHECK_STREQ("layer root: 6 bytes, not 5", err.msg);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(storage__of_the_envelope);
ATF_TC_BODY(storage__of_the_envelope, tc)
{
	struct envelope e = { .machine.storage_bytes = 4096 };
	struct error err = { 0 };

	ATF_CHECK_EQ(0, manifest_check_storage(&e, 4096, &err));
	ATF_CHECK_EQ(-1, manifest_check_storage(&e, 4095, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	e.machine.storage_bytes = 0;
	ATF_CHECK_EQ(0, manifest_check_storage(&e, 4095, &err));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, file__as_recorded_or_not);
	ATF_TP_ADD_TC(tp, file__not_there);
	ATF_TP_ADD_TC(tp, size__as_opened);
	ATF_TP_ADD_TC(tp, layer__as_recorded_or_not);
	ATF_TP_ADD_TC(tp, storage__of_the_envelope);
	return atf_no_error();
}
