/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/num.h"
#include "snapshot/envelope.h"
#include "state/label.h"
#include "state/members.h"
#include "vmm/cgroup.h"

static const struct members clone_members = {
	"clone_ms from_pool ready_ms working_set checks.* " REFRESH_MEMBERS,
	&vm_members
};

enum {
	COUNT = OPT_OWN,
	NIC,
	MEMORY,
	DISK,
	/* Flags, in the order of options_parse()'s. */
	SAME_MAC,
	NO_START,
	PAUSED,
	VERIFY,
	IN_PLACE,
	UNCONFINED,
	INTO_POOL,
	FROM_POOL,
	MERGE,
	FROM_DIR,
	ARCHIVE,
	HOSTNAME,
	USER_DATA,
	SSH_KEY,
	READY,
	READY_TIMEOUT,
	LEARN,
	CGROUP,
	REFRESH,
	REFRESH_TIMEOUT,
	RUN
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-clone [-q] [-R root] [-n name] [-d text] [-p member,...]\n"
	    "           [--count n [-j jobs]] [--nic spec]... [--same-mac]\n"
	    "           [--hostname name] [--ssh-key file]... "
	    "[--user-data file]\n"
	    "           [--memory-mode mmap|copy] "
	    "[--disk-mode auto|reflink|overlay|copy]\n"
	    "           [--no-start | --paused | --ready agent|ssh|console=regex\n"
	    "           [--ready-timeout duration]] [--learn[=duration]]\n"
	    "           [--refresh what,...|none] [--run file]\n"
	    "           [--refresh-timeout duration] [--verify] [--merge]\n"
	    "           [--unconfined] [--cgroup auto|none|path[,limit=n...]]\n"
	    "           " SIGNERS_USAGE "\n"
	    "           ([--into-pool | --from-pool] snap |\n"
	    "           [--in-place] --from-dir dir | --from-archive file)\n"
	    "       vm-clone --foreground [--rm] [--console] "
	    "[--on-kill stop|leave]\n"
	    "           [--stop-timeout duration] [options]\n"
	    "           ([--from-pool] snap | [--in-place] --from-dir dir |\n"
	    "           --from-archive file)\n");
}

/* The longest of the names is the last one's. */
static int
check_name(const struct opts *o)
{
	char name[ENVELOPE_NAME_MAX + 2];
	int len;

	if (o->how.name == NULL)
		return 0;
	len = o->how.count == 0
	    ? snprintf(name, sizeof(name), "%s", o->how.name)
	    : snprintf(name, sizeof(name), "%s-%zu", o->how.name, o->how.count);
	if (len < 0 || (size_t)len >= sizeof(name) || !envelope_is_name(name))
		return opt_wrong("--name: %s: not a name%s: %s", o->how.name,
		    o->how.count == 0 ? "" : ", with a number behind it",
		    ENVELOPE_NAME_RULE);
	return 0;
}

static int
check_stdin(const struct opts *o, const char *ref)
{
	struct error err = { 0 };
	const char *first = NULL;
	size_t i;
	int rc;

	rc = opt_reads_stdin(&first, ref, "the snapshot", &err);
	if (rc == 0)
		rc = opt_reads_stdin(&first, o->archive, "--from-archive",
		    &err);
	if (rc == 0)
		rc = opt_reads_stdin(&first, o->how.user_data, "--user-data",
		    &err);
	if (rc == 0)
		rc = opt_reads_stdin(&first, o->how.refresh.run, "--run", &err);
	for (i = 0; rc == 0 && i < o->how.ssh_keys.n; i++)
		rc = opt_reads_stdin(&first, o->how.ssh_keys.v[i], "--ssh-key",
		    &err);
	return rc == -1 ? opt_wrong("%s", err.msg) : 0;
}

/*
 * One that waits was made without these; and nobody is told of one that is to
 * wait, which takes its name when it is taken.
 */
