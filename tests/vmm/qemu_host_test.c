/* SPDX-License-Identifier: ISC */
/* What an envelope may say about the host that saved it. */
#include "vmm/qemu/qemu.h"

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

ATF_TC_WITHOUT_HEAD(words__table);
ATF_TC_BODY(words__table, tc)
{
	static const struct {
		const char *machine, *cpu;
		const char *message; /* NULL: good */
	} table[] = {
		{ "pc-q35-7.2", "qemu64,+ssse3,+cx16", NULL },
		{ "pc-q35-7.2", "host", NULL },
		{ "pc-i440fx-7.2", "Haswell-noTSX-IBRS,-vmx,+sse4.1", NULL },
		{ "", "host", "machine \"\" is not a machine's name" },
		{ "-machine", "host",
		    "machine \"-machine\" is not a machine's name" },
		{ "q35,kernel=/etc/shadow", "host",
		    "machine \"q35,kernel=/etc/shadow\" is not a machine's name" },
		{ "q35,dumpdtb=x", "host",
		    "machine \"q35,dumpdtb=x\" is not a machine's name" },
		{ "type=q35", "host",
		    "machine \"type=q35\" is not a machine's name" },
		{ "q35 ", "host", "machine \"q35 \" is not a machine's name" },
		{ "q35", "", "processor \"\" is not a model with flags" },
		{ "q35", "-host",
		    "processor \"-host\" is not a model with flags" },
		{ "q35", "host,",
		    "processor \"host,\" is not a model with flags" },
		{ "q35", "host,+",
		    "processor \"host,+\" is not a model with flags" },
		{ "q35", "host,vendor=x",
		    "processor \"host,vendor=x\" is not a model with flags" },
		{ "q35", "host,+a=b",
		    "processor \"host,+a=b\" is not a model with flags" },
		{ "q35", "host,help",
		    "processor \"host,help\" is not a model with flags" },
	};
	struct error err;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&err, 0, sizeof(err));
		rc = qemu_check_words(table[i].machine, table[i].cpu, &err);
		if (table[i].message == NULL) {
			ATF_CHECK_EQ_MSG(0, rc, "%s", err.msg);
			continue;
		}
		ATF_CHECK_EQ(-1, rc);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_STREQ(table[i].message, err.msg);
	}
}

/* A snapshot is refused before anything is made of it. */
ATF_TC_WITHOUT_HEAD(host__words);
ATF_TC_BODY(host__words, tc)
{
	struct envelope_host host = { .present = true,
		.vmm = "qemu",
		.accel = "tcg",
		.version = "7.2.0" };
	struct sidecar sidecar = { .machine = { .type = "pc-q35-7.2",
				       .cpu_model = "qemu64,+ssse3" } };
	char *type = sidecar.machine.type;
	struct error err = { 0 };

	/* What a new VM gets is no more than that. */
	ATF_CHECK_EQ(0,
	    qemu_check_words(QEMU_ARCH.machine, QEMU_ARCH.cpu_tcg, &err));
	ATF_CHECK_EQ(0,
	    qemu_check_words(QEMU_ARCH.machine, QEMU_ARCH.cpu_kvm, &err));
	ATF_CHECK_EQ_MSG(0, qemu_check_host(&host, &sidecar, &err), "%s",
	    err.msg);
	snprintf(type, sizeof(sidecar.machine.type), "pc-q35-7.2,kernel=/x");
	ATF_CHECK_EQ(-1, qemu_check_host(&host, &sidecar, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	type[strlen("pc-q35-7.2")] = '\0';
	snprintf(host.accel, sizeof(host.accel), "hvf");
	ATF_CHECK_EQ(-1, qemu_check_host(&host, &sidecar, &err));
	ATF_CHECK_EQ(EX_CONFIG, err.code);
	ATF_CHECK_STREQ("saved under accelerator hvf, which is unknown",
	    err.msg);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, words__table);
	ATF_TP_ADD_TC(tp, host__words);
	return atf_no_error();
}
