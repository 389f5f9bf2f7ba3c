/* SPDX-License-Identifier: ISC */
/* Alone, for who reads of a user and makes no seed. */
#include <string.h>

#include "seed/cidata.h"

bool
cidata_is_user(const char *name)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char all[] = "abcdefghijklmnopqrstuvwxyz_0123456789-";
	size_t len = strlen(name);

	return len >= 1 && len <= CIDATA_USER_MAX && strspn(name, first) > 0 &&
	    strspn(name, all) == len;
}