static int
check_pool(struct opts *o, const char *ref)
{
	const struct clone_how *how = &o->how;
	const char *pool = how->into_pool ? "--into-pool" : "--from-pool";
	const struct {
		bool given;
		const char *option;
	} others[] = { { how->into_pool && how->from_pool, "--from-pool" },
		{ o->from_dir != NULL, "--from-dir" },
		{ o->archive != NULL, "--from-archive" },
		{ how->from_pool && o->count != NULL, "--count" },
		{ how->from_pool && how->nics.n > 0, "--nic" },
		{ how->from_pool && how->same_mac, "--same-mac" },
		{ how->hostname != NULL, "--hostname" },
		{ how->ssh_keys.n > 0, "--ssh-key" },
		{ how->user_data != NULL, "--user-data" },
		{ how->from_pool && o->memory_mode != NULL, "--memory-mode" },
		{ how->from_pool && o->disk_mode != NULL, "--disk-mode" },
		{ how->from_pool && how->verify, "--verify" },
		{ how->from_pool && o->merge, "--merge" },
		{ how->no_start, "--no-start" },
		{ how->unconfined, "--unconfined" },
		{ how->from_pool && how->cgroup != NULL, "--cgroup" },
		{ how->learn.wanted, "--learn" },
		{ how->into_pool && how->paused, "--paused" },
		{ how->into_pool && how->ready.kind != READY_NONE, "--ready" },
		{ how->into_pool && how->refresh.is_said, "--refresh" },
		{ how->into_pool && how->refresh.run != NULL, "--run" },
		{ how->into_pool && how->name != NULL, "--name" },
		{ how->into_pool && how->description != NULL, "--description" },
		{ how->into_pool && o->foreground.wanted, "--foreground" },
		{ how->into_pool && how->members != NULL, "-p" } };
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (others[i].given)
			return opt_wrong("%s and %s exclude each other", pool,
			    others[i].option);
	if (ref == NULL)
		return opt_wrong("%s needs a snapshot", pool);
	if (how->into_pool)
		o->how.paused = true;
	return 0;
}

/* It stays with one that runs. */
static int
check_foreground(const struct opts *o)
{
	const char *other = o->how.no_start ? "--no-start"
	    : o->how.paused                 ? "--paused"
	    : o->how.count > 0              ? "--count"
					    : NULL;

	if (o->foreground.wanted && other != NULL)
		return opt_wrong("--foreground and %s exclude each other",
		    other);
	return foreground_opt_check(&o->foreground, o->how.members);
}

/* It takes a clone that runs, of a snapshot that is kept. */
static int
check_learn(const struct opts *o)
{
	const char *other = o->from_dir != NULL ? "--from-dir"
	    : o->archive != NULL                ? "--from-archive"
	    : o->how.no_start                   ? "--no-start"
	    : o->how.paused                     ? "--paused"
	    : o->how.count > 0                  ? "--count"
	    : o->how.copy_memory                ? "--memory-mode copy"
						: NULL;

	return !o->how.learn.wanted || other == NULL
	    ? 0
	    : opt_wrong("--learn and %s exclude each other", other);
}

