/* SPDX-License-Identifier: ISC */
/*
 * What a courier's errands are by HTTP (OCI Distribution Specification 1.1),
 * but for uploads, which are http_upload.h's.  In the courier alone.
 */
#ifndef REGISTRY_HTTP_CLIENT_H
#define REGISTRY_HTTP_CLIENT_H

#include <stdbool.h>

#include "registry/courier.h"
#include "registry/errand.h"
#include "registry/http_request.h"

/* Of a blob that is no larger all is taken where a registry knows no ranges. */
#define HTTP_WHOLE_MAX (4u << 20)

/* An errand on its way.  Its answer is told once, then it is free again. */
struct job { /* job_init; it ends with its process */
	struct http *http;
	const struct courier_share *share;
	/* What is done where all of a blob was answered; false: nothing. */
	bool (*unranged)(void *arg, struct job *j);
	void *unranged_arg;
	void (*tell)(void *arg, const struct errand_answer *answer);
	void *arg;
	bool is_busy;
	bool may_be_plain; /* of a ping: where no TLS is talked */
	struct errand errand;
	struct request r;
	struct sha256 hash;
	char byte;
};

/* All is borrowed; its unranged stays to be set. */
void job_init(struct job *j, struct http *h, const struct courier_share *share,
    void (*tell)(void *, const struct errand_answer *), void *arg);

/* One that is not busy goes on the errand. */
void job_start(struct job *j, const struct errand *errand);

/* One that is not busy waits until another does the errand, which is a range. */
void job_wait(struct job *j, const struct errand *errand);

/* Where its bytes go. */
unsigned char *job_slot(const struct job *j);

/* They are there; or the request for them has brought none. */
void job_filled(struct job *j);
void job_refused(struct job *j, const struct request *r);

/* Nobody has done it: it goes by itself. */
void job_go(struct job *j);

#endif
