/* SPDX-License-Identifier: ISC */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stddef.h>

/* Lower-case hexadecimal digits of raw[n], and a NUL, in out[2 * n + 1]. */
void hex_put(char *out, const unsigned char *raw, size_t n);

#endif
