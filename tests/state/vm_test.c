/* SPDX-License-Identifier: ISC */
/* Records of VMs: what is written is read again, and what is wrong is not. */
#include "state/vm.h"

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"

#define ID "abcdefghijklmnopqrstuvwxyz"
#define DIGEST                                                                  \
	"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd" \
	"ef"
/* A whole record in which a case replaces one piece of text. */
#define RECORD                                                                             \
	"{\"record\":1,\"id\":\"" ID "\",\"name\":\"web\","                                \
	"\"hypervisor\":\"qemu\",\"config\":{\"cpu\":2,\"memory\":67108864,"               \
	"\"storage\":8388608,\"image\":\"base.img\",\"kernel\":true,"                      \
	"\"initrd\":false,\"firmware\":false,\"firmware_vars\":false,\"cmdline\":\"a b\"," \
	"\"console_max\":16384,"                                                           \
	"\"machine\":\"pc-q35-7.2\",\"cpu_model\":\"host\","                               \
	"\"saved_version\":\"7.2.22\",\"memory_backing\":\"file\","                        \
	"\"accel\":\"auto\"},\"storage_configs\":[{\"path\":\"cow.1.qcow2\","              \
	"\"ro\":false,\"serial\":\"cocoon-cow\",\"role\":\"cow\","                         \
	"\"backing\":[\"cow.raw\"]}],\"network_configs\":[{\"type\":\"user\","             \
	"\"mac\":\"52:54:00:00:00:01\"}],\"snapshot_ids\":[\"" ID "\"],"                   \
	"\"identity\":{\"vmgenid\":\"offered\",\"mac\":\"inherited\","                     \
	"\"instance_id\":\"inherited\",\"hostname\":\"inherited\","                        \
	"\"clock\":{\"behind_s\":7},\"refresh\":{\"thaw\":{\"result\":"                    \
	"\"unconfirmed\",\"ms\":10.5,\"why\":\"silent\"},\"ssh_keys\":"                    \
	"{\"result\":\"confirmed\",\"ms\":0.25}}},\"restored_from\":\"" ID                 \
	"\","                                                                              \
	"\"restored_at\":\"2026-11-21T08:00:00Z\","                                        \
	"\"saved_at\":\"2026-11-21T07:00:00Z\",\"error\":\"why\","                         \
	"\"created_at\":\"2026-11-21T06:00:00Z\","                                         \
	"\"updated_at\":\"1970-01-01T00:00:00.000000Z\","                                  \
	"\"started_at\":\"2026-11-21T08:00:00Z\","                                         \
	"\"stopped_at\":\"2026-11-21T09:00:00Z\","                                         \
	"\"memory_backing\":\"template\",\"accel\":\"tcg\",\"layers\":["                   \
	"{\"name\":\"layer0\",\"size\":4096,\"fsverity\":\"" DIGEST "\","                  \
	"\"path\":\"/l/a\"}],\"frozen\":[{\"name\":\"cow.raw\",\"size\":"                  \
	"8388608,\"fsverity\":\"" DIGEST "\"}],\"process\":{\"pid\":42,"                   \
	"\"start_ticks\":7,\"boot_id\":\"boot\",\"pid_ns\":9},"                            \
	"\"to_load\":true,\"thaw\":\"due\",\"console_marked\":true,\"console_from\":123}"

static int
here(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ATF_REQUIRE(fd != -1);
	return fd;
}

static void
plant(int dirfd, const char *text)
{
	ATF_REQUIRE_EQ(0,
	    fd_replace_file(dirfd, VM_RECORD_NAME, text, strlen(text), false,
		NULL));
}

