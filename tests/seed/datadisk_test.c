/* SPDX-License-Identifier: ISC */
#include "seed/datadisk.h"

#include <atf-c.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One spec alone: what it becomes, or the message that refuses it. */
struct sample {
	const char *spec;
	const char *want; /* "name size fstype mount directio[ inodes]", or */
	const char *message; /* behind "SPEC: " */
};

static const struct sample samples[] = {
	{ "size=16M", "data1 16777216 ext4 /mnt/data1 auto", NULL },
	{ "size=16777216", "data1 16777216 ext4 /mnt/data1 auto", NULL },
	{ "size=1G,name=db", "db 1073741824 ext4 /mnt/db auto", NULL },
	{ "name=db,size=1g", "db 1073741824 ext4 /mnt/db auto", NULL },
	{ "size=20GiB", "data1 21474836480 ext4 /mnt/data1 auto", NULL },
	{ "size=20gb", "data1 21474836480 ext4 /mnt/data1 auto", NULL },
	{ "size=20GB", "data1 21474836480 ext4 /mnt/data1 auto", NULL },
	{ "size=20971520b", "data1 20971520 ext4 /mnt/data1 auto", NULL },
	{ "size=20480KiB", "data1 20971520 ext4 /mnt/data1 auto", NULL },
	{ "size=1.5G", "data1 1610612736 ext4 /mnt/data1 auto", NULL },
	{ "size=0.5gib", "data1 536870912 ext4 /mnt/data1 auto", NULL },
	{ "size=0.001P", "data1 1125899907072 ext4 /mnt/data1 auto", NULL },
	/* up to whole sectors */
	{ "size=16777217", "data1 16777728 ext4 /mnt/data1 auto", NULL },
	{ "size=1.3G", "data1 1395864576 ext4 /mnt/data1 auto", NULL },
	{ "size=16.00000000000000000000000000000000000000000001M",
	    "data1 16777216 ext4 /mnt/data1 auto", NULL },
	{ "size=8T", "data1 8796093022208 ext4 /mnt/data1 auto", NULL },
	{ "size=0000000000000000000000000000000000016M",
	    "data1 16777216 ext4 /mnt/data1 auto", NULL },
	{ " size = 16M ,\tname = db , mount = /srv/my data ",
	    "db 16777216 ext4 /srv/my data auto", NULL },
	{ "size=16M,mount=", "data1 16777216 ext4 - auto", NULL },
	{ "size=16M,mount=/", "data1 16777216 ext4 / auto", NULL },
	{ "size=16M,mount=/a=b", "data1 16777216 ext4 /a=b auto", NULL },
	{ "size=16M,mount=/mnt/\xc3\xbc",
	    "data1 16777216 ext4 /mnt/\xc3\xbc auto", NULL },
	{ "size=16M,fstype=none", "data1 16777216 none - auto", NULL },
	{ "size=16M,fstype=none,mount=", "data1 16777216 none - auto", NULL },
	{ "size=16M,fstype=ext4", "data1 16777216 ext4 /mnt/data1 auto", NULL },
	{ "size=16M,directio=on", "data1 16777216 ext4 /mnt/data1 on", NULL },
	{ "size=16M,directio=off", "data1 16777216 ext4 /mnt/data1 off", NULL },
	{ "size=16M,directio=auto", "data1 16777216 ext4 /mnt/data1 auto",
	    NULL },
	{ "size=16M,name=abcdefghijklmnopqrst",
	    "abcdefghijklmnopqrst 16777216 ext4 /mnt/abcdefghijklmnopqrst auto",
	    NULL },
	{ "size=16M,name=a", "a 16777216 ext4 /mnt/a auto", NULL },
	{ "size=16M,name=a_-9", "a_-9 16777216 ext4 /mnt/a_-9 auto", NULL },
	{ "size=16M,name=cocoon", "cocoon 16777216 ext4 /mnt/cocoon auto",
	    NULL },
	/* the last one counts */
	{ "size=1,size=32M", "data1 33554432 ext4 /mnt/data1 auto", NULL },
	{ "size=16M,name=UP,name=db", "db 16777216 ext4 /mnt/db auto", NULL },
	{ "size=16M,mount=/a,fstype=none,mount=", "data1 16777216 none - auto",
	    NULL },

	{ "", NULL, "empty" },
	{ " \t", NULL, "empty" },
	{ ",", NULL, "item 1: \"\" is not key=value" },
	{ "size=16M,", NULL, "item 2: \"\" is not key=value" },
	{ "size=16M,,name=db", NULL, "item 2: \"\" is not key=value" },
	{ "size", NULL, "item 1: \"size\" is not key=value" },
	{ "16M", NULL, "item 1: \"16M\" is not key=value" },
	{ "size=16M,ro", NULL, "item 2: \"ro\" is not key=value" },
	{ "size=16M,path=/etc/passwd", NULL, "item 2: unknown key \"path\"" },
	{ "size=16M,Name=db", NULL, "item 2: unknown key \"Name\"" },
	{ "=16M", NULL, "item 1: unknown key \"\"" },
	{ "size=16M,role=layer", NULL, "item 2: unknown key \"role\"" },
	{ "name=db", NULL, "size is missing" },
	{ "size=", NULL, "item 1, size: \"\" is not a size" },
	{ "size=0", NULL, "item 1, size: \"0\" is less than 16777216 bytes" },
	{ "name=db,size=16777215", NULL,
	    "item 2, size: \"16777215\" is less than 16777216 bytes" },
	{ "size=15.9999M", NULL,
	    "item 1, size: \"15.9999M\" is less than 16777216 bytes" },
	{ "size=-1", NULL, "item 1, size: \"-1\" is not a size" },
	{ "size=+16M", NULL, "item 1, size: \"+16M\" is not a size" },
	{ "size=16 M", NULL, "item 1, size: \"16 M\" is not a size" },
	{ "size=16X", NULL, "item 1, size: \"16X\" is not a size" },
	{ "size=16Mi", NULL, "item 1, size: \"16Mi\" is not a size" },
	{ "size=16MM", NULL, "item 1, size: \"16MM\" is not a size" },
	{ "size=16ib", NULL, "item 1, size: \"16ib\" is not a size" },
	{ "size=.5G", NULL, "item 1, size: \".5G\" is not a size" },
	{ "size=1.G", NULL, "item 1, size: \"1.G\" is not a size" },
	{ "size=1.5.5G", NULL, "item 1, size: \"1.5.5G\" is not a size" },
	{ "size=0x1000000", NULL, "item 1, size: \"0x1000000\" is not a size" },
	{ "size=1e9", NULL, "item 1, size: \"1e9\" is not a size" },
	{ "size=M", NULL, "item 1, size: \"M\" is not a size" },
	{ "size=8796093022209", NULL,
	    "item 1, size: \"8796093022209\" is more than 8796093022208 "
	    "bytes" },
	{ "size=8.1T", NULL,
	    "item 1, size: \"8.1T\" is more than 8796093022208 bytes" },
	{ "size=1P", NULL,
	    "item 1, size: \"1P\" is more than 8796093022208 bytes" },
	{ "size=18446744073709551615", NULL,
	    "item 1, size: \"18446744073709551615\" is more than "
	    "8796093022208 bytes" },
	/* would come out right if it wrapped */
	{ "size=18446744073726328832", NULL,
	    "item 1, size: \"18446744073726328832\" is more than "
	    "8796093022208 bytes" },
	{ "size=16384P", NULL,
	    "item 1, size: \"16384P\" is more than 8796093022208 bytes" },
	{ "size=16M,name=", NULL,
	    "item 2, name: serial \"\" is not 1 to 20 of a-z, 0-9, _ and -, "
	    "the first a letter" },
	{ "size=16M,name=abcdefghijklmnopqrstu", NULL,
	    "item 2, name: serial \"abcdefghijklmnopqrstu\" is not 1 to 20 of "
	    "a-z, 0-9, _ and -, the first a letter" },
	{ "size=16M,name=Db", NULL,
	    "item 2, name: serial \"Db\" is not 1 to 20 of a-z, 0-9, _ and -, "
	    "the first a letter" },
	{ "size=16M,name=1db", NULL,
	    "item 2, name: serial \"1db\" is not 1 to 20 of a-z, 0-9, _ and "
	    "-, the first a letter" },
	{ "size=16M,name=../x", NULL,
	    "item 2, name: serial \"../x\" is not 1 to 20 of a-z, 0-9, _ and "
	    "-, the first a letter" },
	{ "size=16M,name=a.b", NULL,
	    "item 2, name: serial \"a.b\" is not 1 to 20 of a-z, 0-9, _ and "
	    "-, the first a letter" },
	{ "size=16M,name=cocoon-cow", NULL,
	    "item 2, name: serial \"cocoon-cow\": names that begin with "
	    "cocoon- are reserved" },
	{ "size=16M,fstype=", NULL,
	    "item 2, fstype: \"\" is neither ext4 nor "
	    "none" },
	{ "size=16M,fstype=xfs", NULL,
	    "item 2, fstype: \"xfs\" is neither ext4 nor none" },
	{ "size=16M,fstype=EXT4", NULL,
	    "item 2, fstype: \"EXT4\" is neither ext4 nor none" },
	{ "size=16M,mount=mnt", NULL,
	    "item 2, mount: mount_point \"mnt\" is not an absolute path" },
	{ "size=16M,mount=/a\nb", NULL,
	    "item 2, mount: mount_point \"/a?b\" holds a newline" },
	{ "size=16M,mount=/a\x1b[2J", NULL,
	    "item 2, mount: mount_point \"/a?[2J\" holds a control "
	    "character" },
	{ "size=16M,mount=/a\xff", NULL, "item 2, mount: not valid UTF-8" },
	{ "size=16M,fstype=none,mount=/a", NULL,
	    "item 3, mount: \"/a\" with fstype none" },
	{ "size=16M,mount=/a,fstype=none", NULL,
	    "item 2, mount: \"/a\" with fstype none" },
	{ "size=16M,directio=", NULL,
	    "item 2, directio: \"\" is none of on, off and auto" },
	{ "size=16M,directio=yes", NULL,
	    "item 2, directio: \"yes\" is none of on, off and auto" },
	{ "size=16M,directio=true", NULL,
	    "item 2, directio: \"true\" is none of on, off and auto" },
	{ "size=16M,inodes=16", "data1 16777216 ext4 /mnt/data1 auto 16",
	    NULL },
	{ "inodes=4294967295, size=1T",
	    "data1 1099511627776 ext4 /mnt/data1 auto 4294967295", NULL },
	{ "size=16M,inodes=15", NULL, "item 2, inodes: 15: less than 16" },
	{ "size=16M,inodes=4294967296", NULL,
	    "item 2, inodes: 4294967296: more than 4294967295" },
	{ "size=16M,inodes=", NULL, "item 2, inodes: : not a number" },
	{ "size=16M,inodes=1K", NULL, "item 2, inodes: 1K: not a number" },
	{ "size=16M,fstype=none,inodes=100", NULL,
	    "item 3, inodes: \"100\" with fstype none" },
};

