/* SPDX-License-Identifier: ISC */
/* Firecracker's machines booted and states loaded, as they were recorded. */
#include "lib/fc_bed.h"

#define LOAD_BODY                                                              \
	"\"vmstate\",\"mem_backend\":{\"backend_type\":\"File\","              \
	"\"backend_path\":\"template.raw\"},\"track_dirty_pages\":true,"       \
	"\"resume_vm\":false,\"network_overrides\":[{\"iface_id\":\"eth0\","   \
	"\"host_dev_name\":\"instar1\"}],\"vsock_override\":"                  \
	"{\"uds_path\":\"vsock.sock\"}}"
#define BACKEND                                                                \
	"\"mem_backend\":{\"backend_type\":\"File\",\"backend_path\":"         \
	"\"/srv/snap/golden/mem\"}"
/* Each of the recorded loads, whatever was wrong with it, is ours. */
#define LOAD_SWAPS                                                             \
	DISK_SWAPS                                                             \
	"-s '\"/srv/snap/golden/vmstate\"," BACKEND                            \
	",\"network_overrides\":[{\"iface_id\":\"eth0\",\"host_dev_name\":"    \
	"\"instar1\"}],\"vsock_override\":{\"uds_path\":"                      \
	"\"/srv/vm/c1.vsock\"},\"resume_vm\":false}=" LOAD_BODY "' "           \
	"-s '\"/srv/snap/golden/vmstate\"," BACKEND                            \
	",\"network_overrides\":[{\"iface_id\":\"eth0\",\"host_dev_name\":"    \
	"\"instar1\"}]}=" LOAD_BODY "' "                                       \
	"-s '\"/srv/snap/golden/vmstate\"," BACKEND                            \
	",\"network_overrides\":[{\"iface_id\":\"eth7\",\"host_dev_name\":"    \
	"\"instar1\"}]}=" LOAD_BODY "' "                                       \
	"-s '\"/srv/snap/golden/vmstate\"," BACKEND "}=" LOAD_BODY "' "        \
	"-s '\"/srv/snap/golden/none\"," BACKEND "}=" LOAD_BODY "' "           \
	"-s '\"/srv/snap/bad/vmstate.crc\"," BACKEND "}=" LOAD_BODY "' "       \
	"-s '\"/srv/snap/bad/vmstate.cut\"," BACKEND "}=" LOAD_BODY "' "       \
	"-s '\"/srv/snap/golden/vmstate\",\"mem_backend\":{\"backend_type\":"  \
	"\"File\",\"backend_path\":\"/srv/snap/golden/none\"}}=" LOAD_BODY     \
	"' -s '\"/srv/snap/golden/vmstate\",\"mem_backend\":"                  \
	"{\"backend_type\":\"File\",\"backend_path\":"                         \
	"\"/srv/snap/bad/mem.short\"}}=" LOAD_BODY "' "
#define OUR_VSOCK                                                              \
	"-s '\"uds_path\":\"/srv/vm/c1.vsock\"=\"uds_path\":\"vsock.sock\"' "

/* What holds its disks' locks: descriptors in the order of the paths. */
static void
check_locks(const struct bed *b)
{
	static const char *const paths[] = { "cow.raw", "data-data1.raw",
		"layer0.raw" };
	char link[64], to[PATH_MAX];
	ssize_t n;
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%zu",
		    (int)b->vm.proc.pid, 3 + i);
		n = readlink(link, to, sizeof(to) - 1);
		ATF_REQUIRE_MSG(n > 0, "%s: %s", link, strerror(errno));
		to[n] = '\0';
		ATF_CHECK_STREQ(paths[i], strrchr(to, '/') + 1);
	}
}

