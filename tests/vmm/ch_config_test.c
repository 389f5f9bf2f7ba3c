/* SPDX-License-Identifier: ISC */
#include "vmm/ch/ch_config.h"

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/strv.h"
#include "lib/ch_samples.h"

/* The recorded configuration with the first `from` in it become `to`. */
struct damage {
	const char *from, *to;
	int code;
	const char *message; /* behind "config.json: " */
};

static const struct damage damages[] = {
	{ "{\"cpus\"", "[{\"cpus\"", EX_DATAERR,
	    "not JSON: no comma at byte 1532" },
	{ "\"cpus\":{", "\"cpux\":{", EX_DATAERR, "no member \"cpus\"" },
	{ "\"boot_vcpus\":1", "\"boot_vcpus\":0", EX_DATAERR,
	    "cpus: \"boot_vcpus\" is 0, not within 1 and 255" },
	{ "\"boot_vcpus\":1", "\"boot_vcpus\":2", EX_DATAERR,
	    "cpus: \"max_vcpus\" is 1, not within 2 and 255" },
	{ "\"boot_vcpus\":1", "\"boot_vcpus\":18446744073709551617", EX_DATAERR,
	    "cpus: \"boot_vcpus\" is 18446744073709551617, not within 1 and "
	    "255" },
	{ "\"boot_vcpus\":1", "\"boot_vcpus\":\"1\"", EX_DATAERR,
	    "cpus: \"boot_vcpus\" is not an integer" },
	{ "\"memory\":{", "\"memory\":7,\"m\":{", EX_DATAERR,
	    "\"memory\" is not an object" },
	{ "\"size\":16777216", "\"size\":-16777216", EX_DATAERR,
	    "memory: \"size\" is -16777216, not within 0 and "
	    "70368744177664" },
	{ "\"size\":16777216", "\"size\":0,\"zones\":[]", EX_DATAERR,
	    "memory: none" },
	{ "\"size\":16777216", "\"size\":1.6e7", EX_DATAERR,
	    "memory: \"size\" is not an integer" },
	{ "\"size\":16777216",
	    "\"size\":1,\"zones\":[{\"id\":\"a\",\"size\":1}]", EX_DATAERR,
	    "memory: \"size\" and \"zones\" together" },
	{ "\"size\":16777216",
	    "\"size\":0,\"zones\":[{\"id\":\"a\",\"size\":1},"
	    "{\"id\":\"a\",\"size\":1}]",
	    EX_DATAERR, "memory: zones[1]: id \"a\" a second time" },
	{ "\"size\":16777216", "\"size\":0,\"zones\":[{\"size\":1}]",
	    EX_DATAERR, "memory: zones[0]: no member \"id\"" },
	{ "\"id\":\"_disk0\",", "", EX_DATAERR, "disks[0]: no member \"id\"" },
	{ "\"id\":\"_disk1\"", "\"id\":\"_disk0\"", EX_DATAERR,
	    "two devices with the id \"_disk0\"" },
	{ "\"id\":\"_disk1\"", "\"id\":\"../x\"", EX_DATAERR,
	    "disks[1]: \"id\" is \"../x\", no name" },
	{ "\"id\":\"_disk1\"", "\"id\":[]", EX_DATAERR,
	    "disks[1]: \"id\" is not a string" },
	{ "\"path\":\"/srv/vm/web/cow.raw\",", "", EX_DATAERR,
	    "disks[1]: no member \"path\"" },
	{ "/srv/vm/web/cow.raw", "/srv/vm/web/..", EX_DATAERR,
	    "disks[1]: \"path\" is \"/srv/vm/web/..\", which does not end in "
	    "a file name" },
	{ "/srv/vm/web/cow.raw", "/srv/image/layer0.raw", EX_DATAERR,
	    "disks[1]: \"path\" is \"/srv/image/layer0.raw\" a second time" },
	{ "\"num_queues\":1", "\"num_queues\":2", EX_DATAERR,
	    "disks[0]: \"num_queues\" is 2, there are 1 processors" },
	{ "\"queue_size\":128", "\"queue_size\":100", EX_DATAERR,
	    "disks[0]: \"queue_size\" is 100, no power of two" },
	{ "\"queue_size\":128", "\"queue_size\":65536", EX_DATAERR,
	    "disks[0]: \"queue_size\" is 65536, not within 3 and 32768" },
	{ "\"serial\":\"layer0\"", "\"serial\":\"layer0layer0layer0layer0\"",
	    EX_DATAERR, "disks[0]: \"serial\" is longer than 20 bytes" },
	{ "\"vhost_user\":false", "\"vhost_user\":true", EX_CONFIG,
	    "disks[0]: a vhost-user device: not supported" },
	{ "\"mode\":\"File\"", "\"mode\":\"file\"", EX_DATAERR,
	    "serial: \"mode\" is \"file\"" },
	{ "\"console\":{\"mode\":\"Off\",", "\"console\":{", EX_DATAERR,
	    "console: no member \"mode\"" },
	{ "\"rng\"",
	    "\"net\":[{\"id\":\"_net3\",\"tap\":\"0123456789abcdef\","
	    "\"mac\":\"52:54:00:00:00:01\"}],\"rng\"",
	    EX_DATAERR, "net[0]: \"tap\" is longer than 15 bytes" },
	{ "\"rng\"", "\"vsock\":{\"cid\":3},\"rng\"", EX_DATAERR,
	    "vsock: no member \"id\"" },
	{ "\"rng\"", "\"pmem\":[{\"file\":\"/etc/shadow\"}],\"rng\"", EX_CONFIG,
	    "\"pmem\": a device that is not the VM's alone: not supported" },
	{ "\"rng\"", "\"tpm\":{\"socket\":\"/s\"},\"rng\"", EX_CONFIG,
	    "\"tpm\": a device that is not the VM's alone: not supported" },
	{ "\"payload\":{\"kernel\":\"/srv/image/ticker.elf\"",
	    "\"payload\":{\"kernel\":[]", EX_DATAERR,
	    "payload: \"kernel\" is not a string" },
	{ "\"pvpanic\":false", "\"pvpanic\":false,\"cpus\":{}", EX_DATAERR,
	    "not JSON: member \"cpus\" a second time" },
};