static void
describe(char *out, size_t cap, const struct datadisk_list *list, size_t i)
{
	static const char *const direct[] = { "auto", "on", "off" };
	const struct storage *disk = &list->disks.v[i];
	int n;

	n = snprintf(out, cap, "%s %" PRIu64 " %s %s %s", disk->serial,
	    list->size_bytes[i], disk->fstype,
	    disk->mount_point != NULL ? disk->mount_point : "-",
	    direct[disk->direct_io]);
	if (list->inodes[i] != 0)
		snprintf(out + n, cap - (size_t)n, " %" PRIu64,
		    list->inodes[i]);
}

ATF_TC_WITHOUT_HEAD(parse__each);
ATF_TC_BODY(parse__each, tc)
{
	struct datadisk_list list;
	char got[256], want[512];
	struct error err;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];

		memset(&err, 0, sizeof(err));
		memset(&list, 0, sizeof(list));
		rc = datadisk_parse(&list, &s->spec, 1, NULL, &err);
		if (s->want != NULL) {
			ATF_REQUIRE_EQ_MSG(0, rc, "%s: %s", s->spec, err.msg);
			describe(got, sizeof(got), &list, 0);
			ATF_CHECK_STREQ(s->want, got);
			snprintf(want, sizeof(want), "data-%s.raw",
			    list.disks.v[0].serial);
			ATF_CHECK_STREQ(want, list.disks.v[0].path);
			ATF_CHECK(!list.disks.v[0].ro);
			ATF_CHECK_EQ(0, storage_list_check(&list.disks, &err));
		} else {
			ATF_CHECK_EQ_MSG(-1, rc, "%s: taken", s->spec);
			snprintf(want, sizeof(want), ": %s", s->message);
			ATF_CHECK_EQ(EX_USAGE, err.code);
			ATF_CHECK_STREQ(want, err.msg + strlen(s->spec));
			ATF_CHECK(list.disks.v == NULL);
		}
		datadisk_list_fini(&list);
	}
}