ATF_TC_WITHOUT_HEAD(boot__as_recorded);
ATF_TC_BODY(boot__as_recorded, tc)
{
	struct error err = { 0 };
	enum vmm_state state;
	struct bed b = { 0 };
	char version[32];

	make_program(&b, tc, "-l played " BOOT_SWAPS,
	    "2 18 20 25 26 27 30 28 35 36 44 45 47 55 56 57 2");
	make_vm(&b, "instar0");
	b.vm.unconfined = true; /* what it was asked is a file */
	ATF_REQUIRE_EQ_MSG(0, start(&b, &err), "%s", err.msg);
	ATF_CHECK_EQ(VM_MEMORY_PRIVATE, b.vm.memory);
	ATF_CHECK_EQ(VM_ACCEL_KVM, b.vm.accel);
	ATF_CHECK(b.vm.started_at[0] != '\0');
	check_locks(&b);
	ATF_CHECK_EQ_MSG(0, vmm_resume(b.vmm, &err), "%s", err.msg);
	ATF_CHECK_EQ_MSG(0, vmm_query(b.vmm, &state, &err), "%s", err.msg);
	ATF_CHECK_EQ(VMM_RUNNING, state);
	ATF_CHECK_EQ_MSG(0, vmm_pause(b.vmm, &err), "%s", err.msg);
	ATF_CHECK_EQ(0, vmm_pause(b.vmm, &err));
	ATF_CHECK_EQ(0, vmm_query(b.vmm, &state, &err));
	ATF_CHECK_EQ(VMM_PAUSED, state);
	ATF_CHECK_EQ_MSG(0, vmm_resume(b.vmm, &err), "%s", err.msg);
	ATF_CHECK_EQ(0, vmm_resume(b.vmm, &err));
	ATF_CHECK_EQ(0,
	    fc_call(b.vmm, "PUT", "/actions",
		json_pack("{s:s}", "action_type", "SendCtrlAltDel"), NULL,
		clock_ms() + CALL_MS, &err));
	ATF_CHECK_EQ(0,
	    fc_ask_version(b.vmm, version, sizeof(version),
		clock_ms() + CALL_MS, &err));
	ATF_CHECK_STREQ("1.16.1", version);
	bed_end(&b);
}

/* What Firecracker refuses is told in its own words, and nothing runs. */
ATF_TC_WITHOUT_HEAD(boot__refused);
ATF_TC_BODY(boot__refused, tc)
{
	static const struct {
		const char *options, *calls, *message;
	} cases[] = {
		{ "-s '\"1.16.1\"=\"1.12.0\"' ", "2",
		    "Firecracker 1.12.0: not one of 1.13 to 1.16" },
		{ "-s '\"1.16.1\"=\"1.17.0\"' ", "2",
		    "Firecracker 1.17.0: not one of 1.13 to 1.16" },
		{ "-s '\"firecracker_version\"=\"version\"' ", "2",
		    "Firecracker: GET /version: no member "
		    "\"firecracker_version\"" },
		{ "-s '{\"vcpu_count\":0,\"mem_size_mib\":16}="
		  "{\"vcpu_count\":1,\"mem_size_mib\":16,\"smt\":false,"
		  "\"track_dirty_pages\":true}' ",
		    "2 16",
		    "Firecracker: PUT /machine-config: Machine config error: "
		    "The number of vCPUs must be greater than 0, less than 32 "
		    "and must be 1 or an even number if SMT is enabled." },
		{ "-s '{\"kernel_image_path\":\"/srv/image/none\"}="
		  "{\"kernel_image_path\":\"kernel\",\"boot_args\":"
		  "\"" CMDLINE "\"}' ",
		    "2 18 19",
		    "Firecracker: PUT /boot-source: Boot source error: The "
		    "kernel file cannot be opened: No such file or directory "
		    "(os error 2)" },
		{ "-s '\"/srv/image/none\",\"is_root_device\":false,"
		  "\"is_read_only\":true}=\"layer0.raw\",\"is_root_device\":"
		  "false,\"is_read_only\":true,\"cache_type\":\"Unsafe\"}' ",
		    "2 18 20 21",
		    "Firecracker: PUT /drives/drive_0: Drive config error: "
		    "Unable to create the virtio block device: Virtio backend "
		    "error: Error manipulating the backing file: No such file "
		    "or directory (os error 2) /srv/image/none" },
		{ "-f cut@20 ", "2 18 20 25",
		    "Firecracker: PUT /boot-source: closed the connection "
		    "without an answer" },
		{ "-f garbage@18 ", "2 18 25", NULL },
		{ "-f flood@2 ", "2 18", NULL },
		{ "-e 2=7 ", "2 18", NULL },
	};
	struct error err;
	struct bed b;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char options[8192];

		memset(&b, 0, sizeof(b));
		memset(&err, 0, sizeof(err));
		snprintf(options, sizeof(options), "%s %s", BOOT_SWAPS,
		    cases[i].options);
		make_program(&b, tc, options, cases[i].calls);
		make_vm(&b, "instar0");
		ATF_CHECK_EQ_MSG(-1, start(&b, &err), "case %zu", i);
		ATF_CHECK_EQ_MSG(EX_UNAVAILABLE, err.code, "case %zu: %d", i,
		    err.code);
		ATF_CHECK_MSG(cases[i].message == NULL ||
			strcmp(err.msg, cases[i].message) == 0,
		    "case %zu: %s", i, err.msg);
		ATF_CHECK_MSG(strncmp(err.msg, "Firecracker", 11) == 0,
		    "case %zu: %s", i, err.msg);
		ATF_CHECK(!vm_is_alive(&b.vm));
		bed_end(&b);
	}
}

