/* SPDX-License-Identifier: ISC */
/* What a VMM answers to a request that was made by hand. */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "vmm/host/http.h"

/* Reads all of it into text[cap], with a NUL; its status, or -1. */
static inline int
answer(char *text, size_t cap, int sock, const char *what, struct error *err)
{
	struct http_head head;
	size_t len = 0;
	ssize_t n;
	int rc;

	do {
		n = read(sock, text + len, cap - 1 - len);
		if (n <= 0)
			return error_sys(err, EX_UNAVAILABLE, "%s", what);
		len += (size_t)n;
		text[len] = '\0';
		rc = http_head_parse(&head, text, len, err);
	} while (rc == 0 ||
	    (rc == 1 && head.has_length &&
		head.body_bytes > len - head.head_bytes));
	return rc == -1 ? -1 : head.status;
}

#endif
