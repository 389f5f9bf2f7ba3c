/* SPDX-License-Identifier: ISC */
#include "snapshot/sidecar.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"

#define COW                                                                    \
	"{\"path\":\"cow.raw\",\"ro\":false,\"serial\":\"cocoon-cow\","        \
	"\"role\":\"cow\"}"
#define WITH(rest) "{\"storage_configs\":[" COW "]" rest "}"

struct sample {
	const char *text;
	const char *message; /* behind "cocoon.json: "; NULL: it is good */
};

static const struct sample decode_rows[] = {
	{ "{\"storage_configs\":[]}", NULL },
	{ WITH(""), NULL },
	{ WITH(",\"unknown\":[{}]"), NULL },
	{ WITH(",\"boot_config\":{}"), NULL },
	{ WITH(",\"boot_config\":{\"kernel_path\":\"/b/vmlinuz\","
	       "\"initrd_path\":\"/b/initrd\",\"cmdline\":\"a=b\"}"),
	    NULL },
	{ WITH(",\"boot_config\":{\"firmware_path\":\"/b/f.fd\"}"), NULL },
	{ WITH(",\"cpu\":2,\"memory\":1073741824"), NULL },
	{ "[]", "not an object" },
	{ "7", "not an object" },
	{ "{}", "no member \"storage_configs\"" },
	{ "{\"storage_configs\":null}", "\"storage_configs\" is not an array" },
	{ "{\"storage_configs\":{}}", "\"storage_configs\" is not an array" },
	{ "{\"storage_configs\":[null]}", "disk 0: not an object" },
	{ "{\"storage_configs\":[" COW "," COW "]}",
	    "disk 1: role cow a second time" },
	{ WITH(",\"boot_config\":[]"), "\"boot_config\" is not an object" },
	{ WITH(",\"boot_config\":{\"kernel_path\":7}"),
	    "\"boot_config\": \"kernel_path\" is not a string" },
	{ WITH(",\"boot_config\":{\"kernel_path\":\"/\"}"),
	    "\"boot_config\": \"kernel_path\" is \"/\", which does "
	    "not end in a file name" },
	{ WITH(",\"boot_config\":{\"kernel_path\":\"/b/..\"}"),
	    "\"boot_config\": \"kernel_path\" is \"/b/..\", which "
	    "does not end in a file name" },
	{ WITH(",\"boot_config\":{\"firmware_path\":\".\"}"),
	    "\"boot_config\": \"firmware_path\" is \".\", which does "
	    "not end in a file name" },
	{ WITH(",\"boot_config\":{\"initrd_path\":\"/b/initrd\"}"),
	    "\"boot_config\": an initrd without a kernel" },
	{ WITH(",\"cpu\":-1"), "\"cpu\" is -1, not within 0 and 4096" },
	{ WITH(",\"cpu\":1e9"), "\"cpu\" is not an integer" },
	{ WITH(",\"memory\":9223372036854775807"),
	    "\"memory\" is 9223372036854775807, not within 0 and "
	    "8796093022208" },
	{ WITH(",\"no_direct_io\":0"),
	    "\"no_direct_io\" is not true or false" },
	{ WITH(",\"devices\":{}"), "\"devices\" is not an array" },
	{ WITH(",\"devices\":[7]"), "device 0: not an object" },
	{ WITH(",\"devices\":[{\"id\":\"a\"}]"),
	    "device 0: no member \"driver\"" },
	{ WITH(",\"devices\":[{\"driver\":\"a\"}]"),
	    "device 0: no member \"id\"" },
	{ WITH(",\"devices\":[{\"id\":\"a\",\"driver\":\"b\","
	       "\"queues\":-1}]"),
	    "device 0: \"queues\" is -1, not within 0 and 256" },
	{ WITH(",\"devices\":[{\"id\":\"a\",\"driver\":\"b\"},"
	       "{\"id\":\"a\",\"driver\":\"c\"}]"),
	    "device 1: id \"a\" is that of device 0, too" },
	{ WITH(",\"devices\":[{\"id\":"
	       "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
	       "\"driver\":\"b\"}]"),
	    "device 0: \"id\" is longer than 31 bytes" },
	{ "{\"storage_configs\":[{\"path\":\"cow.raw\",\"ro\":false,"
	  "\"serial\":\"root\",\"role\":\"cow\"}],\"boot_config\":"
	  "{\"kernel_path\":\"/vmlinuz\"}}",
	    "disk 0: serial \"root\": the cow disk beside a kernel "
	    "has cocoon-cow" },
};

ATF_TC_WITHOUT_HEAD(decode__table);
ATF_TC_BODY(decode__table, tc)
{
	struct sidecar s;
	struct error err;
	char message[ERROR_MSG_MAX];
	size_t i;
	int rc;

	for (i = 0; i < sizeof(decode_rows) / sizeof(decode_rows[0]); i++) {
		memset(&err, 0, sizeof(err));
		rc = sidecar_decode(&s, decode_rows[i].text,
		    strlen(decode_rows[i].text), &err);
		if (decode_rows[i].message == NULL) {
			ATF_CHECK_EQ_MSG(0, rc, "%s: %s", decode_rows[i].text,
			    err.msg);
			if (rc == 0)
				sidecar_fini(&s);
			continue;
		}
		ATF_CHECK_EQ_MSG(-1, rc, "%s: taken", decode_rows[i].text);
		snprintf(message, sizeof(message), "cocoon.json: %s",
		    decode_rows[i].message);
		ATF_CHECK_STREQ(message, err.msg);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
	}
}

