/* SPDX-License-Identifier: ISC */
#include "registry/transport_option.h"

#include "base/num.h"
#include "base/opt.h"

bool
transport_takes(int ch)
{
	return ch == 'j' || ch == TRANSPORT_PLAIN_HTTP ||
	    ch == TRANSPORT_CACERT;
}

static int
take_jobs(struct transport_how *how, const char *value)
{
	uint64_t jobs;
	struct error err;

	if (how->jobs != 0)
		return opt_wrong("-j: given twice");
	if (num_u64(&jobs, value, 1, TRANSPORT_JOBS_MAX, &err) == -1)
		return opt_wrong("-j: %s", err.msg);
	how->jobs = (unsigned)jobs;
	return 0;
}

int
transport_option(struct transport_how *how, int ch, const char *value)
{
	switch (ch) {
	case 'j':
		return take_jobs(how, value);
	case TRANSPORT_CACERT:
		return opt_once(&how->cacert, value, "--cacert");
	default:
		how->plain_http = true;
		return 0;
	}
}

int
transport_check(const struct transport_how *how)
{
	if (how->plain_http && how->cacert != NULL)
		return opt_wrong("--cacert is of no use with --plain-http");
	return 0;
}
