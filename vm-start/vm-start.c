/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "base/diag.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/members.h"
#include "state/refs.h"

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
	    "           [--unconfined] [--wait duration] (--all | vm...)\n"
	    "       vm-start --foreground [--console] [--on-kill stop|leave]\n"
	    "           [--stop-timeout duration] [options] vm\n");
}

static int
take_option(struct start *s, int ch)
{
	struct each *each = &s->each;

	if (ch == UNCONFINED) {
		s->unconfined = true;
		return 0;
	}
	if (foreground_is_opt(ch))
		return foreground_opt(&s->foreground, ch);
	if (ch == 'p')
		return opt_members(&each->members, optarg, &start_members);
	if (ch == READY)
		return ready_opt(&each->ready, optarg);
	return ch == READY_TIMEOUT ? ready_opt_timeout(&each->ready, optarg)
				   : opt_common(&each->common, ch, usage);
}

/* The only VM, for the foreground; *ref is the caller's.  The exit status. */
static int
take_one(char **ref, const struct start *s, char *const *operands)
{
	struct error err = { 0 };

	if (s->each.common.all) {
		opt_wrong("--foreground and --all exclude each other");
		return EX_USAGE;
	}
	if (operands[0] != NULL && operands[1] != NULL) {
		opt_wrong("%s: one VM at a time with --foreground",
		    operands[1]);
		return EX_USAGE;
	}
	if (operands[0] != NULL &&
	    refs_read_one(ref, operands[0], "VM", &err) == -1)
		return diag_error(&err);
	return EX_OK;
}

/* The exit status. */
static int
start_all(struct start *s, char *const *operands)
{
	char *one[] = { NULL, NULL };
	struct error err = { 0 };
	int code;

	s->each.silent = s->foreground.console;
	if (s->foreground.wanted) {
		code = take_one(&one[0], s, operands);
		if (code != EX_OK)
			return code;
		operands = one;
	}
	if (foreground_begin(&s->foreground, s->each.common.root, &err) == 0)
		code = each_vm(&s->each, 0, operands);
	else
		code = diag_error(&err);
	code = foreground_stay(&s->foreground, code);
	free(one[0]);
	return code;
}

int
main(int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG_LIST, OPT_ROW_ALL,
		OPT_ROW_WAIT, { "ready", required_argument, NULL, READY },
		{ "ready-timeout", required_argument, NULL, READY_TIMEOUT },
		{ "unconfined", no_argument, NULL, UNCONFINED },
		FOREGROUND_ROWS, { NULL, 0, NULL, 0 } };
	struct start s = { .each = { .one = start_vm, .arg = &s },
		.foreground = FOREGROUND_NONE };
	int ch, rc = 0;

	sig_setup();
	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "p:", longopts)) != -1)
		rc = take_option(&s, ch);
	if (rc == 0)
		rc = ready_opt_check(&s.each.ready);
	if (rc == 0)
		rc = foreground_opt_check(&s.foreground, s.each.members);
	rc = rc == 0 ? start_all(&s, argv + optind) : opt_end(rc);
	ready_fini(&s.each.ready);
	return rc;
}