ATF_TC_WITHOUT_HEAD(decode__not_json);
ATF_TC_BODY(decode__not_json, tc)
{
	static const char *const texts[] = { "", "{", WITH("") WITH(""),
		"{\"storage_configs\":[],\"storage_configs\":[]}", "nul",
		WITH(",\"cpu\":18446744073709551616"),
		WITH(",\"x\":\"\xc0\"") };
	struct sidecar s;
	struct error err;
	char *deep;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ATF_CHECK_EQ_MSG(-1,
		    sidecar_decode(&s, texts[i], strlen(texts[i]), &err), "%s",
		    texts[i]);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK(
		    strstr(err.msg, "cocoon.json: not JSON: ") == err.msg);
	}
	deep = malloc(100000);
	ATF_REQUIRE(deep != NULL);
	memset(deep, '[', 100000);
	ATF_CHECK_EQ(-1, sidecar_decode(&s, deep, 100000, &err));
	ATF_CHECK_STREQ("cocoon.json: JSON nested deeper than 64 levels",
	    err.msg);
	free(deep);
}

ATF_TC_WITHOUT_HEAD(write__golden);
ATF_TC_BODY(write__golden, tc)
{
	static const char text[] =
	    "{\"storage_configs\":[" COW "],\"boot_config\":{\"kernel_path\":"
	    "\"kernel\",\"cmdline\":\"console=ttyS0\"},\"cpu\":2,"
	    "\"memory\":16777216,\"no_direct_io\":true,\"devices\":[{\"id\":"
	    "\"net0\",\"driver\":\"virtio-net-pci\",\"bus\":\"pcie.0\","
	    "\"addr\":\"0x4\",\"queues\":1,\"backend\":\"user\"},{\"id\":"
	    "\"rng\",\"driver\":\"virtio-rng-pci\"}]}\n";
	struct sidecar s, back;
	struct error err = { 0 };
	struct stat st;
	char *out;
	int dirfd;

	ATF_REQUIRE_EQ(0, fd_open_dir(&dirfd, AT_FDCWD, ".", false, &err));
	ATF_CHECK_EQ(-1, sidecar_read(&back, dirfd, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_REQUIRE_EQ_MSG(0, sidecar_decode(&s, text, strlen(text), &err),
	    "%s", err.msg);
	ATF_CHECK_EQ(2, s.devices_n);
	ATF_CHECK_EQ(1, s.devices[0].queues);
	ATF_REQUIRE_EQ(0, sidecar_write(dirfd, &s, &err));
	ATF_REQUIRE_EQ(0, fstatat(dirfd, SIDECAR_NAME, &st, 0));
	ATF_CHECK_EQ(0600, st.st_mode & 07777);
	ATF_REQUIRE_EQ(0,
	    fd_slurp(&out, NULL, dirfd, SIDECAR_NAME, SIDECAR_BYTES_MAX, &err));
	ATF_CHECK_STREQ(text, out);
	free(out);
	ATF_REQUIRE_EQ(0, sidecar_read(&back, dirfd, &err));
	ATF_CHECK_STREQ("console=ttyS0", back.machine.cmdline);
	sidecar_fini(&back);

	/* What could not be read back is not written. */
	s.machine.disks.v[0].ro = true;
	ATF_REQUIRE_EQ(0, unlinkat(dirfd, SIDECAR_NAME, 0));
	ATF_CHECK_EQ(-1, sidecar_write(dirfd, &s, &err));
	ATF_CHECK_STREQ("cocoon.json: disk 0: ro must be false for role cow",
	    err.msg);
	ATF_CHECK_EQ(-1, faccessat(dirfd, SIDECAR_NAME, F_OK, 0));
	sidecar_fini(&s);
	fd_drop(&dirfd);
}

ATF_TC_WITHOUT_HEAD(decode__of_cocoon);
ATF_TC_BODY(decode__of_cocoon, tc)
{
	static const char *const names[] = { "cocoon-041-todir.tar.zst",
		"cocoon-041-fallback.tar.zst", "cocoon-038-sparse.tar",
		"cocoon-038-onehole.tar", "cocoon-041-10g-noname.tar",
		"cocoon-041-dense.tar", "cocoon-041-sparse.tar.gz" };
	static const size_t disks[] = { 3, 0, 3, 2, 2, 2, 3 };
	const char *dir = getenv("INSTAR_FIXTURES");
	struct sidecar s;
	struct error err = { 0 };
	char archive[1024], member[] = "*cocoon.json", tar[] = "tar",
			    wild[] = "--wildcards", x[] = "-xOf", raw[65536];
	char *const argv[] = { tar, wild, x, archive, member, NULL };
	struct proc_run run = { .argv = argv,
		.dirfd = -1,
		.stdin_fd = -1,
		.out = raw,
		.out_cap = sizeof(raw),
		.deadline_ms = clock_ms() + 60000 };
	size_t i;

	if (dir == NULL || access(dir, R_OK) == -1)
		atf_tc_skip("INSTAR_FIXTURES: no such directory");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(archive, sizeof(archive), "%s/%s", dir, names[i]);
		ATF_REQUIRE_EQ_MSG(0, proc_run(&run, &err), "%s", err.msg);
		ATF_REQUIRE_EQ_MSG(0,
		    sidecar_decode(&s, raw, strlen(raw), &err), "%s: %s",
		    names[i], err.msg);
		ATF_CHECK_EQ_MSG(disks[i], s.machine.disks.n, "%s: %zu disks",
		    names[i], s.machine.disks.n);
		if (disks[i] == 3)
			ATF_CHECK_EQ(STORAGE_DIRECT_OFF,
			    storage_find_serial(&s.machine.disks, "db")
				->direct_io);
		sidecar_fini(&s);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, decode__table);
	ATF_TP_ADD_TC(tp, decode__not_json);
	ATF_TP_ADD_TC(tp, write__golden);
	ATF_TP_ADD_TC(tp, decode__of_cocoon);
	return atf_no_error();
}