/* Several specs, and the names they get. */
ATF_TC_WITHOUT_HEAD(parse__list);
ATF_TC_BODY(parse__list, tc)
{
	static const struct {
		const char *specs[5];
		size_t n;
		const char *names; /* each with a blank behind it, or */
		const char *message;
	} table[] = {
		{ { NULL }, 0, "", NULL },
		{ { "size=1G", "size=1G" }, 2, "data1 data2 ", NULL },
		{ { "size=1G,name=data1", "size=1G" }, 2, "data1 data2 ",
		    NULL },
		{ { "size=1G", "size=1G,name=data1" }, 2, "data2 data1 ",
		    NULL },
		{ { "size=1G", "size=1G,name=data2", "size=1G",
		      "size=1G,name=data1", "size=1G" },
		    5, "data3 data2 data4 data1 data5 ", NULL },
		{ { "size=1G,name=db", "size=1G", "size=1G,name=log" }, 3,
		    "db data1 log ", NULL },
		{ { "size=1G,name=db", "size=1G", "size=1G,name=db" }, 3, NULL,
		    "size=1G,name=db: item 2, name: \"db\" is the name of an "
		    "earlier disk" },
		/* a name given twice comes before what normalising finds */
		{ { "size=1G,name=db,fstype=none,mount=/a", "size=1G,name=db" },
		    2, NULL,
		    "size=1G,name=db: item 2, name: \"db\" is the name of an "
		    "earlier disk" },
		/* but behind what a spec alone has wrong */
		{ { "size=1G,mount=/a", "size=1G,name=b,mount=/a" }, 2, NULL,
		    "size=1G,name=b,mount=/a: item 3, mount: \"/a\" is that "
		    "of disk \"data1\", too" },
		{ { "size=1G,mount=/a/b/", "size=1G", "mount=//a/./b,size=1G" },
		    3, NULL,
		    "mount=//a/./b,size=1G: item 1, mount: \"//a/./b\" is "
		    "that of disk \"data1\", too" },
		{ { "size=1G,mount=/", "size=1G,mount=/./" }, 2, NULL,
		    "size=1G,mount=/./: item 2, mount: \"/./\" is that of "
		    "disk \"data1\", too" },
		{ { "size=1G,name=db", "size=1G,mount=/mnt/db" }, 2, NULL,
		    "size=1G,mount=/mnt/db: item 2, mount: \"/mnt/db\" is "
		    "that of disk \"db\", too" },
		/* what was said is at fault, not the default */
		{ { "size=1G,mount=/mnt/data2", "size=1G" }, 2, NULL,
		    "size=1G,mount=/mnt/data2: item 2, mount: \"/mnt/data2\" "
		    "is that of disk \"data2\", too" },
		{ { "size=1G,name=db", "size=1G,name=db", "size=1" }, 3, NULL,
		    "size=1: item 1, size: \"1\" is less than 16777216 "
		    "bytes" },
	};
	struct datadisk_list list;
	struct error err;
	char names[128], want[128];
	size_t at, i, j;
	int rc;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&list, 0, sizeof(list));
		memset(&err, 0, sizeof(err));
		rc = datadisk_parse(&list, table[i].specs, table[i].n, NULL,
		    &err);
		if (table[i].names == NULL) {
			ATF_CHECK_EQ(-1, rc);
			ATF_CHECK_STREQ(table[i].message, err.msg);
			ATF_CHECK_EQ(EX_USAGE, err.code);
			continue;
		}
		ATF_REQUIRE_EQ_MSG(0, rc, "%s", err.msg);
		ATF_REQUIRE_EQ(table[i].n, list.disks.n);
		names[0] = '\0';
		at = 0;
		for (j = 0; j < list.disks.n; j++) {
			at += (size_t)snprintf(names + at, sizeof(names) - at,
			    "%s ", list.disks.v[j].serial);
			snprintf(want, sizeof(want), "/mnt/%s",
			    list.disks.v[j].serial);
			ATF_CHECK_STREQ(want, list.disks.v[j].mount_point);
		}
		ATF_CHECK_STREQ(table[i].names, names);
		datadisk_list_fini(&list);
	}
}