ATF_TC_WITHOUT_HEAD(record__round_trip);
ATF_TC_BODY(record__round_trip, tc)
{
	const struct timespec epoch = { 0 };
	struct error err = { 0 };
	json_t *before, *after;
	int dirfd = here();
	struct vm vm;

	plant(dirfd, RECORD);
	ATF_REQUIRE_EQ_MSG(0, vm_read(&vm, dirfd, &err), "%s", err.msg);
	ATF_CHECK_EQ(42, vm.proc.pid);
	ATF_CHECK_EQ(VM_MEMORY_FILE, vm.memory_choice);
	ATF_CHECK_EQ(VM_MEMORY_TEMPLATE, vm.memory);
	ATF_CHECK_EQ(123, vm.console_from);
	ATF_CHECK(vm.console_marked);
	ATF_CHECK_EQ(16384, vm.machine.console_max_bytes);
	ATF_CHECK(vm.to_load);
	ATF_CHECK_EQ(VM_THAW_DUE, vm.thaw);
	ATF_CHECK_EQ(10500, vm.identity.refreshed[VM_REFRESH_THAW].us);
	ATF_CHECK(vm_owns_snapshot(&vm, ID, ""));
	ATF_CHECK(vm_find_frozen(&vm, "cow.raw") != NULL);
	ATF_CHECK_EQ_MSG(0, vm_write(&vm, dirfd, false, &epoch, &err), "%s",
	    err.msg);
	vm_fini(&vm);
	ATF_REQUIRE_EQ(0, json_parse(&before, RECORD, strlen(RECORD), &err));
	ATF_REQUIRE_EQ(0,
	    json_parse_file(&after, dirfd, VM_RECORD_NAME, VM_RECORD_BYTES_MAX,
		&err));
	ATF_CHECK_MSG(json_equal(before, after), "%s",
	    json_dumps(after, JSON_COMPACT));
	json_decref(before);
	json_decref(after);
	close(dirfd);
}

/* A new VM's record has only what it must. */
ATF_TC_WITHOUT_HEAD(record__smallest);
ATF_TC_BODY(record__smallest, tc)
{
	static const char text[] = "{\"record\":1,\"id\":\"" ID
				   "\",\"hypervisor\":\"qemu\",\"config\":"
				   "{\"cpu\":1,\"memory\":1048576},"
				   "\"storage_configs\":[]}";
	struct error err = { 0 };
	int dirfd = here();
	struct vm vm;

	plant(dirfd, text);
	ATF_REQUIRE_EQ_MSG(0, vm_read(&vm, dirfd, &err), "%s", err.msg);
	ATF_CHECK_STREQ("", vm.name);
	ATF_CHECK_EQ(0, vm.proc.pid);
	ATF_CHECK(!vm_is_alive(&vm));
	vm_fini(&vm);
	close(dirfd);
}

/* RECORD with the first `from` replaced by `to`; the caller frees it. */
static char *
replaced(const char *from, const char *to)
{
	const char *at = strstr(RECORD, from);
	char *text;

	ATF_REQUIRE_MSG(at != NULL, "no %s in the record", from);
	ATF_REQUIRE(asprintf(&text, "%.*s%s%s", (int)(at - RECORD), RECORD, to,
			at + strlen(from)) != -1);
	return text;
}

