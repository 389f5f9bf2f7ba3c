/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <unistd.h>

#include "base/num.h"
#include "registry/cache.h"
#include "registry/transport_option.h"

#include "status.h"

enum { CACHE_SIZE = OPT_OWN, LOG, ON_DEMAND, STATUS, TIMEOUT };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-mount [-fq] [-R root] [--cache-size size] "
	    "[--log file]\n"
	    "           [--on-demand] [--timeout time] [-j jobs]\n"
	    "           [--plain-http | --cacert file] [-p member,...]\n"
	    "           " SIGNERS_USAGE " ref dir\n"
	    "       snap-mount --status [-p member,...] dir\n");
}

static int
take(struct opts *o, int ch)
{
	struct error err;

	if (transport_takes(ch))
		return transport_option(&o->registry, ch, optarg);
	if (signers_takes(ch))
		return signers_option(&o->signers, ch, optarg);
	switch (ch) {
	case 'f':
		o->foreground = true;
		return 0;
	case 'p':
		return opt_members(&o->members, optarg, &status_members);
	case CACHE_SIZE:
		if (o->cache_bytes != 0)
			return opt_wrong("--cache-size is given twice");
		return num_size(&o->cache_bytes, optarg, CACHE_BYTES_MIN,
			   CACHE_BYTES_MAX, &err) == -1
		    ? opt_wrong("--cache-size: %s", err.msg)
		    : 0;
	case LOG:
		return opt_once(&o->log, optarg, "--log");
	case ON_DEMAND:
		o->on_demand = true;
		return 0;
	case STATUS:
		o->status = true;
		return 0;
	case TIMEOUT:
		return opt_duration(&o->timeout, optarg, "--timeout");
	}
	return opt_common(&o->common, ch, usage);
}

/* One directory, of a mount that there is. */
static int
check_status(struct opts *o, char *operands[], int n)
{
	if (o->foreground || o->on_demand || o->cache_bytes != 0 ||
	    o->log != NULL || o->timeout.given || o->registry.jobs != 0 ||
	    o->registry.plain_http || o->registry.cacert != NULL ||
	    o->signers.allowed != NULL || o->signers.principal != NULL ||
	    o->signers.revoked != NULL)
		return opt_wrong("--status only asks: of the options it takes "
				 "-p");
	if (n != 1)
		return opt_wrong("--status takes one directory");
	o->dir = operands[0];
	return 0;
}

static int
check(struct opts *o, char *operands[], int n)
{
	struct error err;

	if (o->status)
		return check_status(o, operands, n);
	if (n == 0)
		return opt_wrong("no reference: what is to be mounted?");
	if (n == 1)
		return opt_wrong("no directory: where is it to be mounted?");
	if (n > 2)
		return opt_wrong("%s: one snapshot is mounted", operands[2]);
	if (o->foreground && o->log != NULL)
		return opt_wrong("--log and -f exclude each other");
	if (transport_check(&o->registry) == -1 ||
	    signers_check_option(&o->signers) == -1)
		return -1;
	if (o->registry.jobs == 0)
		o->registry.jobs = OPTIONS_JOBS;
	if (!o->timeout.given)
		o->timeout.ms = OPTIONS_TIMEOUT_MS;
	o->text = operands[0];
	o->dir = operands[1];
	return ref_parse(&o->ref, o->text, &err) == -1
	    ? opt_wrong("%s", err.msg)
	    : 0;
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG, TRANSPORT_LONG,
		SIGNERS_LONG, { "foreground", no_argument, NULL, 'f' },
		{ "cache-size", required_argument, NULL, CACHE_SIZE },
		{ "log", required_argument, NULL, LOG },
		{ "on-demand", no_argument, NULL, ON_DEMAND },
		{ "status", no_argument, NULL, STATUS },
		{ "timeout", required_argument, NULL, TIMEOUT },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv,
		 OPT_SHORT TRANSPORT_SHORT "fp:", longopts)) != -1)
		rc = take(o, ch);
	return rc != 0 ? rc : check(o, argv + optind, argc - optind);
}

void
options_fini(struct opts *o)
{
	ref_fini(&o->ref);
}