/* Mount points that may stand side by side. */
ATF_TC_WITHOUT_HEAD(parse__mounts);
ATF_TC_BODY(parse__mounts, tc)
{
	static const char *const specs[] = { "size=1G,mount=", "size=1G,mount=",
		"size=1G,fstype=none", "size=1G,fstype=none",
		"size=1G,mount=/a", "size=1G,mount=/a/b", "size=1G,mount=/ab",
		"size=1G,mount=/A", "size=1G,mount=/a/.b",
		"size=1G,mount=/a/..", "size=1G,mount=/" };
	struct datadisk_list list = { 0 };
	struct error err = { 0 };
	size_t n = sizeof(specs) / sizeof(specs[0]);

	ATF_REQUIRE_EQ_MSG(0, datadisk_parse(&list, specs, n, NULL, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(n, list.disks.n);
	datadisk_list_fini(&list);
}

/* Disks that the VM gets besides have their names and mount points. */
ATF_TC_WITHOUT_HEAD(parse__others);
ATF_TC_BODY(parse__others, tc)
{
	static const struct {
		const char *spec;
		const char *want; /* a name and a mount point, or */
		const char *message; /* behind "SPEC: " */
	} table[] = {
		{ "size=1G", "data2 /mnt/data2", NULL },
		{ "size=1G,mount=", "data2 -", NULL },
		{ "size=1G,name=db", "db /mnt/db", NULL },
		{ "size=1G,name=data1", NULL,
		    "item 2, name: \"data1\" is the name of an earlier disk" },
		{ "size=1G,mount=/mnt/log/", NULL,
		    "item 2, mount: \"/mnt/log/\" is that of disk \"data1\", "
		    "too" },
		{ "size=1G,name=log", NULL,
		    "mount: \"/mnt/log\" is that of disk \"data1\", too" },
	};
	char mount[] = "/mnt/log";
	struct storage disks[] = { { .role = STORAGE_DATA,
				       .serial = "data1",
				       .mount_point = mount },
		{ .role = STORAGE_DATA, .serial = "raw" } };
	const struct storage_list others = { disks, 2 };
	struct datadisk_list list;
	struct error err;
	char got[128];
	size_t i;
	int rc;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&list, 0, sizeof(list));
		memset(&err, 0, sizeof(err));
		rc = datadisk_parse(&list, &table[i].spec, 1, &others, &err);
		if (table[i].want == NULL) {
			ATF_CHECK_EQ_MSG(-1, rc, "%s: taken", table[i].spec);
			ATF_CHECK_EQ(EX_USAGE, err.code);
			snprintf(got, sizeof(got), "%s: %s", table[i].spec,
			    table[i].message);
			ATF_CHECK_STREQ(got, err.msg);
			continue;
		}
		ATF_REQUIRE_EQ_MSG(0, rc, "%s", err.msg);
		snprintf(got, sizeof(got), "%s %s", list.disks.v[0].serial,
		    list.disks.v[0].mount_point != NULL
			? list.disks.v[0].mount_point
			: "-");
		ATF_CHECK_STREQ(table[i].want, got);
		datadisk_list_fini(&list);
	}
}

