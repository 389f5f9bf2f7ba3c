/* SPDX-License-Identifier: ISC */
/* One try of a request: what libcurl is told, and what it tells. */
#ifndef REGISTRY_HTTP_TRANSFER_H
#define REGISTRY_HTTP_TRANSFER_H

#include "registry/http_request.h"

/*
 * Begins a try, of which http.multi tells the end; CURLINFO_PRIVATE is the
 * request.  Where the gate holds it there is none.  -1: out of memory.
 */
int transfer_start(struct request *r);

/* Goes on where the sink wanted it later.  -1: what it gets now is wrong. */
int transfer_resume(struct request *r);

/* Ends it, where there is one; what it brought stays. */
void transfer_stop(struct request *r);

#endif
