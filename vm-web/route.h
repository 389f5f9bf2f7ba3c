/* SPDX-License-Identifier: ISC */
/* What can be asked for: instar-web(7). */
#ifndef ROUTE_H
#define ROUTE_H

#include "web.h"

#define ROUTE_OPEN 1u /* without a token */
#define ROUTE_CHANGES 2u /* more than what is shown: not with --read-only */
#define ROUTE_LINK 4u /* by a link that is good once, and the cookie */
#define ROUTE_RAW 8u /* the body is bytes, not JSON */
#define ROUTE_LONG 16u /* and of any length: `data` takes it as it comes */

struct action;

struct route {
	const char *method;
	const char *path; /* components; "*": any one */
	unsigned flags;
	/*
	 * Answers, or sets the request aside: then it is called again.  The
	 * head and what `data` does not take of the body are there.
	 */
	enum MHD_Result (*run)(struct request *r);
	/* Before any of the body is sent; may answer.  NULL: nothing. */
	enum MHD_Result (*first)(struct request *r);
	/* Takes of len bytes what it can, and tells how many are left. */
	enum MHD_Result (
	    *data)(struct request *r, const char *data, size_t *len);
	const struct action *action;
};

/*
 * The route of a method and a path.  NULL: there is none; *allowed is the
 * method that there is one for then, or NULL.
 */
const struct route *route_find(const struct url *url, const char *method,
    const char **allowed);

#endif