static const struct {
	const char *from, *to;
} table[] = {
	{ "\"record\":1", "\"record\":2" },
	{ "\"thaw\":\"due\"", "\"thaw\":\"never\"" },
	{ "\"thaw\":\"due\"", "\"thaw\":true" },
	{ "\"ms\":10.5", "\"ms\":-1" },
	{ "\"ms\":10.5", "\"ms\":1e10" },
	{ "\"ms\":10.5", "\"ms\":\"1\"" },
	{ "\"ms\":10.5,", "" },
	{ "\"result\":\"confirmed\",", "" },
	{ "\"why\":\"silent\"", "\"why\":[]" },
	{ "\"record\":1", "\"record\":\"1\"" },
	{ "\"record\":1,", "" },
	{ "\"id\":\"" ID "\",", "" },
	{ "\"id\":\"" ID "\"", "\"id\":\"../../../../etc/passwd/aaa\"" },
	{ "\"id\":\"" ID "\"", "\"id\":7" },
	{ "\"name\":\"web\"", "\"name\":\"../web\"" },
	{ "\"name\":\"web\"", "\"name\":null" },
	{ "\"hypervisor\":\"qemu\",", "" },
	{ "\"hypervisor\":\"qemu\"", "\"hypervisor\":[]" },
	{ "\"cpu\":2", "\"cpu\":-1" },
	{ "\"cpu\":2", "\"cpu\":256" },
	{ "\"cpu\":2", "\"cpu\":1.5" },
	{ "\"memory\":67108864", "\"memory\":-1" },
	{ "\"memory\":67108864", "\"memory\":1" },
	{ "\"memory\":67108864", "\"memory\":9223372036854775807" },
	{ "\"memory\":67108864", "\"memory\":18446744073709551616" },
	{ "\"storage\":8388608", "\"storage\":-512" },
	{ "\"kernel\":true", "\"kernel\":1" },
	{ "\"cmdline\":\"a b\"", "\"cmdline\":{}" },
	{ "\"memory_backing\":\"file\"", "\"memory_backing\":\"disk\"" },
	{ "\"accel\":\"auto\"", "\"accel\":\"xen\"" },
	{ "\"storage_configs\":[", "\"storage_configs\":7,\"x\":[" },
	{ "\"path\":\"cow.1.qcow2\"", "\"path\":\"\"" },
	{ "\"role\":\"cow\"", "\"role\":\"root\"" },
	{ "\"backing\":[\"cow.raw\"]", "\"backing\":[\"../x\"]" },
	{ "\"backing\":[\"cow.raw\"]", "\"backing\":[7]" },
	{ "\"mac\":\"52:54:00:00:00:01\"", "\"mac\":\"x\"" },
	{ "\"snapshot_ids\":[\"" ID "\"]", "\"snapshot_ids\":[\"x\"]" },
	{ "\"snapshot_ids\":[\"" ID "\"]", "\"snapshot_ids\":{}" },
	{ "\"clock\":{\"behind_s\":7}", "\"clock\":7" },
	{ "\"behind_s\":7", "\"behind_s\":-7" },
	{ "\"created_at\":\"2026-11-21T06:00:00Z\"", "\"created_at\":0" },
	{ "\"name\":\"layer0\"", "\"name\":\"../layer0\"" },
	{ "\"name\":\"layer0\"", "\"name\":\"a/b\"" },
	{ "\"size\":4096", "\"size\":9223372036854775807" },
	{ DIGEST, "sha256:0123" },
	{ DIGEST, "md5:0123456789abcdef0123456789abcdef" },
	{ "\"name\":\"cow.raw\"", "\"name\":\"..\"" },
	{ "\"pid\":42", "\"pid\":0" },
	{ "\"pid\":42", "\"pid\":-1" },
	{ "\"pid\":42", "\"pid\":4294967297" },
	{ "\"start_ticks\":7,", "" },
	{ "\"boot_id\":\"boot\"",
	    "\"boot_id\":\"0123456789012345678"
	    "901234567890123456789\"" },
	{ "\"to_load\":true", "\"to_load\":\"true\"" },
	{ "\"console_from\":123", "\"console_from\":-123" },
	{ "\"console_max\":16384", "\"console_max\":16383" },
	{ "\"console_max\":16384", "\"console_max\":0" },
	{ "\"console_marked\":true", "\"console_marked\":1" },
	{ "\"console_from\":123}", "\"console_from\":123" },
	{ "\"console_from\":123}", "\"console_from\":123}}" },
	{ "\"console_from\":123", "\"id\":\"" ID "\"" },
};

ATF_TC_WITHOUT_HEAD(record__hostile);
ATF_TC_BODY(record__hostile, tc)
{
	int dirfd = here();
	struct error err;
	struct vm vm;
	char *text;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		text = replaced(table[i].from, table[i].to);
		plant(dirfd, text);
		memset(&err, 0, sizeof(err));
		vm_init(&vm);
		ATF_CHECK_EQ_MSG(-1, vm_read(&vm, dirfd, &err), "%s: taken",
		    table[i].to);
		ATF_CHECK_EQ_MSG(EX_DATAERR, err.code, "%s: %s", table[i].to,
		    err.msg);
		ATF_CHECK_MSG(strncmp(err.msg, "vm.json: ", 9) == 0, "%s",
		    err.msg);
		ATF_CHECK_EQ('\0', vm.id[0]);
		free(text);
	}
	close(dirfd);
}

ATF_TC_WITHOUT_HEAD(record__no_file);
ATF_TC_BODY(record__no_file, tc)
{
	struct error err = { 0 };
	int dirfd = here();
	struct vm vm;

	ATF_CHECK_EQ(-1, vm_read(&vm, dirfd, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_REQUIRE_EQ(0, symlink("/etc/passwd", VM_RECORD_NAME));
	ATF_CHECK_EQ(-1, vm_read(&vm, dirfd, &err));
	ATF_CHECK_EQ_MSG(EX_DATAERR, err.code, "%s", err.msg);
	unlink(VM_RECORD_NAME);
	/* Larger than any record. */
	ATF_REQUIRE_EQ(0,
	    close(open(VM_RECORD_NAME, O_CREAT | O_WRONLY, 0600)));
	ATF_REQUIRE_EQ(0, truncate(VM_RECORD_NAME, VM_RECORD_BYTES_MAX + 1));
	ATF_CHECK_EQ(-1, vm_read(&vm, dirfd, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	close(dirfd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, record__round_trip);
	ATF_TP_ADD_TC(tp, record__smallest);
	ATF_TP_ADD_TC(tp, record__hostile);
	ATF_TP_ADD_TC(tp, record__no_file);
	return atf_no_error();
}
