/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/refs.h"
#include "vmm/status.h"

#include "wait.h"

struct opts {
	struct opt_common common;
	const char *state, *console;
	bool agent, ssh;
	struct opt_time timeout;
	struct wish wish;
	char *const *refs;
	size_t refs_n;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-wait [-q] [-R root] [--allow-empty] [--timeout duration]\n"
	    "           (--state running|paused|stopped | --console regex |\n"
	    "           --agent | --ssh) vm ...\n");
}

static int
parse_state(struct wish *wish, const char *text)
{
	static const enum status wanted[] = { STATUS_RUNNING, STATUS_PAUSED,
		STATUS_STOPPED };
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (strcmp(text, status_name(wanted[i])) == 0) {
			wish->state = wanted[i];
			return 0;
		}
	return opt_wrong("--state: %s: not running, paused or stopped", text);
}

/* One of them, once. */
static int
parse_guest(struct opts *o, const char *console)
{
	struct error err = { 0 };

	if (o->agent)
		o->wish.ready.kind = READY_AGENT;
	else if (o->ssh)
		o->wish.ready.kind = READY_SSH;
	else if (ready_parse_console(&o->wish.ready, console, &err) == -1)
		return opt_wrong("--console: %s", err.msg);
	return 0;
}

static int
check_opts(struct opts *o)
{
	if ((o->state != NULL) + (o->console != NULL) + o->agent + o->ssh != 1)
		return opt_wrong("exactly one of --state, --console, --agent "
				 "and --ssh is needed");
	if (o->refs_n == 0)
		return opt_wrong("no VM is named");
	o->wish.deadline_ms = INT64_MAX;
	if (o->timeout.given)
		o->wish.deadline_ms = clock_ms() + (int64_t)o->timeout.ms;
	return o->state != NULL ? parse_state(&o->wish, o->state)
				: parse_guest(o, o->console);
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { TIMEOUT = OPT_OWN, STATE, CONSOLE, AGENT, SSH };
	static const struct option longopts[] = { OPT_LONG_LIST,
		{ "timeout", required_argument, NULL, TIMEOUT },
		{ "state", required_argument, NULL, STATE },
		{ "console", required_argument, NULL, CONSOLE },
		{ "agent", no_argument, NULL, AGENT },
		{ "ssh", no_argument, NULL, SSH }, { NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (
	    rc == 0 && (ch = opt_next(argc, argv, OPT_SHORT, longopts)) != -1) {
		if (ch == TIMEOUT)
			rc = opt_duration(&o->timeout, optarg, "--timeout");
		else if (ch == STATE)
			rc = opt_once(&o->state, optarg, "--state");
		else if (ch == CONSOLE)
			rc = opt_once(&o->console, optarg, "--console");
		else if (ch == AGENT)
			o->agent = true;
		else if (ch == SSH)
			o->ssh = true;
		else
			rc = opt_common(&o->common, ch, usage);
	}
	o->refs = argv + optind;
	o->refs_n = (size_t)(argc - optind);
	return rc != 0 ? rc : check_opts(o);
}

/* Who talks with an agent makes a file there. */
static int
open_root(struct root **root, const struct opts *o, struct error *err)
{
	if (root_open_to_read(root, o->common.root, err) == -1)
		return -1;
	return o->agent ? root_check_owner(*root, err) : 0;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct root *root = NULL;
	struct strv refs = { 0 };
	struct opts o = { 0 };
	int status, code;

	sig_setup();
	status = parse_opts(&o, argc, argv);
	if (status != 0)
		return opt_end(status);
	if (refs_read(&refs, o.refs, o.refs_n, o.common.allow_empty, &err) ==
	    -1)
		diag_failure(&status, &err);
	if (status < 128 && refs.n > 0 && open_root(&root, &o, &err) == -1)
		diag_failure(&status, &err);
	else if (status < 128) {
		o.wish.root = root;
		o.wish.quiet = o.common.quiet;
		code = refs_each(refs.v, refs.n, true, wait_for, &o.wish);
		status = status == EX_OK || code >= 128 ? code : status;
	}
	root_close(root);
	strv_fini(&refs);
	ready_fini(&o.wish.ready);
	return status;
}
