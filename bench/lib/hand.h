/* SPDX-License-Identifier: ISC */
/* A VMM that is driven by hand, over HTTP. */
#ifndef BENCH_HAND_H
#define BENCH_HAND_H

#include <sys/socket.h>
#include <sys/un.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "vmm/host/http.h"

#define HAND_START_MS 10000
#define HAND_NAP_US 100 /* between two tries to connect */

/* From the program's first moment on: it listens after some milliseconds. */
static inline int
connect_to(const char *name, struct error *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int64_t deadline = clock_ms() + HAND_START_MS;
	int sock;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	while (connect(sock, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		if (clock_left(deadline) == 0)
			return error_sys(err, EX_UNAVAILABLE, "%s", name);
		usleep(HAND_NAP_US);
	}
	return sock;
}

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

/* One request; its answer is in text[cap] then.  The status, or -1. */
static inline int
request(char *text, size_t cap, int sock, const char *method, const char *path,
    const char *body, struct error *err)
{
	int want;

	want = snprintf(text, cap,
	    "%s %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	    method, path, strlen(body), body);
	if (write(sock, text, (size_t)want) != want)
		return error_sys(err, EX_UNAVAILABLE, "%s", path);
	return answer(text, cap, sock, path, err);
}

#endif
