/* SPDX-License-Identifier: ISC */
/* How a user says who counts. */
#include <stdlib.h>

#include "base/opt.h"
#include "snapshot/signers.h"

bool
signers_takes(int ch)
{
	return ch >= SIGNERS_ALLOWED && ch <= SIGNERS_REVOKED;
}

int
signers_option(struct signers_how *how, int ch, const char *value)
{
	switch (ch) {
	case SIGNERS_ALLOWED:
		return opt_once(&how->allowed, value, "--signed-by");
	case SIGNERS_AS:
		return opt_once(&how->principal, value, "--as");
	default:
		return opt_once(&how->revoked, value, "--revoked");
	}
}

bool
signers_are_asked(const struct signers_how *how)
{
	const char *env = getenv(SIGNERS_ENV);

	return how->allowed != NULL || (env != NULL && env[0] != '\0');
}

int
signers_check_option(const struct signers_how *how)
{
	if ((how->principal != NULL || how->revoked != NULL) &&
	    !signers_are_asked(how))
		return opt_wrong("%s needs --signed-by, or $" SIGNERS_ENV,
		    how->principal != NULL ? "--as" : "--revoked");
	return 0;
}
