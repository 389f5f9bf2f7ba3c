/* SPDX-License-Identifier: ISC */
/* A state root in the case's own directory. */
#ifndef TESTS_ROOT_BOX_H
#define TESTS_ROOT_BOX_H

#include <atf-c.h>

#include "state/root.h"

/* Opens the root "root", which it makes where there is none. */
static inline struct root *
open_root(void)
{
	struct root *root;
	struct error err = { 0 };

	ATF_REQUIRE_EQ_MSG(0, root_open(&root, "root", &err), "%s", err.msg);
	return root;
}

#endif
