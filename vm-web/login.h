/* SPDX-License-Identifier: ISC */
/* Who asks: the token, or what a browser got for it. */
#ifndef LOGIN_H
#define LOGIN_H

#include "web.h"

/* Names the cookie, once it is known where it listens. */
int login_init(struct web *web, struct error *err);

/* Whether the request shows the token, or cookie and key. */
bool login_is_known(const struct request *r);

/* Whether it shows the cookie, which a link needs. */
bool login_has_cookie(const struct request *r);

enum MHD_Result login_run(struct request *r); /* POST {"token"} */
enum MHD_Result login_end(struct request *r); /* POST */
enum MHD_Result login_about(struct request *r); /* GET */

#endif
