/* SPDX-License-Identifier: ISC */
#include "snapshot/storage.h"

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define LAYER                                                                  \
	"{\"path\":\"/l/a.erofs\",\"ro\":true,\"serial\":\"layer0\","          \
	"\"role\":\"layer\"}"
#define COW                                                                    \
	"{\"path\":\"cow.raw\",\"ro\":false,\"serial\":\"cocoon-cow\","        \
	"\"role\":\"cow\"}"
#define CIDATA                                                                 \
	"{\"path\":\"cidata.img\",\"ro\":true,\"serial\":\"\","                \
	"\"role\":\"cidata\"}"
#define DATA_REST(rest)                                                        \
	"{\"path\":\"data-db.raw\",\"ro\":false,\"role\":\"data\"," rest "}"
#define DATA DATA_REST("\"serial\":\"db\",\"fstype\":\"ext4\"")

struct sample {
	const char *text;
	const char *message; /* NULL: it is good */
};

/* Checks each text, and that a refused one leaves *out as it was. */
static void
try_all(const struct sample *table, size_t n)
{
	struct storage_list list;
	struct error err;
	json_t *json;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		memset(&err, 0, sizeof(err));
		list = (struct storage_list){ 0 };
		rc = json_parse(&json, table[i].text, strlen(table[i].text),
		    &err);
		if (rc == 0) {
			rc = storage_list_decode(&list, json, &err);
			json_decref(json);
		}
		if (table[i].message == NULL) {
			ATF_CHECK_EQ_MSG(0, rc, "%s: %s", table[i].text,
			    err.msg);
		} else {
			ATF_CHECK_EQ_MSG(-1, rc, "%s: taken", table[i].text);
			ATF_CHECK_STREQ(table[i].message, err.msg);
			ATF_CHECK_EQ(EX_DATAERR, err.code);
			ATF_CHECK(list.v == NULL && list.n == 0);
		}
		storage_list_fini(&list);
	}
}

ATF_TC_WITHOUT_HEAD(decode__good);
ATF_TC_BODY(decode__good, tc)
{
	static const struct sample table[] = {
		{ "[]", NULL },
		{ "[" LAYER "]", NULL },
		{ "[" LAYER "," COW "," DATA "," CIDATA "]", NULL },
		{ "[" COW "," CIDATA "]", NULL },
		/* two layers without a serial; unknown members are skipped */
		{ "[{\"path\":\"/a\",\"ro\":true,\"role\":\"layer\"},"
		  "{\"path\":\"/b/a\",\"ro\":true,\"role\":\"layer\","
		  "\"extra\":{\"x\":[1]}}]",
		    NULL },
		{ "[{\"path\":\"/run/vm/overlay.qcow2\",\"ro\":false,"
		  "\"serial\":\"\",\"role\":\"cow\"}]",
		    NULL },
		{ "[{\"path\":\"cow.2.qcow2\",\"ro\":false,\"serial\":"
		  "\"cocoon-cow\",\"role\":\"cow\",\"backing\":"
		  "[\"cow.1.qcow2\",\"cow.raw\"]}]",
		    NULL },
		{ "[" DATA_REST("\"serial\":\"a2345678901234567890\","
				"\"fstype\":\"none\",\"mount_point\":\"\"") "]",
		    NULL },
		{ "[" DATA_REST("\"serial\":\"d-_9\",\"fstype\":\"ext4\","
				"\"mount_point\":\"/mnt/a b'c\","
				"\"direct_io\":false,"
				"\"size\":8796093022208") "]",
		    NULL },
	};

	try_all(table, sizeof(table) / sizeof(table[0]));
}

