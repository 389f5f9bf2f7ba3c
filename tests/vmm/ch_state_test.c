/* SPDX-License-Identifier: ISC */
#include "vmm/ch/ch_state.h"

#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ch_samples.h"

#define Q "\\\""

/* The recorded state with the first `from` in it become `to`. */
struct damage {
	const char *from, *to;
	const char *message; /* behind "state.json: " */
};

static const struct damage damages[] = {
	{ "{\"snapshots\":{\"cpu-manager\"", "{\"snapshotx\":{\"cpu-manager\"",
	    "no member \"snapshots\"" },
	{ "\"cpu-manager\":{", "\"cpu-manager\":7,\"c\":{",
	    "\"cpu-manager\" is not an object" },
	{ "\"cpu-manager\":{", "\"cpu-managex\":{",
	    "no member \"cpu-manager\"" },
	{ "{\"0\":{\"snapshots\"", "{\"1\":{\"snapshots\"",
	    "cpu-manager: 1 processors, but no \"0\"" },
	{ "\"memory-manager\":{", "\"memory-managex\":{",
	    "no member \"memory-manager\"" },
	{ "\"state\":\"{" Q "memory_ranges",
	    "\"state\":[123,34],\"x\":\"{" Q "memory_ranges",
	    "memory-manager: \"state\" is not a string" },
	{ "\"state\":\"{" Q "memory_ranges", "\"state\":\"x{" Q "memory_ranges",
	    "memory-manager: state: not JSON: no value at byte 0" },
	{ Q "memory_ranges" Q, Q "memory_rangez" Q,
	    "memory-manager: no member \"memory_ranges\"" },
	{ Q "length" Q ":16777216", Q "length" Q ":18446744073709551616",
	    "memory-manager: memory_ranges: data[0]: \"length\" is "
	    "18446744073709551616, not within 1 and 18446744073709551615" },
	{ Q "length" Q ":16777216", Q "length" Q ":33554432",
	    "memory-manager: memory_ranges: data[0]: no memory of the guest" },
	{ Q "data" Q ":[", Q "data" Q ":[{" Q "gpa" Q ":0," Q "length" Q ":1},",
	    "memory-manager: memory_ranges: 16777217 bytes, the guest has "
	    "16777216" },
	{ Q "data" Q ":[{" Q "gpa" Q ":0", Q "data" Q ":[{" Q "gpa" Q ":-1",
	    "memory-manager: memory_ranges: data[0]: \"gpa\" is -1, not "
	    "within 0 and 18446744073709551615" },
	{ Q "size" Q ":16777216", Q "size" Q ":0",
	    "memory-manager: guest_ram_mappings[0]: \"size\" is 0, not within "
	    "1 and 18446744073709551615" },
	{ Q "file_offset" Q ":0", Q "file_offset" Q ":4096",
	    "memory-manager: guest_ram_mappings[0]: beyond the end of the "
	    "memory" },
	{ Q "file_offset" Q ":0}]",
	    Q "file_offset" Q ":0},{" Q "gpa" Q ":4096," Q "size" Q ":1," Q
	      "zone_id" Q ":" Q "mem0" Q "}]",
	    "memory-manager: guest_ram_mappings[1]: over another one" },
	{ Q "file_offset" Q ":0}]",
	    Q "file_offset" Q ":0},{" Q "gpa" Q ":16777216," Q "size" Q ":1," Q
	      "zone_id" Q ":" Q "mem0" Q "}]",
	    "memory-manager: guest_ram_mappings[1]: in a place of another "
	    "one" },
	{ Q "file_offset" Q ":0}]",
	    Q "file_offset" Q ":0},{" Q "gpa" Q ":18446744073709551615," Q
	      "size" Q ":2," Q "zone_id" Q ":" Q "m" Q "}]",
	    "memory-manager: guest_ram_mappings[1]: beyond 2^64" },
	{ "\"device-manager\":{", "\"device-managex\":{",
	    "no member \"device-manager\"" },
	{ "\"_disk1\":{\"snapshots\"", "\"_diskx\":{\"snapshots\"",
	    "device-manager: _virtio-pci-_disk1 without _disk1" },
	{ Q "disk_nsectors" Q ":2048",
	    Q "disk_nsectors" Q ":9223372036854775808",
	    "device-manager: _disk0: \"disk_nsectors\" is "
	    "9223372036854775808, not within 0 and 36028797018963967" },
	{ Q "queues" Q ":[{", Q "queuez" Q ":[{",
	    "device-manager: _virtio-pci-__rng: no member \"queues\"" },
	{ Q "size" Q ":128", Q "size" Q ":65536",
	    "device-manager: _virtio-pci-_disk0: queues[0]: \"size\" is "
	    "65536, not within 0 and 32768" },
};

