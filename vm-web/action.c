/* SPDX-License-Identifier: ISC */
#include "action.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>

#include "base/json.h"

#include "reply.h"
#include "route.h"
#include "watch.h"

#define BLOCK_BYTES (32 * 1024) /* of an answer that comes by and by */

/* A string without NUL, as jansson takes none; a number as its digits. */
static const char *
text_of(const json_t *value, char digits[24])
{
	if (json_is_integer(value)) {
		snprintf(digits, 24, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(value));
		return digits;
	}
	if (!json_is_string(value) ||
	    json_string_length(value) > ACTION_TEXT_MAX)
		return NULL;
	return json_string_value(value);
}

static int
wrong(const char *key, const char *what, struct error *err)
{
	return error_set(err, EX_USAGE, "%s: not %s", key, what);
}

static int
put_value(struct strv *argv, const char *option, const char *value,
    struct error *err)
{
	if (strlen(option) == 2)
		return strv_add(argv, err, "%s", option) == -1
		    ? -1
		    : strv_add(argv, err, "%s", value);
	return strv_add(argv, err, "%s=%s", option, value);
}

static int
put_list(struct strv *argv, const char *key, const char *option,
    const json_t *list, struct error *err)
{
	const json_t *value;
	char digits[24];
	const char *text;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > ACTION_WORDS_MAX ||
	    (option == NULL && json_array_size(list) == 0))
		return wrong(key, "a list of strings", err);
	json_array_foreach(list, i, value)
	{
		text = text_of(value, digits);
		if (text == NULL)
			return wrong(key, "a list of strings", err);
		if ((option == NULL ? strv_add(argv, err, "%s", text)
				    : put_value(argv, option, text, err)) == -1)
			return -1;
	}
	return 0;
}

/* One member as an option. */
static int
put_option(struct strv *argv, const char *key, enum action_kind kind,
    const char *option, const json_t *value, struct error *err)
{
	char digits[24];
	const char *text = text_of(value, digits);

	if (kind == ACTION_LIST)
		return put_list(argv, key, option, value, err);
	if (kind == ACTION_TEXT || (kind == ACTION_OPTIONAL && text != NULL))
		return text == NULL ? wrong(key, "a string", err)
				    : put_value(argv, option, text, err);
	if (!json_is_boolean(value))
		return wrong(key, "true or false", err);
	return json_is_true(value) ? strv_add(argv, err, "%s", option) : 0;
}

static int
put_options(struct strv *argv, const struct action *a, const json_t *body,
    struct error *err)
{
	const char *key;
	const json_t *value;
	size_t i;
	void *at;

	for (at = json_object_iter((json_t *)(uintptr_t)body); at != NULL;
	     at = json_object_iter_next((json_t *)(uintptr_t)body, at)) {
		key = json_object_iter_key(at);
		value = json_object_iter_value(at);
		for (i = 0; a->params[i].kind != ACTION_END; i++)
			if (strcmp(a->params[i].key, key) == 0)
				break;
		if (a->params[i].kind == ACTION_END)
			return error_set(err, EX_USAGE, "%s: no such member",
			    key);
		if (a->params[i].kind >= ACTION_OPERAND)
			continue;
		if (put_option(argv, key, a->params[i].kind,
			a->params[i].option, value, err) == -1)
			return -1;
	}
	return 0;
}

static int
put_ref(struct strv *argv, const char *ref, struct error *err)
{
	/* To the tools it is a list to come on standard input. */
	if (ref != NULL && strcmp(ref, "-") == 0)
		return error_set(err, EX_USAGE, "-: not a name");
	return ref == NULL ? 0 : strv_add(argv, err, "%s", ref);
}

static int
put_operands(struct strv *argv, const struct action *a, const char *ref,
    const json_t *body, struct error *err)
{
	const json_t *value;
	const char *text, *key;
	char digits[24];
	size_t i;

	if (!a->operand_first && put_ref(argv, ref, err) == -1)
		return -1;
	for (i = 0; a->params[i].kind != ACTION_END; i++) {
		if (a->params[i].kind != ACTION_OPERAND)
			continue;
		key = a->params[i].key;
		value = json_object_get(body, key);
		text = value == NULL ? NULL : text_of(value, digits);
		if (text == NULL)
			return wrong(key, "there, or not a string", err);
		if (put_ref(argv, text, err) == -1)
			return -1;
	}
	return a->operand_first ? put_ref(argv, ref, err) : 0;
}

/* "vm-exec OPTIONS VM -- COMMAND": what is behind a VM is no option there. */
static int
put_command(struct strv *argv, const char *ref, const json_t *body,
    struct error *err)
{
	if (ref[0] == '-')
		return error_set(err, EX_USAGE,
		    "%s: begins with '-': name it by its id", ref);
	if (strv_add(argv, err, "%s", ref) == -1 ||
	    strv_add(argv, err, "--") == -1)
		return -1;
	return put_list(argv, "argv", NULL, json_object_get(body, "argv"), err);
}