ATF_TC_WITHOUT_HEAD(decode__bad_member);
ATF_TC_BODY(decode__bad_member, tc)
{
	static const struct sample table[] = {
		{ "{}", "disks are not an array" },
		{ "[null]", "disk 0: not an object" },
		{ "[" COW ",7]", "disk 1: not an object" },
		{ "[{}]", "disk 0: no member \"role\"" },
		{ "[{\"role\":null}]", "disk 0: \"role\" is not a string" },
		{ "[{\"role\":\"\"}]",
		    "disk 0: role \"\" is none of layer, cow, data and "
		    "cidata" },
		{ "[{\"role\":\"Cow\"}]",
		    "disk 0: role \"Cow\" is none of layer, cow, data and "
		    "cidata" },
		{ "[{\"role\":\"cow\"}]", "disk 0: no member \"path\"" },
		{ "[{\"role\":\"cow\",\"path\":1}]",
		    "disk 0: \"path\" is not a string" },
		{ "[{\"role\":\"cow\",\"path\":\"a\"}]",
		    "disk 0: no member \"ro\"" },
		{ "[{\"role\":\"cow\",\"path\":\"a\",\"ro\":\"false\"}]",
		    "disk 0: \"ro\" is not true or false" },
		{ "[{\"role\":\"cow\",\"path\":\"a\",\"ro\":0}]",
		    "disk 0: \"ro\" is not true or false" },
		{ "[{\"role\":\"cow\",\"path\":\"a\",\"ro\":false,"
		  "\"serial\":7}]",
		    "disk 0: \"serial\" is not a string" },
		{ "[" DATA_REST("\"serial\":\"db\",\"fstype\":true") "]",
		    "disk 0: \"fstype\" is not a string" },
		{ "[" DATA_REST("\"serial\":\"db\",\"fstype\":\"ext4\","
				"\"direct_io\":null") "]",
		    "disk 0: \"direct_io\" is not true or false" },
		{ "[" DATA_REST("\"serial\":\"db\",\"fstype\":\"ext4\","
				"\"direct_io\":\"on\"") "]",
		    "disk 0: \"direct_io\" is not true or false" },
		{ "[" DATA_REST("\"serial\":\"db\",\"fstype\":\"ext4\","
				"\"mount_point\":[]") "]",
		    "disk 0: \"mount_point\" is not a string" },
		{ "[" DATA_REST("\"serial\":\"db\",\"fstype\":\"ext4\","
				"\"backing\":\"x\"") "]",
		    "disk 0: \"backing\" is not an array" },
		{ "[" DATA_REST("\"serial\":\"db\",\"fstype\":\"ext4\","
				"\"backing\":[7]") "]",
		    "disk 0: \"backing\" holds what is no file name" },
		{ "[{\"role\":\"cow\",\"path\":\"a\",\"ro\":false,"
		  "\"size\":\"16M\"}]",
		    "disk 0: \"size\" is not an integer" },
		{ "[{\"role\":\"cow\",\"path\":\"a\",\"ro\":false,"
		  "\"size\":-1}]",
		    "disk 0: \"size\" is -1, not within 0 and 8796093022208" },
		{ "[{\"role\":\"cow\",\"path\":\"a\",\"ro\":false,"
		  "\"size\":9223372036854775807}]",
		    "disk 0: \"size\" is 9223372036854775807, not within 0 "
		    "and 8796093022208" },
	};

	try_all(table, sizeof(table) / sizeof(table[0]));
}

