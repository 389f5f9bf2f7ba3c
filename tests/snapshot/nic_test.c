/* SPDX-License-Identifier: ISC */
#include "snapshot/nic.h"

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

ATF_TC_WITHOUT_HEAD(parse__good);
ATF_TC_BODY(parse__good, tc)
{
	static const struct {
		const char *spec;
		const char *json; /* as the record has it; "*" for the MAC */
	} table[] = {
		{ "user", "{\"type\":\"user\",\"mac\":\"*\"}" },
		{ "user,restrict=off", "{\"type\":\"user\",\"mac\":\"*\"}" },
		{ "user,restrict=on",
		    "{\"type\":\"user\",\"mac\":\"*\",\"restrict\":true}" },
		{ "tap=tap0,mac=52:54:00:AB:cd:ef",
		    "{\"type\":\"tap\",\"mac\":\"52:54:00:ab:cd:ef\","
		    "\"ifname\":\"tap0\"}" },
		{ "bridge=br-lan,ip=10.0.0.2/24,gw=10.0.0.1",
		    "{\"type\":\"bridge\",\"mac\":\"*\",\"ifname\":\"br-lan\","
		    "\"ip\":\"10.0.0.2/24\",\"gw\":\"10.0.0.1\"}" },
		{ "user,forward=0:22,forward=0.0.0.0:8080:80",
		    "{\"type\":\"user\",\"mac\":\"*\",\"forward\":["
		    "{\"addr\":\"127.0.0.1\",\"port\":0,\"guest_port\":22,"
		    "\"host_port\":0},"
		    "{\"addr\":\"0.0.0.0\",\"port\":8080,\"guest_port\":80,"
		    "\"host_port\":0}]}" },
		{ "tap=abcdefghijklmno",
		    "{\"type\":\"tap\",\"mac\":\"*\","
		    "\"ifname\":\"abcdefghijklmno\"}" },
		{ "user,ip=0.0.0.0/0",
		    "{\"type\":\"user\",\"mac\":\"*\",\"ip\":\"0.0.0.0/0\"}" },
	};
	struct nic_list list, again;
	struct error err = { 0 };
	json_t *array, *entry, *second;
	struct nic nic;
	char *text;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		list = (struct nic_list){ 0 };
		again = (struct nic_list){ 0 };
		ATF_REQUIRE_EQ_MSG(0, nic_parse(&nic, table[i].spec, &err),
		    "%s", err.msg);
		ATF_REQUIRE_EQ(0, nic_list_add(&list, &nic, &err));
		nic_fini(&nic);
		ATF_REQUIRE_EQ(0, nic_list_encode(&array, &list, &err));
		/* What was written is read, and written alike. */
		ATF_REQUIRE_EQ_MSG(0, nic_list_decode(&again, array, &err),
		    "%s: %s", table[i].spec, err.msg);
		ATF_REQUIRE_EQ(0, nic_list_encode(&second, &again, &err));
		ATF_CHECK(json_equal(array, second));
		json_decref(second);
		/* QEMU's range, unicast: otherwise random. */
		entry = json_array_get(array, 0);
		if (strstr(table[i].spec, "mac=") == NULL) {
			ATF_CHECK(strncmp(list.v[0].mac, "52:54:00:", 9) == 0);
			json_object_set_new(entry, "mac", json_string("*"));
		}
		text = json_dumps(entry, JSON_COMPACT);
		ATF_CHECK_STREQ(table[i].json, text);
		free(text);
		json_decref(array);
		nic_list_fini(&list);
		nic_list_fini(&again);
	}
}

