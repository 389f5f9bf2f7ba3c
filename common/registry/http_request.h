/* SPDX-License-Identifier: ISC */
/*
 * Requests to a registry, many at once, by libcurl.  Each is tried again where
 * that can help, led elsewhere where it may be, and bounded; then its owner is
 * told, by whom it may be used again.  In the courier alone.
 */
#ifndef REGISTRY_HTTP_REQUEST_H
#define REGISTRY_HTTP_REQUEST_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"
#include "registry/http_reply.h"

#define HTTP_TRIES 5 /* of a request, and of an upload without a step forward */
#define HTTP_REDIRECTS_MAX 5
#define HTTP_CONNECT_S 10
#define HTTP_STALL_S 30 /* slower than */
#define HTTP_SPEED_MIN 64 /* bytes a second, or so: thirty at once by a modem */
#define HTTP_FINISH_S 300 /* while a registry reads once more what it got */

struct request;

/* Who knows how to be let in, http_auth.h. */
struct http_gate {
	/*
	 * What goes behind "Authorization: " of a request to the registry, NULL:
	 * nothing; it is borrowed.  False: the request is held, until
	 * http_release().
	 */
	bool (*pass)(void *arg, const char **out, struct request *r);
	/*
	 * The answer was 401.  True: it is to be sent again, perhaps held.
	 * False: that is the end of it; r->err may say why.
	 */
	bool (*refused)(void *arg, struct request *r);
};

/* A registry, and what is on its way there. */
struct http { /* http_init; it ends with its process */
	const char *host, *name; /* HOST[:PORT] and repository; borrowed */
	bool plain; /* by http */
	const char *ca; /* certificates as text, or NULL; borrowed */
	size_t ca_len;
	const struct http_gate *gate; /* NULL: nobody is let in by name */
	void *gate_arg;
	/* The rest is http_request.c's. */
	CURLM *multi;
	struct request *all;
	bool is_proxied; /* what addresses are reached is the proxy's concern */
	bool is_inner, is_inner_known; /* the registry's own address */
};

enum request_sunk { SUNK, SUNK_LATER, SUNK_WRONG };

/*
 * `n` bytes of the body.  SUNK_LATER: they come once more, after request_resume(),
 * perhaps with others behind them.  SUNK_WRONG: nobody wants any of it.
 */
typedef enum request_sunk request_sink(struct request *r, const char *bytes,
    size_t n);

struct request {
	struct http *http;
	void (*done)(struct request *r);
	void *owner;
	const char *method;
	char *url; /* on the heap */
	struct curl_slist *headers;
	/* Set by the owner between beginning and going. */
	unsigned tries_max; /* 1: the owner tries again */
	bool is_first; /* that nobody is there is told at once */
	int stall_s, wait_ms; /* wait_ms: before the first try */
	/* What is sent: from memory, or of a file from an offset. */
	const unsigned char *body;
	int body_fd; /* -1: memory */
	uint64_t body_off, body_len;
	/* Where what a 200 or 206 brings goes: no more than `cap` bytes. */
	void *buf; /* NULL: nowhere */
	size_t cap;
	struct sha256 *hash; /* or into this */
	request_sink *sink; /* or to who takes it as it comes */
	uint64_t whole; /* a 200 may bring so many, of which part is taken, */
	uint64_t skip; /* from here on; 0: no more than `cap` */
	/* Not the gate's, with an Authorization of its own, or none (NULL). */
	bool is_gateless;
	const char
	    *authorization; /* borrowed; where `url` is, and no further */
	const char *from; /* another repository that is to be read, or NULL */
	/* What came of it. */
	struct http_reply reply;
	size_t len; /* in buf, or hashed */
	struct error err; /* why there is no answer: reply.status is 0 */
	bool is_tls_error; /* by reason of what the other end talks */
	bool is_empty; /* a body was promised, and there was none of it */
	/* The rest is http_request.c's. */
	CURL *easy; /* NULL: it is not on its way */
	struct curl_slist *sent_headers;
	struct request *next, **link; /* of http.all; link NULL: not in it */
	char *at; /* where it was led; NULL: url */
	unsigned tries, redirects;
	int64_t not_before_ms; /* when it waits to be sent */
	uint64_t sent, got;
	bool is_held;
	unsigned refusals; /* by 401 */
	unsigned pass; /* the gate's: which one was shown */
	bool is_own; /* at the registry, not where that has led us */
	bool is_too_long, is_text_full, is_forbidden;
	bool is_unranged; /* too long, for a 200 brings all of it */
	char detail[CURL_ERROR_SIZE];
};

/* EX_OSERR. */
int http_init(struct http *h, struct error *err);

/* `done` is called from http_run(); it may send again, or free the owner. */
void request_init(struct request *r, struct http *h,
    void (*done)(struct request *), void *owner);
void request_fini(struct request *r); /* stops what is on its way */

/*
 * Begins it anew: nothing is sent or taken, tried HTTP_TRIES times.  `method` is
 * not copied; takes `url`, which may be NULL: out of memory, as it may be of a
 * header, and `done` is told in its time.
 */
void request_begin(struct request *r, const char *method, char *url);
void request_header(struct request *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void request_go(struct request *r);

/* Its sink may be told of bytes before this returns. */
void request_resume(struct request *r);

/* Those that are held go on, or end with that error. */
void http_release(struct http *h, const struct error *err);

/* The path beneath the repository, as a URL on the heap; NULL: out of memory. */
char *http_url(const struct http *h, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Why there is no use in it: what kept the answer from coming, or what the
 * answer says, with the registry's name in front.
 */
int request_error(const struct request *r, struct error *err);

/* Names where the request was led, where that is not the registry. */
void request_name_other(const struct request *r, struct error *err);

/*
 * Works for as long as something happens, at most `ms`, or until there is
 * something to read from `wire`.
 */
int http_run(struct http *h, int wire, int ms, struct error *err);

#endif