ATF_TC_WITHOUT_HEAD(parse__too_many);
ATF_TC_BODY(parse__too_many, tc)
{
	const char *specs[STORAGE_MAX + 1];
	struct datadisk_list list = { 0 };
	struct error err = { 0 };
	size_t i;

	for (i = 0; i <= STORAGE_MAX; i++)
		specs[i] = "size=1G";
	ATF_CHECK_EQ(-1,
	    datadisk_parse(&list, specs, STORAGE_MAX + 1, NULL, &err));
	ATF_CHECK_STREQ("more than 26 data disks", err.msg);
	ATF_CHECK_EQ(EX_USAGE, err.code);
	ATF_REQUIRE_EQ(0,
	    datadisk_parse(&list, specs, STORAGE_MAX, NULL, &err));
	ATF_CHECK_STREQ("data26", list.disks.v[25].serial);
	datadisk_list_fini(&list);
}

/* A message has room for what is wrong, however long the spec is. */
ATF_TC_WITHOUT_HEAD(parse__long_spec);
ATF_TC_BODY(parse__long_spec, tc)
{
	char spec[8192];
	const char *specs[] = { spec };
	struct datadisk_list list = { 0 };
	struct error err = { 0 };
	int n;

	n = snprintf(spec, sizeof(spec), "size=1G,mount=/");
	memset(spec + n, 'a', STORAGE_PATH_MAX);
	spec[n + STORAGE_PATH_MAX] = '\0';
	ATF_CHECK_EQ(-1, datadisk_parse(&list, specs, 1, NULL, &err));
	ATF_CHECK_STREQ("item 2, mount: mount_point is longer than 4095 bytes",
	    err.msg + 85);
	spec[n + STORAGE_PATH_MAX - 1] = '\0';
	ATF_REQUIRE_EQ(0, datadisk_parse(&list, specs, 1, NULL, &err));
	datadisk_list_fini(&list);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, parse__each);
	ATF_TP_ADD_TC(tp, parse__list);
	ATF_TP_ADD_TC(tp, parse__mounts);
	ATF_TP_ADD_TC(tp, parse__others);
	ATF_TP_ADD_TC(tp, parse__too_many);
	ATF_TP_ADD_TC(tp, parse__long_spec);
	return atf_no_error();
}