ATF_TC_WITHOUT_HEAD(parse__bad);
ATF_TC_BODY(parse__bad, tc)
{
	static const struct {
		const char *spec, *why;
	} table[] = {
		{ "", ": not user, tap=IF or bridge=IF" },
		{ "User", "User: not user, tap=IF or bridge=IF" },
		{ "tap", "tap: not user, tap=IF or bridge=IF" },
		{ "restrict=on,user",
		    "restrict=on: not user, tap=IF or bridge=IF" },
		{ "tap=", "tap=: not an interface's name" },
		{ "tap=abcdefghijklmnop",
		    "tap=abcdefghijklmnop: not an interface's name" },
		{ "tap=..", "tap=..: not an interface's name" },
		{ "tap=a/b", "tap=a/b: not an interface's name" },
		{ "tap=a b", "tap=a b: not an interface's name" },
		{ "tap=a%d", "tap=a%d: not an interface's name" },
		{ "bridge=a:1", "bridge=a:1: not an interface's name" },
		{ "bridge=\xc3\xa4",
		    "bridge=\xc3\xa4: not an interface's name" },
		{ "user,", ": not an item of a user NIC" },
		{ "user,,mac=52:54:00:00:00:01",
		    ": not an item of a user NIC" },
		{ "user,restrict", "restrict: not an item of a user NIC" },
		{ "user,restrict=yes",
		    "restrict=yes: not an item of a user NIC" },
		{ "tap=t,restrict=on",
		    "restrict=on: not an item of a tap NIC" },
		{ "bridge=b,forward=1:2",
		    "forward=1:2: not an item of a bridge NIC" },
		{ "user,user", "user: not an item of a user NIC" },
		{ "user,forward=", "forward=: not [ADDR:]PORT:GUESTPORT" },
		{ "user,forward=22", "forward=22: not [ADDR:]PORT:GUESTPORT" },
		{ "user,forward=22:0",
		    "forward=22:0: not [ADDR:]PORT:GUESTPORT" },
		{ "user,forward=1.2.3:1:2",
		    "forward=1.2.3:1:2: not [ADDR:]PORT:GUESTPORT" },
		{ "user,forward=1:2:3:4:5",
		    "forward=1:2:3:4:5: not [ADDR:]PORT:GUESTPORT" },
		{ "user,forward=:::",
		    "forward=:::: not [ADDR:]PORT:GUESTPORT" },
		{ "user,mac=52:54:00:00:00",
		    "mac=52:54:00:00:00: not a unicast MAC" },
		{ "user,mac=52:54:00:00:00:0g",
		    "mac=52:54:00:00:00:0g: not a unicast MAC" },
		{ "user,mac=52-54-00-00-00-01",
		    "mac=52-54-00-00-00-01: not a unicast MAC" },
		{ "user,mac=ff:ff:ff:ff:ff:ff",
		    "mac=ff:ff:ff:ff:ff:ff: not a unicast MAC" },
		{ "user,mac=00:00:00:00:00:00",
		    "mac=00:00:00:00:00:00: not a unicast MAC" },
		{ "user,ip=10.0.0.1", "ip=10.0.0.1: not ADDR/PREFIX" },
		{ "user,ip=10.0.0.1/33", "ip=10.0.0.1/33: not ADDR/PREFIX" },
		{ "user,ip=10.0.0.256/8", "ip=10.0.0.256/8: not ADDR/PREFIX" },
		{ "user,ip=::1/64", "ip=::1/64: not ADDR/PREFIX" },
		{ "user,gw=10.0.0", "gw=10.0.0: not an item of a user NIC" },
		/* Never "the last wins". */
		{ "user,restrict=on,restrict=off",
		    "restrict=off: given twice" },
		{ "user,mac=52:54:00:00:00:01,mac=52:54:00:00:00:02",
		    "mac=52:54:00:00:00:02: given twice" },
		{ "tap=t,ip=1.2.3.4/8,gw=1.2.3.4,gw=1.2.3.5",
		    "gw=1.2.3.5: given twice" },
	};
	char expected[ERROR_MSG_MAX];
	struct nic nic, before;
	struct error err;
	size_t i;

	memset(&before, 7, sizeof(before));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		nic = before;
		err.code = 0;
		ATF_CHECK_EQ_MSG(-1, nic_parse(&nic, table[i].spec, &err),
		    "%s: taken", table[i].spec);
		ATF_CHECK_EQ(EX_USAGE, err.code);
		ATF_CHECK(memcmp(&nic, &before, sizeof(nic)) == 0);
		snprintf(expected, sizeof(expected), "--nic %s: %s",
		    table[i].spec, table[i].why);
		ATF_CHECK_STREQ(expected, err.msg);
	}
}

