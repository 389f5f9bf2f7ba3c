/* SPDX-License-Identifier: ISC */
/* User-data as cloud-init tells what it is: by how it begins. */
#ifndef SEED_USERDATA_H
#define SEED_USERDATA_H

#include <stdbool.h>
#include <stddef.h>

#define USERDATA_DOUBT_MAX 200 /* bytes, with the NUL */

/*
 * Whether cloud-init would do nothing with the text but log a warning in the
 * guest; *out names the line and says why.  cloud-init
 * cloudinit/handlers/__init__.py, type_from_starts_with(): white space in front
 * and the case of letters count for nothing, a byte order mark and a comment
 * do; cloudinit/user_data.py, convert_string(): gzip, and a message by
 * "mime-version:" anywhere in the first 4096 bytes, are looked into later.
 * Empty text is as good as none.
 */
bool userdata_doubt(char out[USERDATA_DOUBT_MAX], const char *text, size_t len);

#endif