ATF_TC_WITHOUT_HEAD(decode__damaged);
ATF_TC_BODY(decode__damaged, tc)
{
	char *good = sample_read(tc, "state.json"), *text;
	struct ch_state s;
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		text = sample_change(good, damages[i].from, damages[i].to);
		memset(&err, 0, sizeof(err));
		ATF_REQUIRE_EQ_MSG(-1,
		    ch_state_decode(&s, NULL, text, strlen(text), &err), "%s",
		    damages[i].message);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_EQ(0, strncmp(err.msg, "state.json: ", 12));
		ATF_CHECK_STREQ(damages[i].message, err.msg + 12);
		free(text);
	}
	free(good);
}

ATF_TC_WITHOUT_HEAD(decode__recorded);
ATF_TC_BODY(decode__recorded, tc)
{
	char *good = sample_read(tc, "state.json");
	struct error err = { 0 };
	struct ch_state s;

	ATF_REQUIRE_EQ_MSG(0,
	    ch_state_decode(&s, NULL, good, strlen(good), &err), "%s", err.msg);
	ATF_CHECK_EQ(1, s.vcpus);
	ATF_CHECK_EQ(1, s.ram_n);
	ATF_CHECK_STREQ("mem0", s.ram[0].zone);
	ATF_CHECK_EQ(16777216, s.ram_bytes);
	ATF_CHECK_EQ(16777216, s.saved_bytes);
	ATF_CHECK(s.saved_is_zone);
	ATF_CHECK_EQ(4, s.devices_n);
	ATF_REQUIRE(ch_state_find(&s, "_disk0") != NULL);
	ATF_CHECK_EQ(2048, ch_state_find(&s, "_disk0")->sectors);
	ATF_CHECK_EQ(32768, ch_state_find(&s, "_disk2")->sectors);
	ATF_CHECK_EQ(1, ch_state_find(&s, "_disk2")->queues);
	ATF_CHECK(ch_state_find(&s, "_disk3") == NULL);
	free(good);
}