int
action_argv(struct strv *argv, const struct action *a, const char *root,
    const char *ref, const json_t *body, struct error *err)
{
	bool command = a->params[0].kind == ACTION_COMMAND;

	if (strv_add(argv, err, "%s", a->tool) == -1 ||
	    strv_add(argv, err, "-R") == -1 ||
	    strv_add(argv, err, "%s", root) == -1)
		return -1;
	if (a->fixed != NULL && strv_add(argv, err, "%s", a->fixed) == -1)
		return -1;
	if (body != NULL && put_options(argv, a, body, err) == -1)
		return -1;
	if (command)
		return put_command(argv, ref, body, err);
	if (strv_add(argv, err, "--") == -1)
		return -1;
	return put_operands(argv, a, ref, body, err);
}

enum MHD_Result
action_begin(struct request *r, struct strv *argv, bool input, enum job_out how)
{
	struct error err = { 0 };

	watch_check(r->web->watch);
	if (job_start(&r->job, &r->web->jobs, argv, input, how, &err) == -1)
		return reply_failure(r, &err);
	r->job->changed = web_job_changed;
	r->job->arg = r;
	r->job->listed = r->route->action == NULL ||
	    !r->route->action->unlisted;
	return MHD_YES;
}

/* The object that came; *out NULL: none did. */
static int
read_body(json_t **out, const struct request *r, struct error *err)
{
	*out = NULL;
	if (r->body_len == 0)
		return 0;
	if (json_parse(out, r->body, r->body_len, err) == -1)
		return -1;
	if (json_is_object(*out))
		return 0;
	json_decref(*out);
	*out = NULL;
	return error_set(err, EX_USAGE, "not a JSON object");
}

static enum MHD_Result
begin(struct request *r)
{
	const struct action *a = r->route->action;
	struct strv argv = { 0 };
	struct error err = { 0 };
	json_t *body = NULL;
	enum MHD_Result rc;

	if (read_body(&body, r, &err) == -1) {
		err.code = EX_USAGE;
		return reply_failure(r, &err);
	}
	if (action_argv(&argv, a, r->web->root, web_part(r, 0), body, &err) ==
	    -1)
		rc = reply_failure(r, &err);
	else
		rc = action_begin(r, &argv, false, JOB_COLLECT);
	strv_fini(&argv);
	json_decref(body);
	return rc;
}

enum MHD_Result
action_run(struct request *r)
{
	enum MHD_Result rc;

	if (r->job == NULL) {
		rc = begin(r);
		if (r->job != NULL)
			web_suspend(r);
		return rc;
	}
	if (!r->job->ended) {
		web_suspend(r);
		return MHD_YES;
	}
	if (r->route->action != NULL && r->route->action->says_all &&
	    r->job->text_len > 0 && !r->job->too_long)
		rc = reply_bytes(r, 200, REPLY_LINES, r->job->text,
		    r->job->text_len);
	else
		rc = reply_job(r, r->job);
	job_free(r->job);
	r->job = NULL;
	return rc;
}

static ssize_t
read_job(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct request *r = cls;
	ssize_t n;

	(void)pos;
	if (r->is_gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = read(r->job->out.fd, buf, max);
	if (n > 0)
		return n;
	if (n == 0 && r->job->ended)
		return r->job->status == 0 ? MHD_CONTENT_READER_END_OF_STREAM
					   : MHD_CONTENT_READER_END_WITH_ERROR;
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (n == -1)
		job_ask_out(r->job);
	web_suspend(r);
	return 0;
}

enum MHD_Result
action_stream(struct request *r, const char *type, const char *file)
{
	struct MHD_Response *response;
	char head[URL_PART_MAX + 64];
	int there = 0;

	if (ioctl(r->job->out.fd, FIONREAD, &there) == -1)
		return MHD_NO;
	if (there == 0 && !r->job->ended) {
		job_ask_out(r->job);
		web_suspend(r);
		return MHD_YES;
	}
	if (there == 0 && r->job->status != 0)
		return reply_job(r, r->job);
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
	    BLOCK_BYTES, read_job, r, NULL);
	if (response == NULL)
		return MHD_NO;
	if (file != NULL) {
		snprintf(head, sizeof(head), "attachment; filename=\"%s\"",
		    file);
		MHD_add_response_header(response, "Content-Disposition", head);
	}
	return reply_send(r, 200, type, response);
}

enum MHD_Result
action_list(struct request *r)
{
	const struct action *a = r->route->action;
	const char *ref = web_part(r, 0);
	struct strv argv = { 0 };
	struct error err = { 0 };
	enum MHD_Result rc;
	json_t *wants = NULL;
	char more[8];

	if (r->job != NULL)
		return action_stream(r, REPLY_LINES, NULL);
	if (!web_query(r, "more", more, sizeof(more)))
		return reply_error(r, 400, "more: not 0 or 1");
	if (strcmp(more, "1") == 0)
		wants = json_pack("{s:b}", "more", 1);
	if (action_argv(&argv, a, r->web->root, ref, wants, &err) == -1)
		rc = reply_failure(r, &err);
	else {
		rc = action_begin(r, &argv, false, JOB_LEAVE);
		if (r->job != NULL) {
			job_ask_out(r->job);
			web_suspend(r);
		}
	}
	json_decref(wants);
	strv_fini(&argv);
	return rc;
}
