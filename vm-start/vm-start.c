/* SPDX-License-Identifier: ISC */
#include "base/opt.h"
#include "base/sig.h"
#include "state/members.h"

#include "start.h"

enum { READY = OPT_OWN, READY_TIMEOUT, UNCONFINED };

static const struct members start_members = { "ready_ms", &vm_members };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-start [-q] [-R root] [--allow-empty] [-p member,...]\n"
	    "           [--ready agent|ssh|console=regex "
	    "[--ready-timeout duration]]\n"
	    "           [--unconfined] [--wait duration] (--all | vm...)\n");
}

static int
take_option(struct start *s, int ch)
{
	struct each *each = &s->each;

	if (ch == UNCONFINED) {
		s->unconfined = true;
		return 0;
	}
	if (ch == 'p')
		return opt_members(&each->members, optarg, &start_members);
	if (ch == READY)
		return ready_opt(&each->ready, optarg);
	return ch == READY_TIMEOUT ? ready_opt_timeout(&each->ready, optarg)
				   : opt_common(&each->common, ch, usage);
}

int
main(int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG_LIST, OPT_ROW_ALL,
		OPT_ROW_WAIT, { "ready", required_argument, NULL, READY },
		{ "ready-timeout", required_argument, NULL, READY_TIMEOUT },
		{ "unconfined", no_argument, NULL, UNCONFINED },
		{ NULL, 0, NULL, 0 } };
	struct start s = { .each = { .one = start_vm, .arg = &s } };
	int ch, rc = 0;

	sig_setup();
	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "p:", longopts)) != -1)
		rc = take_option(&s, ch);
	if (rc == 0)
		rc = ready_opt_check(&s.each.ready);
	rc = each_vm(&s.each, rc, argv + optind);
	ready_fini(&s.each.ready);
	return rc;
}