/* A port is a number of sixteen bits, the guest's never 0. */
ATF_TC_WITHOUT_HEAD(parse__ports);
ATF_TC_BODY(parse__ports, tc)
{
	static const char *const bad[] = { "65536:22", "22:65536", "22:0",
		":22", "22:", "-1:22", "22:+1", "1.2.3:1:2", "1.2.3.4.5:1:2",
		"127.0.0.1:22", "a:1:2", ":1:2", "1.2.3.4:1:2:3", "0x10:1",
		" 1:2" };
	struct error err;
	struct nic nic;
	char spec[64];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(spec, sizeof(spec), "user,forward=%s", bad[i]);
		ATF_CHECK_EQ_MSG(-1, nic_parse(&nic, spec, &err), "%s: taken",
		    spec);
		ATF_CHECK_EQ(EX_USAGE, err.code);
	}
}

ATF_TC_WITHOUT_HEAD(parse__many_forwards);
ATF_TC_BODY(parse__many_forwards, tc)
{
	char spec[4096] = "user";
	struct error err = { 0 };
	struct nic nic;
	size_t i;

	for (i = 0; i < NIC_FORWARD_MAX; i++)
		snprintf(spec + strlen(spec), 20, ",forward=0:%zu", i + 1);
	ATF_REQUIRE_EQ(0, nic_parse(&nic, spec, &err));
	ATF_CHECK_EQ(NIC_FORWARD_MAX, nic.forwards_n);
	ATF_CHECK_EQ(NIC_FORWARD_MAX,
	    nic.forwards[NIC_FORWARD_MAX - 1].guest_port);
	nic_fini(&nic);
	snprintf(spec + strlen(spec), 20, ",forward=0:1");
	ATF_CHECK_EQ(-1, nic_parse(&nic, spec, &err));
	ATF_CHECK(strstr(err.msg, ": more than 64 forwards") != NULL);
}

/* What a VM can have but once: NICs in a row, and why the last is refused. */
ATF_TC_WITHOUT_HEAD(list_parse__clashes);
ATF_TC_BODY(list_parse__clashes, tc)
{
	static const struct {
		const char *specs[3];
		size_t n;
		const char *why; /* NULL: all are taken */
	} table[] = {
		{ { "user,forward=8022:22,forward=8022:80" }, 1,
		    "forward=127.0.0.1:8022:80: port 8022 of the host is that "
		    "of forward=127.0.0.1:8022:22" },
		{ { "user,forward=8022:22,forward=8022:22" }, 1,
		    "forward=127.0.0.1:8022:22: port 8022 of the host is that "
		    "of forward=127.0.0.1:8022:22" },
		{ { "user,forward=8022:22", "tap=t", "user,forward=8022:22" },
		    3,
		    "forward=127.0.0.1:8022:22: port 8022 of the host is that "
		    "of forward=127.0.0.1:8022:22" },
		{ { "user,forward=0.0.0.0:80:1",
		      "user,forward=127.0.0.2:80:2" },
		    2,
		    "forward=127.0.0.2:80:2: port 80 of the host is that of "
		    "forward=0.0.0.0:80:1" },
		{ { "user,forward=80:1", "user,forward=0.0.0.0:80:2" }, 2,
		    "forward=0.0.0.0:80:2: port 80 of the host is that of "
		    "forward=127.0.0.1:80:1" },
		{ { "tap=t,mac=52:54:00:00:00:0a",
		      "user,mac=52:54:00:00:00:0A" },
		    2, "mac=52:54:00:00:00:0a: is that of an earlier NIC" },
		/* Any free port, several addresses, one port of the guest. */
		{ { "user,forward=0:22,forward=0:22", "user,forward=0:22" }, 2,
		    NULL },
		{ { "user,forward=127.0.0.1:80:1,forward=127.0.0.2:80:1" }, 1,
		    NULL },
		{ { "user,forward=80:1,forward=81:1", "user,forward=82:1" }, 2,
		    NULL },
	};
	char expected[ERROR_MSG_MAX];
	struct nic_list list;
	struct error err;
	size_t i, k;
	int rc;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&list, 0, sizeof(list));
		for (k = 0; k + 1 < table[i].n; k++)
			ATF_REQUIRE_EQ(0,
			    nic_list_parse(&list, table[i].specs[k], &err));
		rc = nic_list_parse(&list, table[i].specs[k], &err);
		if (table[i].why != NULL) {
			ATF_CHECK_EQ_MSG(-1, rc, "%s: taken", table[i].why);
			ATF_CHECK_EQ(EX_USAGE, err.code);
			ATF_CHECK_EQ(k, list.n);
			snprintf(expected, sizeof(expected), "--nic %s: %s",
			    table[i].specs[k], table[i].why);
			ATF_CHECK_STREQ(expected, err.msg);
		} else
			ATF_CHECK_EQ_MSG(0, rc, "%s", err.msg);
		nic_list_fini(&list);
	}
	for (i = 0; i <= NIC_MAX; i++)
		rc = nic_list_parse(&list, "user", &err);
	ATF_CHECK_EQ(-1, rc);
	ATF_CHECK_STREQ("--nic user: more than 8 NICs", err.msg);
	nic_list_fini(&list);
}

