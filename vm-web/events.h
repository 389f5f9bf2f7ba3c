/* SPDX-License-Identifier: ISC */
/* GET /api/events: the feed as server-sent events. */
#ifndef EVENTS_H
#define EVENTS_H

#include "web.h"

enum MHD_Result events_run(struct request *r);

#endif
