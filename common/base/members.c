/* SPDX-License-Identifier: ISC */
#include "base/members.h"

#include <string.h>

/* Whether the `n` bytes at `part` are what the `k` at `known` stand for. */
static bool
stands_for(const char *known, size_t k, const char *part, size_t n)
{
	if (k == 1 && known[0] == '*')
		return true;
	if (k != 1 || known[0] != '#')
		return k == n && memcmp(known, part, n) == 0;
	return strspn(part, "0123456789") >= n;
}

/* Whether the path is `known`, which a blank may end, or leads to it. */
static bool
leads_to(const char *known, const char *name, size_t len)
{
	size_t k, n;

	for (;;) {
		k = strcspn(known, ". ");
		for (n = 0; n < len && name[n] != '.'; n++)
			;
		if (!stands_for(known, k, name, n))
			return false;
		if (n == len)
			return true;
		if (known[k] != '.')
			return false;
		known += k + 1;
		name += n + 1;
		len -= n + 1;
	}
}

bool
members_have(const struct members *m, const char *name, size_t len)
{
	const char *p;

	for (; m != NULL; m = m->more)
		for (p = m->names; *p != '\0'; p += strspn(p, " ")) {
			if (leads_to(p, name, len))
				return true;
			p += strcspn(p, " ");
		}
	return false;
}
