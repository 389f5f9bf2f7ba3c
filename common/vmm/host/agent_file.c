/* SPDX-License-Identifier: ISC */
#include "vmm/host/agent_file.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"

int
agent_file_open(struct agent *a, uint64_t *handle, const char *path,
    const char *mode, struct error *err)
{
	struct jdoc *answer;
	json_t *args = json_object();
	int rc;

	if (json_put_str(args, "path", path, err) == -1 ||
	    json_put_str(args, "mode", mode, err) == -1) {
		json_decref(args);
		return -1;
	}
	if (agent_call(a, "guest-file-open", args, &answer, AGENT_REPLY_MAX,
		clock_ms() + AGENT_CALL_MS, err) == -1)
		return -1;
	rc = jdoc_get_u64(answer, JDOC_ROOT, "return", handle, 0, INT64_MAX,
	    JSON_REQUIRED, err);
	jdoc_free(answer);
	return rc == -1 ? agent_malformed(a, "guest-file-open", err) : 0;
}

int
agent_file_close(struct agent *a, uint64_t handle, struct error *err)
{
	return agent_call(a, "guest-file-close",
	    json_pack("{s:I}", "handle", (json_int_t)handle), NULL,
	    AGENT_REPLY_MAX, clock_ms() + AGENT_CALL_MS, err);
}

/* What the reply holds, which is no more than was asked for. */
static int
take_bytes(const struct jdoc *answer, void *buf, size_t *got, struct error *err)
{
	unsigned char raw[AGENT_CHUNK + 3];
	uint32_t reply = agent_return(answer);
	char *text = NULL;
	bool is_end = false;
	ssize_t n;

	if (jdoc_get_strdup(answer, reply, "buf-b64", &text,
		BASE64_ROOM(AGENT_CHUNK), JSON_REQUIRED, err) == -1 ||
	    jdoc_get_bool(answer, reply, "eof", &is_end, JSON_REQUIRED, err) ==
		-1) {
		free(text);
		return -1;
	}
	n = base64_get(raw, text, strlen(text));
	free(text);
	if (n == -1 || n > AGENT_CHUNK)
		return error_set(err, EX_DATAERR,
		    "\"buf-b64\" is not base64 of what was asked for");
	if (n == 0 && !is_end)
		return error_set(err, EX_DATAERR,
		    "neither bytes nor the end of the file");
	memcpy(buf, raw, (size_t)n);
	*got = (size_t)n;
	return 0;
}

int
agent_file_read(struct agent *a, uint64_t handle, void *buf, size_t *got,
    struct error *err)
{
	struct jdoc *answer;
	int rc;

	if (agent_call(a, "guest-file-read",
		json_pack("{s:I, s:i}", "handle", (json_int_t)handle, "count",
		    AGENT_CHUNK),
		&answer, AGENT_REPLY_MAX, clock_ms() + AGENT_CALL_MS,
		err) == -1)
		return -1;
	rc = take_bytes(answer, buf, got, err);
	jdoc_free(answer);
	return rc == -1 ? agent_malformed(a, "guest-file-read", err) : 0;
}

int
agent_file_write(struct agent *a, uint64_t handle, const void *buf, size_t len,
    struct error *err)
{
	char text[BASE64_ROOM(AGENT_CHUNK)];
	struct jdoc *answer;
	uint64_t count = 0;
	int rc;

	assert(len <= AGENT_CHUNK);
	base64_put(text, buf, len);
	if (agent_call(a, "guest-file-write",
		json_pack("{s:I, s:s}", "handle", (json_int_t)handle, "buf-b64",
		    text),
		&answer, AGENT_REPLY_MAX, clock_ms() + AGENT_CALL_MS,
		err) == -1)
		return -1;
	rc = jdoc_get_u64(answer, agent_return(answer), "count", &count, 0,
	    AGENT_CHUNK, JSON_REQUIRED, err);
	jdoc_free(answer);
	if (rc == 0 && count != len)
		rc = error_set(err, EX_DATAERR, "%" PRIu64 " bytes of %zu",
		    count, len);
	return rc == -1 ? agent_malformed(a, "guest-file-write", err) : 0;
}