static int
check_opts(struct opts *o, char *const *operands)
{
	static const char *const disk_modes[] = { "auto", "reflink", "overlay",
		"copy" };
	struct error err = { 0 };
	uint64_t count = 0, jobs = cpus_usable() + 1;
	int i;

	if ((operands[0] != NULL) + (o->from_dir != NULL) +
		(o->archive != NULL) !=
	    1)
		return opt_wrong("a snapshot, --from-dir or --from-archive is "
				 "needed, one of them");
	if ((o->how.into_pool || o->how.from_pool) &&
	    check_pool(o, operands[0]) == -1)
		return -1;
	if (o->how.in_place && o->from_dir == NULL)
		return opt_wrong("--in-place needs --from-dir");
	if (o->archive != NULL && strcmp(o->archive, "-") == 0 &&
	    isatty(STDIN_FILENO))
		return opt_wrong("no archive from a terminal: name a file");
	if (learn_opt_check(&o->how.learn, &o->how.ready, operands) == -1)
		return -1;
	if (operands[0] != NULL && operands[1] != NULL)
		return opt_wrong("%s: one snapshot at a time", operands[1]);
	if (check_stdin(o, operands[0]) == -1)
		return -1;
	if (o->how.no_start && o->how.paused)
		return opt_wrong("--no-start and --paused exclude each other");
	if (o->how.no_start && o->how.unconfined)
		return opt_wrong(
		    "--no-start and --unconfined exclude each other");
	if (o->how.no_start && o->merge)
		return opt_wrong("--no-start and --merge exclude each other");
	if (o->how.ready.kind != READY_NONE &&
	    (o->how.no_start || o->how.paused))
		return opt_wrong("--ready and %s exclude each other",
		    o->how.paused ? "--paused" : "--no-start");
	if (ready_opt_check(&o->how.ready) == -1 ||
	    refresh_opt_check(&o->how.refresh,
		o->how.paused         ? "--paused"
		    : o->how.no_start ? "--no-start"
				      : NULL) == -1)
		return -1;
	if (o->count != NULL &&
	    num_u64(&count, o->count, 1, CLONE_COUNT_MAX, &err) == -1)
		return opt_wrong("--count: %s", err.msg);
	o->how.count = (size_t)count;
	if (o->jobs != NULL && o->count == NULL)
		return opt_wrong("--jobs needs --count");
	if (o->jobs != NULL &&
	    num_u64(&jobs, o->jobs, 1, CLONE_COUNT_MAX, &err) == -1)
		return opt_wrong("--jobs: %s", err.msg);
	o->how.jobs = (size_t)jobs;
	if (check_name(o) == -1)
		return -1;
	if (cgroup_check(o->how.cgroup, &err) == -1)
		return opt_wrong("%s", err.msg);
	if (o->how.description != NULL &&
	    label_check_description(o->how.description, &err) == -1)
		return opt_wrong("%s", err.msg);
	if (o->memory_mode != NULL && strcmp(o->memory_mode, "copy") == 0)
		o->how.copy_memory = true;
	else if (o->memory_mode != NULL && strcmp(o->memory_mode, "mmap") != 0)
		return opt_wrong("--memory-mode: %s: not mmap or copy",
		    o->memory_mode);
	if (check_learn(o) == -1 || check_foreground(o) == -1 ||
	    signers_check_option(&o->signers) == -1)
		return -1;
	for (i = 0; o->disk_mode != NULL && i < 4; i++)
		if (strcmp(o->disk_mode, disk_modes[i]) == 0) {
			o->how.disks = (enum load_disks)i;
			return 0;
		}
	return o->disk_mode == NULL
	    ? 0
	    : opt_wrong("--disk-mode: %s: not auto, reflink, overlay or copy",
		  o->disk_mode);
}

void
options_fini(struct opts *o)
{
	strv_fini(&o->how.nics);
	strv_fini(&o->how.ssh_keys);
	ready_fini(&o->how.ready);
	refresh_how_fini(&o->how.refresh);
}

