/* SPDX-License-Identifier: ISC */
/* That it listens: to who has started it, and to a supervisor. */
#ifndef TELL_H
#define TELL_H

#include "web.h"

/* EX_IOERR: the record could not be written. */
int tell_ready(const struct web *web, struct error *err);

#endif
