/* SPDX-License-Identifier: ISC */
#include "reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"

static const struct {
	const char *name, *value;
} headers[] = {
	{ "Content-Security-Policy",
	    "default-src 'none'; script-src 'self'; style-src 'self'; "
	    "img-src 'self'; connect-src 'self'; base-uri 'none'; "
	    "form-action 'none'; frame-ancestors 'none'; "
	    "require-trusted-types-for 'script'; trusted-types 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Permissions-Policy", "camera=(), geolocation=(), microphone=()" },
	{ "Cache-Control", "no-store" },
};

static const struct {
	int code;
	unsigned status;
	const char *meaning;
} codes[] = {
	{ EX_OK, 200, "done" },
	{ EX_USAGE, 400, "called wrongly" },
	{ EX_DATAERR, 422, "breaks its format, or a digest" },
	{ EX_NOINPUT, 404, "no such VM, snapshot or file" },
	{ EX_UNAVAILABLE, 502,
	    "a VMM or helper is missing, too old or refuses" },
	{ EX_SOFTWARE, 500, "a mistake of the program's own" },
	{ EX_OSERR, 500, "out of memory, descriptors or processes" },
	{ EX_CANTCREAT, 409, "the name is taken, or cannot be made" },
	{ EX_IOERR, 507, "the disk said no" },
	{ EX_TEMPFAIL, 503, "locked, or time is over: try again" },
	{ EX_NOPERM, 403, "refused: it needs --force, or rights" },
	{ EX_CONFIG, 409, "the snapshot does not fit this host" },
	/* vm-exec(1) alone has it. */
	{ 127, 422, "the guest has no such command" },
};

unsigned
reply_status(int code)
{
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return codes[i].status;
	return 500;
}

const char *
reply_meaning(int code)
{
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return codes[i].meaning;
	return code > 128 ? "ended by a signal" : "its own status";
}

enum MHD_Result
reply_send(struct request *r, unsigned status, const char *type,
    struct MHD_Response *response)
{
	enum MHD_Result rc = MHD_YES;
	size_t i;

	if (response == NULL)
		return MHD_NO;
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (rc == MHD_YES)
			rc = MHD_add_response_header(response, headers[i].name,
			    headers[i].value);
	if (rc == MHD_YES && type != NULL)
		rc = MHD_add_response_header(response,
		    MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (rc == MHD_YES && (status == 429 || status == 503))
		rc = MHD_add_response_header(response, "Retry-After", "1");
	if (rc == MHD_YES && status == 401)
		rc = MHD_add_response_header(response, "WWW-Authenticate",
		    "Bearer");
	if (rc == MHD_YES && r->is_late) {
		r->late = response;
		r->late_status = status;
		return MHD_YES;
	}
	if (rc == MHD_YES)
		rc = MHD_queue_response(r->conn, status, response);
	MHD_destroy_response(response);
	return rc;
}

enum MHD_Result
reply_bytes(struct request *r, unsigned status, const char *type,
    const void *data, size_t len)
{
	/* Copied: it is only read. */
	return reply_send(r, status, type,
	    MHD_create_response_from_buffer(len, (void *)(uintptr_t)data,
		MHD_RESPMEM_MUST_COPY));
}

enum MHD_Result
reply_json(struct request *r, unsigned status, json_t *object)
{
	char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
	enum MHD_Result rc = MHD_NO;

	json_decref(object);
	if (text != NULL)
		rc = reply_bytes(r, status, REPLY_JSON, text, strlen(text));
	free(text);
	return rc;
}

enum MHD_Result
reply_error(struct request *r, unsigned status, const char *text)
{
	return reply_json(r, status,
	    json_pack("{s:s, s:i}", "error", text, "status", (int)status));
}

enum MHD_Result
reply_failure(struct request *r, const struct error *err)
{
	return reply_error(r, reply_status(err->code), err->msg);
}

enum MHD_Result
reply_job(struct request *r, const struct job *job)
{
	const char *text = job->text_len == 0 ? "" : job->text;
	json_t *object;
	char *line;

	if (job->status == 0 && !job->too_long)
		return reply_bytes(r, 200, REPLY_LINES, text, job->text_len);
	line = job_line(job);
	object = json_object();
	/* Texts that are no UTF-8 are left out. */
	json_object_set_new(object, "error",
	    json_string(job->too_long ? "more output than is taken"
				      : reply_meaning(job->status)));
	json_object_set_new(object, "status",
	    json_integer(reply_status(job->status)));
	json_object_set_new(object, "exit", json_integer(job->status));
	json_object_set_new(object, "command", json_string(line));
	json_object_set_new(object, "stderr", json_string(job->err_text));
	if (job->text_len > 0 && path_is_utf8(text, job->text_len))
		json_object_set_new(object, "stdout", json_string(text));
	free(line);
	return reply_json(r, job->too_long ? 500 : reply_status(job->status),
	    object);
}