ATF_TC_WITHOUT_HEAD(decode__damaged);
ATF_TC_BODY(decode__damaged, tc)
{
	char *good = sample_read(tc, "config.json"), *text;
	struct ch_config c;
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		text = sample_change(good, damages[i].from, damages[i].to);
		memset(&err, 0, sizeof(err));
		ATF_REQUIRE_EQ_MSG(-1,
		    ch_config_decode(&c, text, strlen(text), &err), "%s",
		    damages[i].message);
		ATF_CHECK_EQ_MSG(damages[i].code, err.code, "%s", err.msg);
		ATF_CHECK_EQ(0, strncmp(err.msg, "config.json: ", 13));
		ATF_CHECK_STREQ(damages[i].message, err.msg + 13);
		free(text);
	}
	free(good);
}

ATF_TC_WITHOUT_HEAD(decode__recorded);
ATF_TC_BODY(decode__recorded, tc)
{
	char *good = sample_read(tc, "config.json"), *text;
	const struct ch_disk *disk;
	struct error err = { 0 };
	struct ch_config c;

	ATF_REQUIRE_EQ_MSG(0, ch_config_decode(&c, good, strlen(good), &err),
	    "%s", err.msg);
	ATF_CHECK_EQ(1, c.vcpus);
	ATF_CHECK_EQ(16777216, c.memory_bytes);
	ATF_CHECK_EQ(0, c.zones_n);
	ATF_CHECK_EQ(3, c.disks_n);
	disk = ch_config_find_disk(&c, "/srv/vm/web/cow.raw");
	ATF_REQUIRE(disk == &c.disks[1]);
	ATF_CHECK_STREQ("_disk1", disk->id);
	ATF_CHECK_STREQ("cocoon-cow", disk->serial);
	ATF_CHECK_STREQ("Raw", disk->image_type);
	ATF_CHECK(!disk->readonly && c.disks[0].readonly);
	ATF_CHECK_EQ(128, disk->queue_size);
	ATF_CHECK_STREQ("File", c.serial_mode);
	ATF_CHECK_STREQ("Off", c.console_mode);
	ATF_CHECK_STREQ("/srv/image/ticker.elf", c.kernel);
	ATF_CHECK_STREQ("console=ttyS0", c.cmdline);
	/* Nothing was changed, so nothing differs. */
	ATF_REQUIRE_EQ(0, ch_config_text(&text, NULL, &c, &err));
	ATF_CHECK_STREQ(good, text);
	free(text);
	ch_config_fini(&c);
	free(good);
}