/* A start without a kernel is refused at the first resume. */
ATF_TC_WITHOUT_HEAD(resume__refused);
ATF_TC_BODY(resume__refused, tc)
{
	struct error err = { 0 };
	enum vmm_state state;
	struct bed b = { 0 };

	make_program(&b, tc, BOOT_SWAPS, "2 18 20 25 26 27 30 28 9 1 10 12 43");
	make_vm(&b, "instar0");
	ATF_REQUIRE_EQ_MSG(0, start(&b, &err), "%s", err.msg);
	ATF_CHECK_EQ(-1, vmm_resume(b.vmm, &err));
	ATF_CHECK_STREQ("Firecracker: PUT /actions: Start microvm error: "
			"Cannot start microvm without kernel configuration.",
	    err.msg);
	ATF_CHECK_EQ(0, vmm_query(b.vmm, &state, &err));
	ATF_CHECK_EQ(VMM_UNREADY, state);
	ATF_CHECK_EQ(-1, vmm_pause(b.vmm, &err));
	ATF_CHECK_STREQ("Firecracker: PATCH /vm: The requested operation is "
			"not supported before starting the microVM.",
	    err.msg);
	ATF_CHECK_EQ(-1, vmm_power_button(b.vmm, &err));
	ATF_CHECK_STREQ("Firecracker: PUT /actions: The requested operation "
			"is not supported before starting the microVM.",
	    err.msg);
	bed_end(&b);
}

