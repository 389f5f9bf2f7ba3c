/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <string.h>
#include <unistd.h>

#include "state/members.h"

static const struct members restore_members = {
	"outage_ms outage_for ready_ms checks.* " REFRESH_MEMBERS, &vm_members
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-restore [-q] [-R root] [-p member,...] [--force]\n"
	    "           [--memory-mode mmap|copy] [--verify] [--unconfined]\n"
	    "           [--wait duration]\n"
	    "           [--ready agent|ssh|console=regex "
	    "[--ready-timeout duration]]\n"
	    "           [--refresh what,...|none] [--run file]\n"
	    "           [--refresh-timeout duration]\n"
	    "           " SIGNERS_USAGE "\n"
	    "           vm (snap | --from-dir dir | --from-archive file)\n");
}

static int
check_opts(struct opts *o, char *const *operands, int n)
{
	if (n == 0)
		return opt_wrong("no VM is named");
	if ((n > 1) + (o->from_dir != NULL) + (o->archive != NULL) != 1)
		return opt_wrong("a snapshot, --from-dir or --from-archive is "
				 "needed, one of them");
	if (n > 2)
		return opt_wrong("%s: one snapshot at a time", operands[2]);
	if (o->how.force && n > 1)
		return opt_wrong("--force needs --from-dir or --from-archive");
	if (o->archive != NULL && strcmp(o->archive, "-") == 0 &&
	    isatty(STDIN_FILENO))
		return opt_wrong("no archive from a terminal: name a file");
	if (o->memory_mode != NULL && strcmp(o->memory_mode, "copy") == 0)
		o->how.copy_memory = true;
	else if (o->memory_mode != NULL && strcmp(o->memory_mode, "mmap") != 0)
		return opt_wrong("--memory-mode: %s: not mmap or copy",
		    o->memory_mode);
	if (ready_opt_check(&o->how.ready) == -1 ||
	    signers_check_option(&o->signers) == -1)
		return -1;
	o->vm = operands[0];
	o->snap = operands[1];
	return 0;
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	enum {
		FORCE = OPT_OWN,
		VERIFY,
		UNCONFINED,
		FROM_DIR,
		ARCHIVE,
		MEMORY,
		READY,
		READY_TIMEOUT,
		REFRESH,
		REFRESH_TIMEOUT,
		RUN
	};
	static const struct option longopts[] = { OPT_LONG,
		{ "force", no_argument, NULL, FORCE },
		{ "verify", no_argument, NULL, VERIFY },
		{ "unconfined", no_argument, NULL, UNCONFINED },
		{ "from-dir", required_argument, NULL, FROM_DIR },
		{ "from-archive", required_argument, NULL, ARCHIVE },
		{ "memory-mode", required_argument, NULL, MEMORY },
		{ "ready", required_argument, NULL, READY },
		{ "ready-timeout", required_argument, NULL, READY_TIMEOUT },
		{ "refresh", required_argument, NULL, REFRESH },
		{ "refresh-timeout", required_argument, NULL, REFRESH_TIMEOUT },
		{ "run", required_argument, NULL, RUN }, OPT_ROW_WAIT,
		SIGNERS_LONG, { NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "p:", longopts)) != -1) {
		if (ch == 'p')
			rc = opt_members(&o->how.members, optarg,
			    &restore_members);
		else if (ch == FORCE)
			o->how.force = true;
		else if (ch == VERIFY)
			o->how.verify = true;
		else if (ch == UNCONFINED)
			o->how.unconfined = true;
		else if (ch == FROM_DIR)
			rc = opt_once(&o->from_dir, optarg, "--from-dir");
		else if (ch == ARCHIVE)
			rc = opt_once(&o->archive, optarg, "--from-archive");
		else if (ch == MEMORY)
			rc = opt_once(&o->memory_mode, optarg, "--memory-mode");
		else if (ch == READY)
			rc = ready_opt(&o->how.ready, optarg);
		else if (ch == READY_TIMEOUT)
			rc = ready_opt_timeout(&o->how.ready, optarg);
		else if (ch == REFRESH)
			rc = refresh_opt(&o->how.refresh, optarg);
		else if (ch == REFRESH_TIMEOUT)
			rc = refresh_opt_timeout(&o->how.refresh, optarg);
		else if (ch == RUN)
			rc = refresh_opt_run(&o->how.refresh, optarg);
		else if (signers_takes(ch))
			rc = signers_option(&o->signers, ch, optarg);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind, argc - optind);
}
