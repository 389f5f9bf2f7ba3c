/* SPDX-License-Identifier: ISC */
/* The courier's work: errands come by its wire, and are gone on over HTTP. */
#ifndef REGISTRY_HTTP_SERVE_H
#define REGISTRY_HTTP_SERVE_H

#include <stdbool.h>
#include <stddef.h>

#include "registry/courier.h"
#include "registry/ref.h"

struct http_site {
	const struct ref *ref; /* HOST and NAME */
	bool plain_http;
	bool is_push; /* something will be put */
	char *ca; /* certificates to be trusted, too; NULL: none */
	size_t ca_len;
};

/* As struct courier_how has it; `site` is a struct http_site. */
void http_serve(void *site, const struct courier_share *share, int wire);

#endif