/* Above 3 GiB the memory is in two ranges. */
ATF_TC_WITHOUT_HEAD(decode__two_ranges);
ATF_TC_BODY(decode__two_ranges, tc)
{
	char *good = sample_read(tc, "state.json"), *saved, *both, *swapped;
	struct error err = { 0 };
	struct ch_state s;

	saved = sample_change(good,
	    "{" Q "gpa" Q ":0," Q "length" Q ":16777216}",
	    "{" Q "gpa" Q ":0," Q "length" Q ":3221225472},{" Q "gpa" Q
	    ":4294967296," Q "length" Q ":4096}");
	both = sample_change(saved, Q "size" Q ":16777216," Q "zone_id",
	    Q "size" Q ":3221225472," Q "zone_id" Q ":" Q "mem0" Q "," Q
	      "file_offset" Q ":0},{" Q "gpa" Q ":4294967296," Q "size" Q
	      ":4096," Q "file_offset" Q ":3221225472," Q "zone_id" Q ":" Q
	      "mem0" Q "},{" Q "gpa" Q ":8589934592," Q "size" Q ":16," Q
	      "zone_id");
	/* The mapping that the recording had is now a third, elsewhere. */
	ATF_CHECK_EQ(-1, ch_state_decode(&s, NULL, both, strlen(both), &err));
	swapped = sample_change(both,
	    Q "mem0" Q "," Q "virtio_mem" Q ":false," Q "file_offset" Q ":0",
	    Q "mem0" Q "," Q "file_offset" Q ":3221229568");
	ATF_REQUIRE_EQ_MSG(0,
	    ch_state_decode(&s, NULL, swapped, strlen(swapped), &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(3221225472 + 4096 + 16, s.ram_bytes);
	ATF_CHECK_EQ(3221225472 + 4096, s.saved_bytes);
	/* The last mapping was not saved: not all of a zone is there. */
	ATF_CHECK(!s.saved_is_zone);
	free(swapped);
	free(both);
	free(saved);
	free(good);
}

static const struct {
	const char *from, *to; /* in config.json */
	const char *message;
} mismatches[] = {
	{ "\"boot_vcpus\":1,\"max_vcpus\":1", "\"boot_vcpus\":2",
	    "state.json: cpu-manager: 1 processors, config.json has 2" },
	{ "\"size\":16777216", "\"size\":33554432",
	    "state.json: memory-manager: 16777216 bytes of memory, "
	    "config.json has 33554432" },
	{ "\"_disk1\"", "\"_disk7\"",
	    "state.json: _disk7 of config.json is not in it" },
	{ "\"boot_vcpus\":1,\"max_vcpus\":1", NULL, NULL },
	{ "\"rng\":{",
	    "\"vsock\":{\"cid\":3,\"id\":\"_vsock6\",\"socket\":\"v\"},"
	    "\"rng\":{",
	    "state.json: _vsock6 of config.json is not in it" },
	{ "\"rng\":{",
	    "\"net\":[{\"id\":\"__rng\",\"mac\":\"52:54:00:00:00:01\"}],"
	    "\"rng\":{",
	    "state.json: __rng: 1 queues, config.json has 2" },
};

ATF_TC_WITHOUT_HEAD(match__table);
ATF_TC_BODY(match__table, tc)
{
	char *config = sample_read(tc, "config.json"), *text;
	char *good = sample_read(tc, "state.json");
	struct error err = { 0 };
	struct ch_config c;
	struct ch_state s;
	size_t i;

	ATF_REQUIRE_EQ(0, ch_state_decode(&s, NULL, good, strlen(good), &err));
	for (i = 0; i < sizeof(mismatches) / sizeof(mismatches[0]); i++) {
		text = sample_change(config, mismatches[i].from,
		    mismatches[i].to == NULL ? mismatches[i].from
					     : mismatches[i].to);
		ATF_REQUIRE_EQ_MSG(0,
		    ch_config_decode(&c, text, strlen(text), &err), "%s",
		    err.msg);
		if (mismatches[i].message == NULL) {
			ATF_CHECK_EQ(0, ch_state_match(&s, &c, &err));
		} else {
			ATF_CHECK_EQ(-1, ch_state_match(&s, &c, &err));
			ATF_CHECK_EQ(EX_DATAERR, err.code);
			ATF_CHECK_STREQ(mismatches[i].message, err.msg);
		}
		ch_config_fini(&c);
		free(text);
	}
	free(config);
	free(good);
}

ATF_TC_WITHOUT_HEAD(without_memory__keeps_the_rest);
ATF_TC_BODY(without_memory__keeps_the_rest, tc)
{
	char *good = sample_read(tc, "state.json"), *out, *want;
	struct error err = { 0 };
	struct ch_state s;
	size_t len;

	ATF_REQUIRE_EQ_MSG(0,
	    ch_state_without_memory(&out, &len, good, strlen(good), &err), "%s",
	    err.msg);
	want = sample_change(good,
	    Q "data" Q ":[{" Q "gpa" Q ":0," Q "length" Q ":16777216}]",
	    Q "data" Q ":[]");
	ATF_CHECK_STREQ(want, out);
	ATF_REQUIRE_EQ(0, ch_state_decode(&s, NULL, out, len, &err));
	ATF_CHECK_EQ(0, s.saved_bytes);
	ATF_CHECK_EQ(16777216, s.ram_bytes);
	free(want);
	free(out);
	ATF_CHECK_EQ(-1, ch_state_without_memory(&out, &len, "{}", 2, &err));
	ATF_CHECK_STREQ("state.json: no member \"snapshots\"", err.msg);
	free(good);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, decode__recorded);
	ATF_TP_ADD_TC(tp, decode__two_ranges);
	ATF_TP_ADD_TC(tp, decode__damaged);
	ATF_TP_ADD_TC(tp, match__table);
	ATF_TP_ADD_TC(tp, without_memory__keeps_the_rest);
	return atf_no_error();
}
