/* SPDX-License-Identifier: ISC */
/*
 * The head of an HTTP/1.1 answer (RFC 9112), as far as a client needs it that
 * speaks over a Unix socket to one program of this machine.
 */
#ifndef VMM_HTTP_H
#define VMM_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct http_head {
	int status; /* 100 to 999 */
	size_t head_bytes; /* with the empty line */
	bool has_length; /* false: the body ends where the connection does */
	uint64_t body_bytes;
	bool is_last; /* the connection ends behind this answer */
};

/*
 * Looks at the `len` bytes that have come.  1: the head is whole, and *out is
 * filled; 0: more of it must come.  EX_UNAVAILABLE: it is none, its length is
 * in doubt, or its body is coded (chunked), which no VMM does.
 */
int http_head_parse(struct http_head *out, const char *text, size_t len,
    struct error *err);

#endif