ATF_TC_WITHOUT_HEAD(decode__bad_disk);
ATF_TC_BODY(decode__bad_disk, tc)
{
	static const struct sample table[] = {
		{ "[{\"path\":\"a\",\"ro\":false,\"role\":\"layer\"}]",
		    "disk 0: ro must be true for role layer" },
		{ "[{\"path\":\"a\",\"ro\":false,\"role\":\"cidata\"}]",
		    "disk 0: ro must be true for role cidata" },
		{ "[{\"path\":\"a\",\"ro\":true,\"role\":\"cow\"}]",
		    "disk 0: ro must be false for role cow" },
		{ "[{\"path\":\"a\",\"ro\":true,\"role\":\"data\"}]",
		    "disk 0: ro must be false for role data" },
		{ "[{\"path\":\"a\",\"ro\":false,\"role\":\"cow\","
		  "\"direct_io\":true}]",
		    "disk 0: direct_io is for data disks, not for role cow" },
		{ "[{\"path\":\"a\",\"ro\":true,\"role\":\"layer\","
		  "\"direct_io\":false}]",
		    "disk 0: direct_io is for data disks, not for role "
		    "layer" },
		{ "[{\"path\":\"a\",\"ro\":true,\"role\":\"cidata\","
		  "\"direct_io\":false}]",
		    "disk 0: direct_io is for data disks, not for role "
		    "cidata" },
		{ "[{\"path\":\"a\",\"ro\":false,\"role\":\"cow\","
		  "\"fstype\":\"ext4\"}]",
		    "disk 0: fstype is for data disks, not for role cow" },
		{ "[{\"path\":\"a\",\"ro\":false,\"role\":\"cow\","
		  "\"mount_point\":\"/\"}]",
		    "disk 0: mount_point is for data disks, not for role "
		    "cow" },
		{ "[{\"path\":\"a\",\"ro\":true,\"role\":\"cidata\","
		  "\"serial\":\"ci\"}]",
		    "disk 0: serial \"ci\": a cidata disk has none" },
		{ "[{\"path\":\"a\",\"ro\":true,\"role\":\"layer\","
		  "\"serial\":\"a,b\"}]",
		    "disk 0: serial \"a,b\" is not at most 20 of letters, "
		    "digits, . _ -" },
		{ "[{\"path\":\"a\",\"ro\":false,\"role\":\"cow\","
		  "\"serial\":\"a b\"}]",
		    "disk 0: serial \"a b\" is not at most 20 of letters, "
		    "digits, . _ -" },
		{ "[{\"path\":\"a\",\"ro\":false,\"role\":\"cow\","
		  "\"serial\":\"abcdefghijklmnopqrstu\"}]",
		    "disk 0: \"serial\" is longer than 20 bytes" },
		{ "[" DATA_REST("\"serial\":\"db\"") "]",
		    "disk 0: fstype \"\" is neither ext4 nor none" },
		{ "[" DATA_REST("\"serial\":\"db\",\"fstype\":\"xfs\"") "]",
		    "disk 0: fstype \"xfs\" is neither ext4 nor none" },
		{ "[" DATA_REST("\"serial\":\"db\",\"fstype\":\"EXT4\"") "]",
		    "disk 0: fstype \"EXT4\" is neither ext4 nor none" },
		{ "[" DATA_REST(
		      "\"serial\":\"db\",\"fstype\":\"reiserfs\"") "]",
		    "disk 0: \"fstype\" is longer than 7 bytes" },
	};

	try_all(table, sizeof(table) / sizeof(table[0]));
}

ATF_TC_WITHOUT_HEAD(decode__bad_data_serial);
ATF_TC_BODY(decode__bad_data_serial, tc)
{
	static const char *const serials[] = { "", "Db", "dB", "9a", "-a", "_a",
		"a.b", "../x", "a/b", "a b", "d\xc3\xa9", "a,b", "a=b",
		"a\nb" };
	struct storage disk = { 0 };
	struct storage_list list = { &disk, 1 };
	struct error err;
	char path[] = "data-x.raw";
	size_t i;

	disk.path = path;
	disk.role = STORAGE_DATA;
	snprintf(disk.fstype, sizeof(disk.fstype), "ext4");
	for (i = 0; i < sizeof(serials) / sizeof(serials[0]); i++) {
		snprintf(disk.serial, sizeof(disk.serial), "%s", serials[i]);
		ATF_CHECK_EQ_MSG(-1, storage_list_check(&list, &err), "%s",
		    serials[i]);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK(strstr(err.msg, "disk 0: serial \"") == err.msg);
	}
	snprintf(disk.serial, sizeof(disk.serial), "cocoon-x");
	ATF_CHECK_EQ(-1, storage_list_check(&list, &err));
	ATF_CHECK_STREQ("disk 0: serial \"cocoon-x\": names that begin with "
			"cocoon- are reserved",
	    err.msg);
	snprintf(disk.serial, sizeof(disk.serial), "cocoon");
	ATF_CHECK_EQ(0, storage_list_check(&list, &err));
	snprintf(disk.serial, sizeof(disk.serial), "abcdefghijklmnopqrst");
	ATF_CHECK_EQ(0, storage_list_check(&list, &err));
}

