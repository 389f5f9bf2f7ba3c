/* SPDX-License-Identifier: ISC */
#include "vmm/host/agent_exec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/sig.h"

#define STREAM_TEXT_MAX BASE64_ROOM(AGENT_STREAM_MAX)
#define SIGNAL_MAX 127
#define STATUS_MAX 255 /* of a guest whose statuses are larger, too */

#define FIRST_NAP_MS 5
#define MOST_NAP_MS 250
#define STOP_ALL_MS 10000

#define STOP_MS 2000 /* for a command to end by SIGTERM */
#define STOP_NAP_MS 50

static int
put_words(json_t *args, char *const *argv, struct error *err)
{
	json_t *words = json_array();
	size_t i;

	if (json_put_str(args, "path", argv[0], err) == -1 ||
	    json_put(args, "arg", words, err) == -1)
		return -1;
	for (i = 1; argv[i] != NULL; i++)
		if (json_append(words, "arg", json_string(argv[i]), err) == -1)
			return -1;
	return 0;
}

static int
put_input(json_t *args, const void *input, size_t len, struct error *err)
{
	char *text = malloc(BASE64_ROOM(len));
	int rc;

	if (text == NULL)
		return error_nomem(err, NULL);
	base64_put(text, input, len);
	rc = json_put_str(args, "input-data", text, err);
	free(text);
	return rc;
}

/* What was given is text of the caller's: jansson takes UTF-8 alone. */
static int
make_args(json_t **out, const struct agent_command *c, struct error *err)
{
	json_t *args = json_object();

	if (put_words(args, c->argv, err) == -1 ||
	    (c->is_captured &&
		json_put_bool(args, "capture-output", true, err) == -1) ||
	    (c->input != NULL &&
		put_input(args, c->input, c->input_len, err) == -1)) {
		json_decref(args);
		return -1;
	}
	*out = args;
	return 0;
}

int
agent_exec_start(struct agent *a, uint64_t *pid, const struct agent_command *c,
    int64_t deadline_ms, struct error *err)
{
	struct jdoc *answer;
	json_t *args;
	int rc;

	if (make_args(&args, c, err) == -1 ||
	    agent_call(a, "guest-exec", args, &answer, AGENT_REPLY_MAX,
		deadline_ms, err) == -1)
		return -1;
	rc = jdoc_get_u64(answer, agent_return(answer), "pid", pid, 1,
	    INT64_MAX, JSON_REQUIRED, err);
	jdoc_free(answer);
	if (rc == -1) {
		if (err != NULL)
			err->code = EX_UNAVAILABLE;
		agent_release(a);
		return error_wrap(err, "guest agent: guest-exec");
	}
	return 0;
}

void
agent_end_fini(struct agent_end *end)
{
	free(end->out);
	free(end->err);
	memset(end, 0, sizeof(*end));
}

static int
get_stream(const struct jdoc *d, uint32_t obj, const char *key,
    unsigned char **out, size_t *len, struct error *err)
{
	char *text = NULL;
	size_t n;
	ssize_t got;

	if (jdoc_get_strdup(d, obj, key, &text, STREAM_TEXT_MAX, JSON_OPTIONAL,
		err) == -1)
		return -1;
	if (text == NULL)
		return 0;
	n = strlen(text);
	*out = malloc(n / 4 * 3 + 1);
	got = *out == NULL ? -1 : base64_get(*out, text, n);
	free(text);
	if (*out == NULL)
		return error_nomem(err, NULL);
	if (got == -1)
		return error_set(err, EX_DATAERR, "\"%s\" is not base64", key);
	*len = (size_t)got;
	return 0;
}

