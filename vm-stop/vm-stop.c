/* SPDX-License-Identifier: ISC */
#include "base/opt.h"
#include "base/sig.h"
#include "state/members.h"
#include "vmm/each.h"
#include "vmm/stop.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-stop [-q] [-R root] [--allow-empty] "
	    "[-p member,...] [--force]\n"
	    "           [--timeout duration] [--wait duration] (--all | vm...)\n");
}

int
main(int argc, char *argv[])
{
	enum { FORCE = OPT_OWN, TIMEOUT };
	static const struct option longopts[] = { OPT_LONG_LIST, OPT_ROW_ALL,
		OPT_ROW_WAIT, { "force", no_argument, NULL, FORCE },
		{ "timeout", required_argument, NULL, TIMEOUT },
		{ NULL, 0, NULL, 0 } };
	struct stop how = { .timeout.ms = STOP_TIMEOUT_MS };
	struct each each = { .one = stop_vm,
		.before = stop_press,
		.arg = &how };
	int ch, code, rc = 0;

	sig_setup();
	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "p:", longopts)) != -1) {
		if (ch == 'p')
			rc = opt_members(&each.members, optarg, &vm_members);
		else if (ch == FORCE)
			how.force = true;
		else if (ch == TIMEOUT)
			rc = opt_duration(&how.timeout, optarg, "--timeout");
		else
			rc = opt_common(&each.common, ch, usage);
	}
	code = each_vm(&each, rc, argv + optind);
	strv_fini(&how.pressed);
	return code;
}