/* Something that is not Firecracker at all says so in the log. */
ATF_TC_WITHOUT_HEAD(boot__program_ends);
ATF_TC_BODY(boot__program_ends, tc)
{
	struct error err = { 0 };
	struct bed b = { 0 };

	make_program(&b, tc, "--nonsense", "2");
	make_vm(&b, "instar0");
	ATF_CHECK_EQ(-1, start(&b, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_MSG(strncmp(err.msg, "Firecracker: ", 13) == 0, "%s",
	    err.msg);
	bed_end(&b);
	memset(&b, 0, sizeof(b));
	make_vm(&b, "instar0");
	ATF_REQUIRE_EQ(0, setenv("INSTAR_FIRECRACKER", "/nonexistent", 1));
	ATF_CHECK_EQ(-1, vmm_check_program("firecracker", &err));
	ATF_CHECK_STREQ(
	    "INSTAR_FIRECRACKER: /nonexistent: No such file or directory",
	    err.msg);
	ATF_CHECK_EQ(-1, start(&b, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	bed_end(&b);
}

/* The recorded state, and a memory for it. */
static void
put_state(const atf_tc_t *tc)
{
	char path[PATH_MAX], *text;
	size_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/../data/good/fc_state/vmstate",
	    atf_tc_get_config_var(tc, "srcdir"));
	ATF_REQUIRE_EQ(0,
	    fd_slurp(&text, &len, AT_FDCWD, path, 1u << 20, NULL));
	fd = open("vmstate", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, fd_write(fd, text, len, "vmstate", NULL));
	fd_drop(&fd);
	free(text);
	fd = open("template.raw", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1 && ftruncate(fd, MEMORY) == 0);
	fd_drop(&fd);
}

ATF_TC_WITHOUT_HEAD(load__as_recorded);
ATF_TC_BODY(load__as_recorded, tc)
{
	struct error err = { 0 };
	enum vmm_state state;
	struct bed b = { 0 };

	make_program(&b, tc, LOAD_SWAPS OUR_VSOCK, "2 74 76 75 77");
	make_vm(&b, "instar1");
	/* Its own would be another: the guest keeps the one that it has. */
	snprintf(b.vm.machine.nics.v[0].mac, 18, "52:54:00:00:00:01");
	put_state(tc);
	b.vm.to_load = true;
	b.vm.memory = VM_MEMORY_TEMPLATE;
	ATF_REQUIRE_EQ_MSG(0, start(&b, &err), "%s", err.msg);
	ATF_CHECK_STREQ("52:54:00:12:34:56", b.vm.machine.nics.v[0].mac);
	ATF_CHECK_STREQ("inherited", b.vm.identity.mac);
	ATF_CHECK(b.vm.identity.vmgenid_offered);
	ATF_CHECK(!b.vm.to_load);
	ATF_CHECK_EQ_MSG(0, vmm_query(b.vmm, &state, &err), "%s", err.msg);
	ATF_CHECK_EQ(VMM_PAUSED, state);
	ATF_CHECK_EQ_MSG(0, vmm_resume(b.vmm, &err), "%s", err.msg);
	bed_end(&b);
}

/* Loads that are refused, by the program's words or by what is then told. */
static const struct {
	const char *options, *calls, *words;
	int code;
} refused_loads[] = {
	{ "-e 64=1", "2 64", "Device or resource busy (os error 16)",
	    EX_UNAVAILABLE },
	{ "-e 65=1", "2 65", "Address already in use (os error 98)",
	    EX_UNAVAILABLE },
	{ "-e 66=1", "2 66", "Unknown Network Device", EX_UNAVAILABLE },
	{ "-e 67=1", "2 67", "Failed to open snapshot file", EX_UNAVAILABLE },
	{ "-e 68=1", "2 68", "Failed to load guest memory", EX_UNAVAILABLE },
	{ "-e 69=1", "2 69", "exceeds largest possible file offset",
	    EX_UNAVAILABLE },
	{ "-e 70=1", "2 70", "CRC64 validation failed", EX_UNAVAILABLE },
	{ "-e 71=1", "2 71", "bitcode error", EX_UNAVAILABLE },
	{ "", "2 73", "not allowed after configuring boot-specific",
	    EX_UNAVAILABLE },
	{ "-s '\"1.16.1\"=\"1.14.4\"'", "2",
	    "vmstate: version: 10.0.0 of Firecracker 1.16, "
	    "Firecracker 1.14 loads 8.0",
	    EX_CONFIG },
	/* Loaded, and not what the record tells of. */
	{ "", "2 74 76",
	    "vmstate: has a vsock at /srv/vm/c1.vsock, not vsock.sock",
	    EX_DATAERR },
	{ OUR_VSOCK "-s '\"vcpu_count\":1,\"mem=\"vcpu_count\":2,"
		    "\"mem'",
	    "2 74 76", "vmstate: 2 processors, the envelope says 1",
	    EX_DATAERR },
	{ OUR_VSOCK "-s '\"mem_size_mib\":16=\"mem_size_mib\":32'", "2 74 76",
	    "vmstate: 33554432 bytes of memory, the envelope says "
	    "16777216",
	    EX_DATAERR },
	{ OUR_VSOCK "-s '\"mem_size_mib\":16,=\"mem\":16,'", "2 74 76",
	    "vmstate: no member \"mem_size_mib\"", EX_DATAERR },
	{ OUR_VSOCK "-s '\"path_on_host\":\"cow.raw\"="
		    "\"path_on_host\":\"/etc/shadow\"'",
	    "2 74 76",
	    "vmstate: drive /etc/shadow is none of the sidecar's disks",
	    EX_DATAERR },
	{ OUR_VSOCK "-s '\"path_on_host\":\"data-data1.raw\"="
		    "\"path_on_host\":\"cow.raw\"'",
	    "2 74 76", "vmstate: drive cow.raw is none of the sidecar's disks",
	    EX_DATAERR },
	{ OUR_VSOCK "-s '\"is_read_only\":true,\"path=\"is_read_only\":"
		    "false,\"path'",
	    "2 74 76",
	    "vmstate: drive layer0.raw is writable, the sidecar says "
	    "otherwise",
	    EX_DATAERR },
	{ OUR_VSOCK "-s '\"io_engine\":\"Sync\",\"socket\":null="
		    "\"io_engine\":\"Sync\",\"socket\":\"x\"'",
	    "2 74 76", "vmstate: a drive that is no file is not for us",
	    EX_DATAERR },
	{ OUR_VSOCK "-s '\"drives\":[=\"x\":['", "2 74 76",
	    "vmstate: no member \"drives\"", EX_DATAERR },
	{ OUR_VSOCK "-s '\"iface_id\":\"eth0\",\"host_dev_name\":"
		    "\"instar1\",\"guest=\"iface_id\":\"eth0\","
		    "\"host_dev_name\":\"eth0\",\"guest'",
	    "2 74 76", "vmstate: NIC eth0 is none of the sidecar's",
	    EX_DATAERR },
	{ "-f cut@76", "2 74 76 75",
	    "GET /vm/config: closed the connection without an answer",
	    EX_UNAVAILABLE },
	{ "-f half@74", "2 74 76",
	    "closed the connection in the middle of its answer",
	    EX_UNAVAILABLE },
};

ATF_TC_WITHOUT_HEAD(load__refused);
ATF_TC_BODY(load__refused, tc)
{
	char options[16384];
	struct error err;
	struct bed b;
	size_t i;

	for (i = 0; i < sizeof(refused_loads) / sizeof(refused_loads[0]); i++) {
		memset(&b, 0, sizeof(b));
		memset(&err, 0, sizeof(err));
		snprintf(options, sizeof(options), "%s %s", LOAD_SWAPS,
		    refused_loads[i].options);
		make_program(&b, tc, options, refused_loads[i].calls);
		make_vm(&b, "instar1");
		put_state(tc);
		b.vm.to_load = true;
		b.vm.memory = VM_MEMORY_TEMPLATE;
		ATF_CHECK_EQ_MSG(-1, start(&b, &err), "case %zu", i);
		ATF_CHECK_MSG(strstr(err.msg, refused_loads[i].words) != NULL,
		    "case %zu: %s", i, err.msg);
		ATF_CHECK_EQ_MSG(refused_loads[i].code, err.code,
		    "case %zu: %d: %s", i, err.code, err.msg);
		ATF_CHECK(!vm_is_alive(&b.vm));
		ATF_CHECK(b.vm.to_load);
		bed_end(&b);
	}
}

/* Its vsock has no place that this version could give it. */
ATF_TC_WITHOUT_HEAD(load__vsock_before_it_can_be_moved);
ATF_TC_BODY(load__vsock_before_it_can_be_moved, tc)
{
	static const char head[] = "\0\0\0\x64\x86\x84\x19\x10\x07\5"
				   "9.0.0\1\5vsock\2/v"
				   "\12layer0.raw\7cow.raw\16data-data1.raw";
	unsigned char raw[sizeof(head) - 1 + 8];
	struct error err = { 0 };
	struct bed b = { 0 };
	uint64_t crc;
	size_t i;
	int fd;

	make_program(&b, tc, "-s '\"1.16.1\"=\"1.15.1\"'", "2");
	make_vm(&b, "instar1");
	put_state(tc);
	memcpy(raw, head, sizeof(head) - 1);
	crc = fc_state_crc(0, raw, sizeof(head) - 1);
	for (i = 0; i < 8; i++)
		raw[sizeof(head) - 1 + i] = (unsigned char)(crc >> 8 * i);
	fd = open("vmstate", O_WRONLY | O_TRUNC | O_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, fd_write(fd, raw, sizeof(raw), "vmstate", NULL));
	fd_drop(&fd);
	b.vm.to_load = true;
	b.vm.memory = VM_MEMORY_TEMPLATE;
	ATF_REQUIRE_EQ(-1, start(&b, &err));
	ATF_CHECK_STREQ("vmstate: has a vsock, which Firecracker 1.15 cannot "
			"put elsewhere",
	    err.msg);
	ATF_CHECK_EQ(EX_CONFIG, err.code);
	ATF_CHECK(!vm_is_alive(&b.vm));
	bed_end(&b);
}

/* A file that the process has open and no VM of ours should have. */
ATF_TC_WITHOUT_HEAD(load__foreign_descriptor);
ATF_TC_BODY(load__foreign_descriptor, tc)
{
	struct error err = { 0 };
	struct bed b = { 0 };

	make_program(&b, tc, LOAD_SWAPS OUR_VSOCK "9</etc/passwd", "2 74 76");
	make_vm(&b, "instar1");
	put_state(tc);
	b.vm.to_load = true;
	b.vm.unconfined = true; /* else it cannot */
	ATF_CHECK_EQ(-1, start(&b, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("vmstate: made Firecracker open /etc/passwd, which is "
			"none of the VM's files",
	    err.msg);
	bed_end(&b);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, boot__as_recorded);
	ATF_TP_ADD_TC(tp, boot__refused);
	ATF_TP_ADD_TC(tp, boot__program_ends);
	ATF_TP_ADD_TC(tp, resume__refused);
	ATF_TP_ADD_TC(tp, load__as_recorded);
	ATF_TP_ADD_TC(tp, load__refused);
	ATF_TP_ADD_TC(tp, load__vsock_before_it_can_be_moved);
	ATF_TP_ADD_TC(tp, load__foreign_descriptor);
	return atf_no_error();
}
