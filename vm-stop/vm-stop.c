/* SPDX-License-Identifier: ISC */
#include "base/num.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/members.h"
#include "vmm/each.h"
#include "vmm/vmm.h"

#include "stop.h"

#define DEFAULT_TIMEOUT_S 30

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-stop [-q] [-R root] [--allow-empty] "
	    "[-p member,...] [--force]\n"
	    "           [--timeout seconds] vm...\n");
}

static int
parse_timeout(struct stop *how, const char *text)
{
	struct error err = { 0 };

	if (num_u64(&how->timeout_s, text, 0, 86400, &err) == -1)
		return opt_wrong("--timeout: %s", err.msg);
	return 0;
}

int
main(int argc, char *argv[])
{
	enum { FORCE = OPT_OWN, TIMEOUT };
	static const struct option longopts[] = { OPT_LONG_LIST,
		{ "force", no_argument, NULL, FORCE },
		{ "timeout", required_argument, NULL, TIMEOUT },
		{ NULL, 0, NULL, 0 } };
	struct stop how = { .timeout_s = DEFAULT_TIMEOUT_S };
	struct each each = { .one = stop_vm,
		.before = stop_press,
		.arg = &how };
	const char *timeout = NULL;
	int ch, code, rc = 0;

	sig_setup();
	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "p:", longopts)) != -1) {
		if (ch == 'p')
			rc = opt_members(&each.members, optarg, &vm_members);
		else if (ch == FORCE)
			how.force = true;
		else if (ch == TIMEOUT)
			rc = opt_once(&timeout, optarg, "--timeout");
		else
			rc = opt_common(&each.common, ch, usage);
	}
	if (rc == 0 && timeout != NULL)
		rc = parse_timeout(&how, timeout);
	code = each_vm(&each, rc, argv + optind);
	strv_fini(&how.pressed);
	return code;
}