static int
get_status(const struct jdoc *d, uint32_t obj, int *status, struct error *err)
{
	uint64_t code = UINT64_MAX, number = 0;

	if (jdoc_get_u64(d, obj, "exitcode", &code, 0, UINT32_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    jdoc_get_u64(d, obj, "signal", &number, 1, SIGNAL_MAX,
		JSON_OPTIONAL, err) == -1)
		return -1;
	if ((code == UINT64_MAX) == (number == 0))
		return error_set(err, EX_DATAERR,
		    "neither \"exitcode\" nor \"signal\", or both");
	if (number != 0)
		*status = 128 + (int)number;
	else
		*status = code > STATUS_MAX ? STATUS_MAX : (int)code;
	return 0;
}

static int
decode_end(struct agent_end *end, const struct jdoc *d, struct error *err)
{
	uint32_t obj = agent_return(d);
	bool out_cut = false, err_cut = false;

	if (jdoc_get_bool(d, obj, "exited", &end->has_ended, JSON_REQUIRED,
		err) == -1)
		return -1;
	if (!end->has_ended)
		return 0;
	if (get_status(d, obj, &end->status, err) == -1 ||
	    get_stream(d, obj, "out-data", &end->out, &end->out_len, err) ==
		-1 ||
	    get_stream(d, obj, "err-data", &end->err, &end->err_len, err) ==
		-1 ||
	    jdoc_get_bool(d, obj, "out-truncated", &out_cut, JSON_OPTIONAL,
		err) == -1 ||
	    jdoc_get_bool(d, obj, "err-truncated", &err_cut, JSON_OPTIONAL,
		err) == -1)
		return -1;
	end->is_cut = out_cut || err_cut;
	return 0;
}

int
agent_exec_look(struct agent *a, uint64_t pid, struct agent_end *out,
    size_t stream_max, int64_t deadline_ms, struct error *err)
{
	struct agent_end end = { 0 };
	struct jdoc *answer;
	int rc;

	if (agent_call(a, "guest-exec-status",
		json_pack("{s:I}", "pid", (json_int_t)pid), &answer,
		2 * BASE64_ROOM(stream_max) + AGENT_REPLY_MAX, deadline_ms,
		err) == -1)
		return -1;
	rc = decode_end(&end, answer, err);
	jdoc_free(answer);
	if (rc == -1) {
		agent_end_fini(&end);
		agent_release(a);
		if (err != NULL && err->code == EX_DATAERR)
			err->code = EX_UNAVAILABLE;
		return error_wrap(err, "guest agent: guest-exec-status");
	}
	*out = end;
	return 0;
}

/* Waits until it has ended; what it wrote is nobody's. */
static int
await_end(struct agent *a, uint64_t pid, int64_t until_ms, int64_t deadline_ms,
    struct error *err)
{
	struct agent_end end = { 0 };

	for (;;) {
		if (agent_exec_look(a, pid, &end, AGENT_STREAM_MAX, deadline_ms,
			err) == -1)
			return -1;
		if (end.has_ended) {
			agent_end_fini(&end);
			return 0;
		}
		if (clock_left(until_ms) == 0)
			return error_set(err, EX_TEMPFAIL, "has not ended");
		clock_nap(STOP_NAP_MS);
	}
}

/* There is no order for it; a guest may have no kill(1), but has a shell. */
static int
send_signal(struct agent *a, uint64_t pid, const char *name,
    int64_t deadline_ms, struct error *err)
{
	char line[64], shell[] = "/bin/sh", option[] = "-c";
	char *const argv[] = { shell, option, line, NULL };
	const struct agent_command c = { .argv = argv };
	uint64_t killer;

	snprintf(line, sizeof(line), "kill -s %s %" PRIu64, name, pid);
	if (agent_exec_start(a, &killer, &c, deadline_ms, err) == -1)
		return -1;
	return await_end(a, killer, deadline_ms, deadline_ms, err);
}

int
agent_exec_stop(struct agent *a, uint64_t pid, int64_t deadline_ms,
    struct error *err)
{
	struct error why = { 0 };

	if (send_signal(a, pid, "TERM", deadline_ms, err) == -1)
		return -1;
	if (await_end(a, pid, clock_ms() + STOP_MS, deadline_ms, &why) == 0)
		return 0;
	if (why.code == EX_TEMPFAIL &&
	    send_signal(a, pid, "KILL", deadline_ms, err) == 0)
		return await_end(a, pid, deadline_ms, deadline_ms, err);
	if (err != NULL && why.code != EX_TEMPFAIL)
		*err = why;
	return -1;
}

static int
await(struct agent *a, uint64_t pid, struct agent_end *out, int64_t deadline_ms,
    struct error *err)
{
	int nap_ms = FIRST_NAP_MS;

	for (;;) {
		agent_nap(a, nap_ms);
		if (sig_check(err) == -1 || agent_turn(a, err) == -1 ||
		    agent_exec_look(a, pid, out, AGENT_STREAM_MAX,
			clock_ms() + AGENT_CALL_MS, err) == -1)
			return -1;
		if (out->has_ended)
			return 0;
		if (clock_left(deadline_ms) == 0)
			return error_set(err, EX_TEMPFAIL, "the time is over");
		nap_ms += nap_ms / 2;
		if (nap_ms > MOST_NAP_MS)
			nap_ms = MOST_NAP_MS;
	}
}

int
agent_exec_run(struct agent *a, const struct agent_command *c,
    struct agent_end *out, int64_t deadline_ms, struct error *err)
{
	struct error why = { 0 };
	uint64_t pid;

	if (agent_exec_start(a, &pid, c, clock_ms() + AGENT_CALL_MS, err) == -1)
		return -1;
	if (await(a, pid, out, deadline_ms, &why) == 0)
		return 0;
	if (why.code > 128)
		sig_shield();
	if (why.code > 128 || why.code == EX_TEMPFAIL)
		agent_exec_stop(a, pid, clock_ms() + STOP_ALL_MS, NULL);
	if (err != NULL)
		*err = why;
	return -1;
}