/* Like a clone's: a layer, an overlay over the cow disk, a data disk. */
static void
patch_clone(struct ch_config *c)
{
	static const struct ch_disk_patch disks[] = {
		{ "layer0", NULL, false, false, "Raw" },
		{ "cow.1.qcow2", NULL, false, true, "Qcow2" },
		{ "data-data1.raw", NULL, true, false, "Raw" },
	};
	struct error err = { 0 };
	size_t i;

	for (i = 0; i < 3; i++)
		ATF_REQUIRE_EQ(0,
		    ch_config_set_disk(c, &c->disks[i], &disks[i], &err));
	ATF_REQUIRE_EQ(0, ch_config_set_memory(c, "template.raw", false, &err));
	ATF_REQUIRE_EQ(0, ch_config_set_lines(c, "Tty", "Off", &err));
	ATF_REQUIRE_EQ(0, ch_config_set_boot(c, "kernel", NULL, NULL, &err));
	ATF_REQUIRE_EQ(0, ch_config_set_host(c, &err));
	ATF_REQUIRE_EQ(0, ch_config_set_vsock(c, "vsock.sock", &err));
}

ATF_TC_WITHOUT_HEAD(patch__golden);
ATF_TC_BODY(patch__golden, tc)
{
	char *good = sample_read(tc, "config.json"), *text, *want;
	struct error err = { 0 };
	struct ch_config c;

	ATF_REQUIRE_EQ(0, ch_config_decode(&c, good, strlen(good), &err));
	patch_clone(&c);
	ATF_REQUIRE_EQ(0, ch_config_text(&text, NULL, &c, &err));
	want = sample_read(tc, "clone.json");
	ATF_CHECK_STREQ(want, text);
	free(want);
	free(text);
	ch_config_fini(&c);
	free(good);
}

/* What a hostile configuration could have the VMM open, and odd numbers. */
static const struct {
	const char *from, *to;
	const char *gone; /* not in the result; NULL: `to` is */
} odd_rows[] = {
	{ "/dev/urandom", "/etc/shadow", "shadow" },
	{ "/dev/urandom", "/dev/hwrng", NULL },
	{ "{\"mode\":\"Off\",\"iobase\"",
	    "{\"mode\":\"File\",\"file\":\"/etc/passwd\",\"iobase\"",
	    "passwd" },
	{ "\"landlock_enable\":false",
	    "\"landlock_enable\":true,\"landlock_rules\":[{\"path\":\"/\"}]",
	    "rules" },
	{ "\"boot_vcpus\":1",
	    "\"boot_vcpus\":1,\"affinity\":[{\"vcpu\":0,\"host_cpus\":[9]}]",
	    "affinity" },
	{ "\"readonly\":true",
	    "\"readonly\":true,\"queue_affinity\":[{\"queue_index\":0}]",
	    "affinity" },
	{ "\"cmdline\"", "\"initramfs\":\"/etc/shadow\",\"cmdline\"",
	    "shadow" },
	{ "\"cmdline\"", "\"firmware\":\"/etc/shadow\",\"cmdline\"", "shadow" },
	{ "\"rng\":",
	    "\"vsock\":{\"cid\":3,\"id\":\"v\",\"socket\":\"/a\"},"
	    "\"rng\":",
	    "\"/a\"" },
	{ "\"iommu\":false", "\"iommu\":false,\"later\":[18446744073709551617]",
	    NULL },
	{ "\"iommu\":false", "\"iommu\":false,\"real\":{\"x\":1.50}", NULL },
};

ATF_TC_WITHOUT_HEAD(patch__of_odd_members);
ATF_TC_BODY(patch__of_odd_members, tc)
{
	char *good = sample_read(tc, "config.json"), *text, *out;
	struct error err = { 0 };
	struct ch_config c;
	bool there;
	size_t i;

	for (i = 0; i < sizeof(odd_rows) / sizeof(odd_rows[0]); i++) {
		text = sample_change(good, odd_rows[i].from, odd_rows[i].to);
		ATF_REQUIRE_EQ_MSG(0,
		    ch_config_decode(&c, text, strlen(text), &err), "%s",
		    err.msg);
		patch_clone(&c);
		ATF_REQUIRE_EQ(0, ch_config_text(&out, NULL, &c, &err));
		there = strstr(out,
			    odd_rows[i].gone == NULL
				? odd_rows[i].to
				: odd_rows[i].gone) != NULL;
		ATF_CHECK_EQ_MSG(odd_rows[i].gone == NULL, there, "%s", out);
		free(out);
		free(text);
		ch_config_fini(&c);
	}
	free(good);
}