static int
take_value(struct opts *o, int ch)
{
	switch (ch) {
	case COUNT:
		return opt_once(&o->count, optarg, "--count");
	case NIC:
		return opt_again(&o->how.nics, optarg);
	case MEMORY:
		return opt_once(&o->memory_mode, optarg, "--memory-mode");
	case DISK:
		return opt_once(&o->disk_mode, optarg, "--disk-mode");
	case FROM_DIR:
		return opt_once(&o->from_dir, optarg, "--from-dir");
	case ARCHIVE:
		return opt_once(&o->archive, optarg, "--from-archive");
	case HOSTNAME:
		return opt_once(&o->how.hostname, optarg, "--hostname");
	case USER_DATA:
		return opt_once(&o->how.user_data, optarg, "--user-data");
	case SSH_KEY:
		return opt_again(&o->how.ssh_keys, optarg);
	case READY:
		return ready_opt(&o->how.ready, optarg);
	case READY_TIMEOUT:
		return ready_opt_timeout(&o->how.ready, optarg);
	case CGROUP:
		return opt_once(&o->how.cgroup, optarg, "--cgroup");
	case LEARN:
		return learn_opt(&o->how.learn, optarg);
	case REFRESH:
		return refresh_opt(&o->how.refresh, optarg);
	case REFRESH_TIMEOUT:
		return refresh_opt_timeout(&o->how.refresh, optarg);
	case RUN:
		return refresh_opt_run(&o->how.refresh, optarg);
	default:
		return opt_common(&o->common, ch, usage);
	}
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG,
		{ "name", required_argument, NULL, 'n' },
		{ "description", required_argument, NULL, 'd' },
		{ "count", required_argument, NULL, COUNT },
		{ "jobs", required_argument, NULL, 'j' },
		{ "nic", required_argument, NULL, NIC },
		{ "same-mac", no_argument, NULL, SAME_MAC },
		{ "memory-mode", required_argument, NULL, MEMORY },
		{ "disk-mode", required_argument, NULL, DISK },
		{ "no-start", no_argument, NULL, NO_START },
		{ "paused", no_argument, NULL, PAUSED },
		{ "verify", no_argument, NULL, VERIFY },
		{ "in-place", no_argument, NULL, IN_PLACE },
		{ "unconfined", no_argument, NULL, UNCONFINED },
		{ "into-pool", no_argument, NULL, INTO_POOL },
		{ "from-pool", no_argument, NULL, FROM_POOL },
		{ "merge", no_argument, NULL, MERGE },
		{ "from-dir", required_argument, NULL, FROM_DIR },
		{ "from-archive", required_argument, NULL, ARCHIVE },
		{ "hostname", required_argument, NULL, HOSTNAME },
		{ "user-data", required_argument, NULL, USER_DATA },
		{ "ssh-key", required_argument, NULL, SSH_KEY },
		{ "ready", required_argument, NULL, READY },
		{ "ready-timeout", required_argument, NULL, READY_TIMEOUT },
		{ "learn", optional_argument, NULL, LEARN },
		{ "cgroup", required_argument, NULL, CGROUP },
		{ "refresh", required_argument, NULL, REFRESH },
		{ "refresh-timeout", required_argument, NULL, REFRESH_TIMEOUT },
		{ "run", required_argument, NULL, RUN }, SIGNERS_LONG,
		FOREGROUND_ROWS, FOREGROUND_ROW_RM, { NULL, 0, NULL, 0 } };
	bool *flags[] = { &o->how.same_mac, &o->how.no_start, &o->how.paused,
		&o->how.verify, &o->how.in_place, &o->how.unconfined,
		&o->how.into_pool, &o->how.from_pool, &o->merge };
	int ch, rc = 0;

	o->how.foreground = &o->foreground;
	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "n:d:p:j:", longopts)) != -1) {
		if (ch == 'n')
			rc = opt_once(&o->how.name, optarg, "--name");
		else if (ch == 'j')
			rc = opt_once(&o->jobs, optarg, "--jobs");
		else if (ch == 'd')
			rc = opt_once(&o->how.description, optarg,
			    "--description");
		else if (ch == 'p')
			rc = opt_members(&o->how.members, optarg,
			    &clone_members);
		else if (signers_takes(ch))
			rc = signers_option(&o->signers, ch, optarg);
		else if (ch >= SAME_MAC && ch <= MERGE)
			*flags[ch - SAME_MAC] = true;
		else if (foreground_is_opt(ch))
			rc = foreground_opt(&o->foreground, ch);
		else
			rc = take_value(o, ch);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind);
}
