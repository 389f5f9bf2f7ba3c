/* SPDX-License-Identifier: ISC */
/* Answers: each with the headers that let a browser do no more than it must. */
#ifndef REPLY_H
#define REPLY_H

#include <jansson.h>

#include "web.h"

/* Queues `response`, which it takes, with the common headers; or keeps it. */
enum MHD_Result reply_send(struct request *r, unsigned status, const char *type,
    struct MHD_Response *response);

/* len bytes, which are copied. */
enum MHD_Result reply_bytes(struct request *r, unsigned status,
    const char *type, const void *data, size_t len);

/* {"error": text, "status": N}. */
enum MHD_Result reply_error(struct request *r, unsigned status,
    const char *text);

/* The object, which it takes. */
enum MHD_Result reply_json(struct request *r, unsigned status, json_t *object);

/* What a tool that has ended said; and why it is not what was asked for. */
enum MHD_Result reply_job(struct request *r, const struct job *job);

/* For an error of ours, by its code. */
enum MHD_Result reply_failure(struct request *r, const struct error *err);

/* The status for a tool's exit code, and what the code means. */
unsigned reply_status(int code);
const char *reply_meaning(int code);

#define REPLY_JSON "application/json"
#define REPLY_LINES "application/x-ndjson"

#endif