/* A file that its reader refuses is not made. */
ATF_TC_WITHOUT_HEAD(text__bytes);
ATF_TC_BODY(text__bytes, tc)
{
	char *good = sample_read(tc, "config.json"), *text, *out;
	struct error err = { 0 };
	struct ch_config c;
	size_t more, len, room;
	int rc;

	for (more = 0; more < 2; more++) {
		room = CH_CONFIG_BYTES_MAX - strlen(good) - 7 + more;
		ATF_REQUIRE(asprintf(&text, "{\"x\":\"%*s\",%s", (int)room, "",
				good + 1) != -1);
		ATF_REQUIRE_EQ(CH_CONFIG_BYTES_MAX + more, strlen(text));
		ATF_REQUIRE_EQ_MSG(0,
		    ch_config_decode(&c, text, strlen(text), &err), "%s",
		    err.msg);
		rc = ch_config_text(&out, &len, &c, &err);
		ATF_CHECK_EQ_MSG(more == 0 ? 0 : -1, rc, "%s", err.msg);
		if (rc == 0) {
			ATF_CHECK_STREQ(text, out);
			free(out);
		} else {
			ATF_CHECK_EQ(EX_DATAERR, err.code);
		}
		ch_config_fini(&c);
		free(text);
	}
	free(good);
}

ATF_TC_WITHOUT_HEAD(patch__memory);
ATF_TC_BODY(patch__memory, tc)
{
	static const char zoned[] =
	    "\"size\":0,\"zones\":[{\"id\":\"mem0\",\"size\":16777216,"
	    "\"file\":\"memory.raw\",\"shared\":true}]";
	char *good = sample_read(tc, "config.json"), *text, *out;
	struct error err = { 0 };
	struct ch_config c;

	text = sample_change(good, "\"size\":16777216", zoned);
	ATF_REQUIRE_EQ(0, ch_config_decode(&c, text, strlen(text), &err));
	ATF_CHECK_EQ(16777216, c.memory_bytes);
	ATF_REQUIRE_EQ(0, ch_config_set_memory(&c, NULL, false, &err));
	ATF_REQUIRE_EQ(0, ch_config_text(&out, NULL, &c, &err));
	ATF_CHECK(strstr(out,
		      "\"zones\":[{\"id\":\"mem0\",\"size\":16777216,"
		      "\"shared\":false}]") != NULL);
	free(out);
	ch_config_fini(&c);
	free(text);

	text = sample_change(good, "\"size\":16777216",
	    "\"size\":0,\"zones\":[{\"id\":\"a\",\"size\":8388608},"
	    "{\"id\":\"b\",\"size\":8388608}]");
	ATF_REQUIRE_EQ(0, ch_config_decode(&c, text, strlen(text), &err));
	ATF_CHECK_EQ(-1, ch_config_set_memory(&c, "x", false, &err));
	ATF_CHECK_STREQ("config.json: memory in 2 zones: not supported",
	    err.msg);
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ch_config_fini(&c);
	free(text);

	/* Files of the saving host are no memory here. */
	text = sample_change(good, "\"size\":16777216",
	    "\"size\":0,\"zones\":[{\"id\":\"a\",\"size\":8388608,"
	    "\"shared\":true},{\"id\":\"b\",\"size\":8388608,"
	    "\"file\":\"/etc/passwd\",\"shared\":true}]");
	ATF_REQUIRE_EQ(0, ch_config_decode(&c, text, strlen(text), &err));
	ATF_REQUIRE_EQ(0, ch_config_set_memory(&c, NULL, false, &err));
	ATF_REQUIRE_EQ(0, ch_config_text(&out, NULL, &c, &err));
	ATF_CHECK_MSG(strstr(out,
			  "[{\"id\":\"a\",\"size\":8388608,\"shared\":true},"
			  "{\"id\":\"b\",\"size\":8388608,"
			  "\"shared\":false}]") != NULL,
	    "%s", out);
	free(out);
	ch_config_fini(&c);
	free(text);
	free(good);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, decode__recorded);
	ATF_TP_ADD_TC(tp, decode__damaged);
	ATF_TP_ADD_TC(tp, patch__golden);
	ATF_TP_ADD_TC(tp, patch__of_odd_members);
	ATF_TP_ADD_TC(tp, text__bytes);
	ATF_TP_ADD_TC(tp, patch__memory);
	return atf_no_error();
}