/* In a record or a sidecar somebody else may have written anything. */
ATF_TC_WITHOUT_HEAD(decode__hostile);
ATF_TC_BODY(decode__hostile, tc)
{
#define MAC "\"mac\":\"52:54:00:00:00:01\""
	static const char *const bad[] = {
		"[7]",
		"[null]",
		"[{}]",
		"[{\"type\":\"user\"}]",
		"[{\"type\":\"e1000\"," MAC "}]",
		"[{\"type\":7," MAC "}]",
		"[{\"type\":\"user\",\"mac\":\"52:54:00:00:00:01,id=x\"}]",
		"[{\"type\":\"user\",\"mac\":\"01:54:00:00:00:01\"}]",
		"[{\"type\":\"user\",\"mac\":\"\"}]",
		"[{\"type\":\"user\",\"ifname\":\"tap0\"," MAC "}]",
		"[{\"type\":\"tap\"," MAC "}]",
		"[{\"type\":\"tap\",\"ifname\":\"../../etc\"," MAC "}]",
		"[{\"type\":\"tap\",\"ifname\":\"a\\u000ab\"," MAC "}]",
		"[{\"type\":\"tap\",\"ifname\":\"abcdefghijklmnop\"," MAC "}]",
		"[{\"type\":\"tap\",\"ifname\":\"t\",\"forward\":"
		"[{\"addr\":\"127.0.0.1\",\"port\":1,\"guest_port\":1}]," MAC
		"}]",
		"[{\"type\":\"user\",\"ip\":\"10.0.0.1\"," MAC "}]",
		"[{\"type\":\"user\",\"gw\":\"x\"," MAC "}]",
		"[{\"type\":\"user\",\"restrict\":1," MAC "}]",
		"[{\"type\":\"user\",\"forward\":{}," MAC "}]",
		"[{\"type\":\"user\",\"forward\":[{}]," MAC "}]",
		"[{\"type\":\"user\",\"forward\":[{\"addr\":\"0,restrict=off\","
		"\"port\":1,\"guest_port\":1}]," MAC "}]",
		"[{\"type\":\"user\",\"forward\":[{\"addr\":\"127.0.0.1\","
		"\"port\":65536,\"guest_port\":1}]," MAC "}]",
		"[{\"type\":\"user\",\"forward\":[{\"addr\":\"127.0.0.1\","
		"\"port\":-1,\"guest_port\":1}]," MAC "}]",
		"[{\"type\":\"user\",\"forward\":[{\"addr\":\"127.0.0.1\","
		"\"port\":1,\"guest_port\":0}]," MAC "}]",
		"[{\"type\":\"user\"," MAC "},{\"type\":\"user\"}]",
	};
#undef MAC
	struct nic_list list = { 0 };
	struct error err;
	json_t *array;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ATF_REQUIRE_EQ_MSG(0,
		    json_parse(&array, bad[i], strlen(bad[i]), &err), "%s",
		    bad[i]);
		err.code = 0;
		ATF_CHECK_EQ_MSG(-1, nic_list_decode(&list, array, &err),
		    "%s: taken", bad[i]);
		ATF_CHECK_EQ_MSG(EX_DATAERR, err.code, "%s: %s", bad[i],
		    err.msg);
		ATF_CHECK(list.v == NULL && list.n == 0);
		json_decref(array);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, parse__good);
	ATF_TP_ADD_TC(tp, parse__bad);
	ATF_TP_ADD_TC(tp, parse__ports);
	ATF_TP_ADD_TC(tp, parse__many_forwards);
	ATF_TP_ADD_TC(tp, list_parse__clashes);
	ATF_TP_ADD_TC(tp, decode__hostile);
	return atf_no_error();
}
