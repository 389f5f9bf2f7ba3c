/* SPDX-License-Identifier: ISC */
/* Firecracker's VMs with a guest agent, which is behind a vsock. */
#include "lib/fc_bed.h"

ATF_TC_WITHOUT_HEAD(boot__as_recorded);
ATF_TC_BODY(boot__as_recorded, tc)
{
	struct error err = { 0 };
	struct bed b = { 0 };

	make_program(&b, tc, "-s '/srv/vm/web/v.sock=vsock.sock' " BOOT_SWAPS,
	    "2 18 20 25 26 27 30 32 28 35");
	make_vm(&b, "instar0");
	b.vm.machine.agent = true;
	/* One that was left behind would be in the way. */
	ATF_REQUIRE_EQ(0, mkfifo(FC_VSOCK, 0600));
	ATF_REQUIRE_EQ_MSG(0, start(&b, &err), "%s", err.msg);
	ATF_CHECK_EQ(-1, access(FC_VSOCK, F_OK));
	ATF_CHECK_EQ_MSG(0, vmm_resume(b.vmm, &err), "%s", err.msg);
	bed_end(&b);
}

/* A state without one, of a machine that has one. */
ATF_TC_WITHOUT_HEAD(match__no_vsock);
ATF_TC_BODY(match__no_vsock, tc)
{
	static const char head[] = "\0\0\0\x64\x86\x84\x19\x10\x07\5"
				   "9.0.0\1"
				   "\12layer0.raw\7cow.raw\16data-data1.raw";
	unsigned char raw[sizeof(head) - 1 + 8];
	struct error err = { 0 };
	struct bed b = { 0 };
	uint64_t crc;
	size_t i;
	int fd;

	make_program(&b, tc, "", "2");
	make_vm(&b, "instar1");
	/* With a tap the program would be asked for its version. */
	nic_list_fini(&b.vm.machine.nics);
	memcpy(raw, head, sizeof(head) - 1);
	crc = fc_state_crc(0, raw, sizeof(head) - 1);
	for (i = 0; i < 8; i++)
		raw[sizeof(head) - 1 + i] = (unsigned char)(crc >> 8 * i);
	fd = open(FC_STATE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, fd_write(fd, raw, sizeof(raw), FC_STATE, NULL));
	fd_drop(&fd);
	ATF_CHECK_EQ_MSG(0, fc_state_match(&b.vm.machine, b.dirfd, &err), "%s",
	    err.msg);
	b.vm.machine.agent = true;
	ATF_CHECK_EQ(-1, fc_state_match(&b.vm.machine, b.dirfd, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("vmstate: has no vsock for an agent", err.msg);
	vm_fini(&b.vm);
	fd_drop(&b.dirfd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, boot__as_recorded);
	ATF_TP_ADD_TC(tp, match__no_vsock);
	return atf_no_error();
}
