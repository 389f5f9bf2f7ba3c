/* SPDX-License-Identifier: ISC */
/* Where a registry's answers lead, which is not to be trusted. */
#ifndef REGISTRY_HTTP_URL_H
#define REGISTRY_HTTP_URL_H

#include <sys/socket.h>

#include <stdbool.h>

#include "base/error.h"

#define HTTP_URL_MAX 8192 /* bytes; a signed one has two thousand */

/*
 * What `location` is, seen from the URL `base`; the caller frees it.  It is http
 * or https, and https where `base` is: on the same host in any case, for who
 * stands behind a proxy may not know better.  EX_UNAVAILABLE: something else, or
 * another host by http, or with a user's name.
 */
int http_url_join(char **out, const char *base, const char *location,
    struct error *err);

/* Whether scheme, host and port agree. */
bool http_url_same_origin(const char *a, const char *b);

/* Whether HOST[:PORT] is this machine: localhost, 127.0.0.0/8 or [::1]. */
bool http_host_is_loopback(const char *host);

/*
 * Whether the address is of this machine, of this link or of a private network:
 * not for a stranger to send us to.
 */
bool http_address_is_inner(const struct sockaddr *address);

#endif
