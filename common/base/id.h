/* SPDX-License-Identifier: ISC */
/* Ids of VMs and snapshots: 130 random bits in lower-case base32 (RFC 4648). */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>

#include "base/error.h"

#define ID_LEN 26 /* characters, without the NUL */

/* Makes a new id in out[ID_LEN + 1].  EX_OSERR: no randomness. */
int id_new(char *out, struct error *err);

/* Whether `text` is exactly an id of ours: ID_LEN of a to z, 2 to 7. */
bool id_is_valid(const char *text);

#endif
