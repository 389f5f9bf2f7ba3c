/* SPDX-License-Identifier: ISC */
/* Which members a record that a tool prints may have: what -p takes. */
#ifndef BASE_MEMBERS_H
#define BASE_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A table beside the writer of a record.  `names` has every member that the
 * record can have, with blanks between them, as a path "a.b"; its part "#" is
 * any index of an array, "*" any name in an object.  What leads to a member is
 * one, too.  The members of `more`, unless it is NULL, are added.
 */
struct members {
	const char *names;
	const struct members *more;
};

/* Whether the `len` bytes at `name`, no part of them empty, lead to a member. */
bool members_have(const struct members *m, const char *name, size_t len);

#endif
