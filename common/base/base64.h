/* SPDX-License-Identifier: ISC */
/*
 * Base64.  libcrypto has it too, but drags half of itself into every static
 * tool for it, where a tool would else be linked without the rest of libcrypto.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that base64_put() writes for `n`. */
#define BASE64_ROOM(n) (((n) + 2) / 3 * 4 + 1)

/*
 * raw[n] as RFC 4648 has it, section 4: in one line, padded, and with a NUL, in
 * out[BASE64_ROOM(n)].
 */
void base64_put(char *out, const unsigned char *raw, size_t n);

/* Bytes that base64_get() writes at most for `n` digits. */
#define BASE64_RAW(n) ((n) / 4 * 3)

/*
 * The way back, of the same form alone: padded, without anything else between
 * the digits, and no bit set that no byte has.  *n bytes in
 * out[BASE64_RAW(strlen(text))].
 */
bool base64_get(unsigned char *out, size_t *n, const char *text);

#endif
