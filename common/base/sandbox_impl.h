/* SPDX-License-Identifier: ISC */
/* The sandbox's filter of system calls; private to it. */
#ifndef BASE_SANDBOX_IMPL_H
#define BASE_SANDBOX_IMPL_H

#include "base/sandbox.h"

/* With no_new_privs set already.  EX_OSERR: the kernel refused. */
int sandbox_filter(const struct sandbox *s, struct error *err);

#endif