ATF_TC_WITHOUT_HEAD(decode__bad_mount_point);
ATF_TC_BODY(decode__bad_mount_point, tc)
{
	static const struct sample table[] = {
		{ "[" DATA_REST("\"serial\":\"db\",\"fstype\":\"ext4\","
				"\"mount_point\":\"mnt/db\"") "]",
		    "disk 0: mount_point \"mnt/db\" is not an absolute path" },
		{ "[" DATA_REST("\"serial\":\"db\",\"fstype\":\"none\","
				"\"mount_point\":\"/mnt/db\"") "]",
		    "disk 0: mount_point \"/mnt/db\" with fstype none" },
		{ "[" DATA_REST("\"serial\":\"db\",\"fstype\":\"ext4\","
				"\"mount_point\":\"/mnt/a\\nb\"") "]",
		    "disk 0: mount_point \"/mnt/a?b\" holds a newline" },
		{ "[" DATA_REST("\"serial\":\"db\",\"fstype\":\"ext4\","
				"\"mount_point\":\"/mnt/\\u001b[2J\"") "]",
		    "disk 0: mount_point \"/mnt/?[2J\" holds a control "
		    "character" },
	};
	struct error err;
	json_t *json;
	const char *nul = "[" DATA_REST("\"mount_point\":\"/a\\u0000b\"") "]";

	try_all(table, sizeof(table) / sizeof(table[0]));
	/* The parser itself refuses a NUL. */
	ATF_CHECK_EQ(-1, json_parse(&json, nul, strlen(nul), &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
}

ATF_TC_WITHOUT_HEAD(decode__bad_path);
ATF_TC_BODY(decode__bad_path, tc)
{
	static const struct sample table[] = {
#define COW_AT(path)                                                           \
	"[{\"path\":\"" path "\",\"ro\":false,\"serial\":\"cocoon-cow\","      \
	"\"role\":\"cow\"}]"
		{ COW_AT(""), "disk 0: path is empty" },
		{ COW_AT("/"),
		    "disk 0: path \"/\" does not end in a file name" },
		{ COW_AT("/a/"),
		    "disk 0: path \"/a/\" does not end in a file name" },
		{ COW_AT("/a/."),
		    "disk 0: path \"/a/.\" does not end in a file name" },
		{ COW_AT(".."),
		    "disk 0: path \"..\" does not end in a file name" },
		{ COW_AT("/a/b\\u0001"),
		    "disk 0: path \"/a/b?\" does not end in a file name" },
		{ COW_AT("/a/.new-x"),
		    "disk 0: path \"/a/.new-x\" is a hidden file" },
		{ COW_AT("/a/nbd:127.0.0.1:1:exportname=x.qcow2"),
		    "disk 0: path \"/a/nbd:127.0.0.1:1:exportname=x.qcow2\": a "
		    "disk's file has no colon in its name, and no dash in "
		    "front" },
		{ COW_AT("-o"),
		    "disk 0: path \"-o\": a disk's file has no colon in its "
		    "name, and no dash in front" },
		{ COW_AT("/a:b/-c/cow.raw"), NULL },
		{ "[{\"path\":\"/l/a:b\",\"ro\":true,\"role\":\"layer\"}]",
		    "disk 0: path \"/l/a:b\": a disk's file has no colon in "
		    "its name, and no dash in front" },
		{ COW_AT("../../etc/passwd"), NULL },
		{ "[{\"path\":\"/l/..\",\"ro\":true,\"role\":\"layer\"}]",
		    "disk 0: path \"/l/..\" does not end in a file name" },
	};

	try_all(table, sizeof(table) / sizeof(table[0]));
}

ATF_TC_WITHOUT_HEAD(decode__bad_backing);
ATF_TC_BODY(decode__bad_backing, tc)
{
	static const struct sample table[] = {
#define CHAIN(path, backing)                                                   \
	"[{\"path\":\"" path "\",\"ro\":false,\"serial\":\"cocoon-cow\","      \
	"\"role\":\"cow\",\"backing\":[" backing "]}]"
		{ CHAIN("cow.1.qcow2", "\"../cow.raw\""),
		    "disk 0: backing \"../cow.raw\" is not a plain file "
		    "name" },
		{ CHAIN("cow.1.qcow2", "\"\""),
		    "disk 0: backing \"\" does not end in a file name" },
		{ CHAIN("cow.1.qcow2", "\"..\""),
		    "disk 0: backing \"..\" does not end in a file name" },
		{ CHAIN("cow.1.qcow2", "\"json:{}\""),
		    "disk 0: backing \"json:{}\": a disk's file has no colon "
		    "in its name, and no dash in front" },
		{ CHAIN("cow.raw", "\"base.raw\""),
		    "disk 0: backing behind a raw file \"cow.raw\"" },
		{ CHAIN("cow.2.qcow2", "\"cow.raw\",\"base.raw\""),
		    "disk 0: backing behind a raw file \"cow.raw\"" },
		{ CHAIN("cow.2.qcow2", "\"cow.1.qcow2\",\"cow.1.qcow2\""),
		    "disk 0: backing \"cow.1.qcow2\" twice" },
		{ CHAIN("cow.1.qcow2", "\"cow.1.qcow2\""),
		    "disk 0: path \"cow.1.qcow2\" stands in its own "
		    "backing" },
		{ CHAIN("t.qcow2",
		      "\"1.qcow2\",\"2.qcow2\",\"3.qcow2\",\"4.qcow2\","
		      "\"5.qcow2\",\"6.qcow2\",\"7.qcow2\""),
		    NULL },
		{ CHAIN("t.qcow2",
		      "\"1.qcow2\",\"2.qcow2\",\"3.qcow2\",\"4.qcow2\","
		      "\"5.qcow2\",\"6.qcow2\",\"7.qcow2\",\"8.qcow2\""),
		    "disk 0: \"backing\" has more than 7 entries" },
		{ "[{\"path\":\"a.qcow2\",\"ro\":true,\"role\":\"layer\","
		  "\"backing\":[\"b\"]}]",
		    "disk 0: backing is for writable disks, not for role "
		    "layer" },
	};

	try_all(table, sizeof(table) / sizeof(table[0]));
}

ATF_TC_WITHOUT_HEAD(decode__bad_list);
ATF_TC_BODY(decode__bad_list, tc)
{
	static const struct sample table[] = {
		{ "[" COW "," COW "]", "disk 1: role cow a second time" },
		{ "[" CIDATA "," CIDATA "]",
		    "disk 1: role cidata a second time" },
		{ "[" COW "," CIDATA "," DATA "]",
		    "disk 2: role data behind role cidata: the order is "
		    "layer, cow, data, cidata" },
		{ "[" CIDATA "," COW "]",
		    "disk 1: role cow behind role cidata: the order is layer, "
		    "cow, data, cidata" },
		{ "[" COW "," LAYER "]",
		    "disk 1: role layer behind role cow: the order is layer, "
		    "cow, data, cidata" },
		{ "[" DATA "," COW "]",
		    "disk 1: role cow behind role data: the order is layer, "
		    "cow, data, cidata" },
		{ "[" DATA "," DATA "]",
		    "disk 1: serial \"db\" is that of disk 0, too" },
		{ "[" LAYER "," LAYER "]",
		    "disk 1: serial \"layer0\" is that of disk 0, too" },
		{ "[" DATA "," DATA_REST("\"serial\":\"dc\",\"fstype\":"
					 "\"none\"") "]",
		    "disk 1: path \"data-db.raw\" shares a file with "
		    "disk 0" },
		{ "[" COW ",{\"path\":\"d.qcow2\",\"ro\":false,\"serial\":"
		  "\"d\",\"role\":\"data\",\"fstype\":\"none\","
		  "\"backing\":[\"cow.raw\"]}]",
		    "disk 1: path \"d.qcow2\" shares a file with disk 0" },
	};

	try_all(table, sizeof(table) / sizeof(table[0]));
}

ATF_TC_WITHOUT_HEAD(decode__too_many);
ATF_TC_BODY(decode__too_many, tc)
{
	struct storage_list list = { 0 };
	struct error err;
	json_t *array = json_array(), *disk;
	char path[16];
	int i;

	for (i = 0; i <= STORAGE_MAX; i++) {
		snprintf(path, sizeof(path), "/l/%d", i);
		disk = json_object();
		json_put_str(disk, "path", path, NULL);
		json_put_bool(disk, "ro", true, NULL);
		json_put_str(disk, "role", "layer", NULL);
		json_array_append_new(array, disk);
	}
	ATF_CHECK_EQ(-1, storage_list_decode(&list, array, &err));
	ATF_CHECK_STREQ("27 disks, more than 26", err.msg);
	json_array_remove(array, 0);
	ATF_CHECK_EQ(0, storage_list_decode(&list, array, &err));
	ATF_CHECK_EQ(STORAGE_MAX, list.n);
	ATF_CHECK_EQ(-1, storage_list_add(&list, &list.v[0], &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	storage_list_fini(&list);
	json_decref(array);
}

ATF_TC_WITHOUT_HEAD(encode__is_what_was_decoded);
ATF_TC_BODY(encode__is_what_was_decoded, tc)
{
	static const char text[] =
	    "[{\"path\":\"/l/a.erofs\",\"ro\":true,\"serial\":\"layer0\","
	    "\"role\":\"layer\"},{\"path\":\"cow.1.qcow2\",\"ro\":false,"
	    "\"serial\":\"cocoon-cow\",\"role\":\"cow\",\"backing\":"
	    "[\"cow.raw\"]},{\"path\":\"data-db.raw\",\"ro\":false,"
	    "\"serial\":\"db\",\"role\":\"data\",\"mount_point\":\"/mnt/db\","
	    "\"fstype\":\"ext4\",\"direct_io\":true},{\"path\":"
	    "\"cidata.img\",\"ro\":true,\"serial\":\"\",\"role\":"
	    "\"cidata\"}]\n";
	struct storage_list list = { 0 };
	struct error err = { 0 };
	json_t *json, *again;
	char *out;

	ATF_REQUIRE_EQ(0, json_parse(&json, text, strlen(text) - 1, &err));
	ATF_REQUIRE_EQ(0, storage_list_decode(&list, json, &err));
	json_decref(json);
	ATF_REQUIRE_EQ(0, storage_list_encode(&again, &list, NULL, &err));
	ATF_REQUIRE_EQ(0, json_text(&out, NULL, again, 0, &err));
	ATF_CHECK_STREQ(text, out);
	free(out);
	json_decref(again);

	ATF_CHECK(storage_find(&list, STORAGE_COW) == &list.v[1]);
	ATF_CHECK(storage_find_serial(&list, "db") == &list.v[2]);
	ATF_CHECK(storage_find_serial(&list, "cocoon-cow") == NULL);
	ATF_REQUIRE_EQ(0, storage_list_encode(&again, &list, "/vm/x", &err));
	ATF_CHECK_STREQ("/vm/x/a.erofs",
	    json_string_value(
		json_object_get(json_array_get(again, 0), "path")));
	json_decref(again);
	storage_list_fini(&list);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, decode__good);
	ATF_TP_ADD_TC(tp, decode__bad_member);
	ATF_TP_ADD_TC(tp, decode__bad_disk);
	ATF_TP_ADD_TC(tp, decode__bad_data_serial);
	ATF_TP_ADD_TC(tp, decode__bad_mount_point);
	ATF_TP_ADD_TC(tp, decode__bad_path);
	ATF_TP_ADD_TC(tp, decode__bad_backing);
	ATF_TP_ADD_TC(tp, decode__bad_list);
	ATF_TP_ADD_TC(tp, decode__too_many);
	ATF_TP_ADD_TC(tp, encode__is_what_was_decoded);
	return atf_no_error();
}
