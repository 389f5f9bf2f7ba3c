/* SPDX-License-Identifier: ISC */
/*
 * Base64.  libcrypto has it too, but drags half of itself into every static
 * tool for it, where a tool would else be linked without the rest of libcrypto.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>
#include <sys/types.h>

/* Bytes that base64_put() writes for `n`. */
#define BASE64_ROOM(n) (((n) + 2) / 3 * 4 + 1)

/*
 * raw[n] as RFC 4648 has it, section 4: in one line, padded, and with a NUL, in
 * out[BASE64_ROOM(n)].
 */
void base64_put(char *out, const unsigned char *raw, size_t n);

/* Bytes that base64_get() writes at most for `n` characters. */
#define BASE64_RAW(n) ((n) / 4 * 3)

/*
 * The other way round, of the same form alone: the `n` characters at `text`,
 * padded, without anything else among them, and no bit set that no byte has, into
 * raw[BASE64_RAW(n)].  How many bytes it is; -1: it is no such text.
 */
ssize_t base64_get(unsigned char *raw, const char *text, size_t n);

#endif
