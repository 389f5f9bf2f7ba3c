/* SPDX-License-Identifier: ISC */
#include "vmm/rest.h"

#include <sys/socket.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/sig.h"
#include "vmm/libcurl.h"
#include "vmm/rest_words.h"

#define REST_POLL_MS 100 /* so that a signal is noticed soon */
#define REST_NAP_MS 1 /* between two tries to connect */
#define REST_URL_MAX 512 /* bytes, with the NUL */
#define REST_SOCKET_MAX 108 /* bytes, with the NUL; unix(7), sun_path */

/* Of the answer under way. */
struct answer {
	char *text;
	size_t len, cap;
	size_t head_bytes;
	bool is_head_done; /* its empty line was there */
	bool is_too_large;
	bool out_of_memory;
	unsigned sent; /* how often libcurl has set about to send */
};

struct rest {
	struct libcurl curl;
	CURLM *multi; /* keeps the connection between calls */
	CURL *easy;
	struct curl_slist *bare_headers, *json_headers;
	/* By the directory's descriptor: roots may be longer than sun_path. */
	char socket[REST_SOCKET_MAX];
	long status;
	struct answer answer;
};

long
rest_status(const struct rest *rest)
{
	return rest->status;
}

void
rest_close(struct rest *rest)
{
	if (rest == NULL)
		return;
	if (rest->easy != NULL)
		rest->curl.easy_cleanup(rest->easy);
	if (rest->multi != NULL)
		rest->curl.multi_cleanup(rest->multi);
	if (rest->bare_headers != NULL)
		rest->curl.slist_free_all(rest->bare_headers);
	if (rest->json_headers != NULL)
		rest->curl.slist_free_all(rest->json_headers);
	free(rest->answer.text);
	free(rest);
}

/*
 * libcurl's callbacks.
 */

/* libcurl would send again what was cut off without an answer: not twice. */
static int
allow_once(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	struct rest *rest = arg;

	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	return rest->answer.sent++ == 0 ? CURL_PREREQFUNC_OK
					: CURL_PREREQFUNC_ABORT;
}

static size_t
take_head(char *line, size_t size, size_t n, void *arg)
{
	struct answer *answer = &((struct rest *)arg)->answer;
	size_t len = size * n;

	if (len > REST_HEAD_MAX - answer->head_bytes) {
		answer->is_too_large = true;
		return 0;
	}
	answer->head_bytes += len;
	answer->is_head_done = len == 0 || line[0] == '\r' || line[0] == '\n';
	return len;
}

static size_t
take_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct answer *answer = &((struct rest *)arg)->answer;
	size_t cap = answer->cap == 0 ? 4096 : answer->cap, len = size * n;
	char *grown;

	if (len > REST_BODY_MAX - answer->len) {
		answer->is_too_large = true;
		return 0;
	}
	while (cap < answer->len + len)
		cap *= 2;
	if (cap != answer->cap) {
		grown = realloc(answer->text, cap);
		if (grown == NULL) {
			answer->out_of_memory = true;
			return 0;
		}
		answer->text = grown;
		answer->cap = cap;
	}
	memcpy(answer->text + answer->len, bytes, len);
	answer->len += len;
	return len;
}

/*
 * One call.
 */

/* For whoever else has it, too: a watcher is a copy of the tool. */
static int
end_connection(void *arg, curl_socket_t fd)
{
	(void)arg;
	shutdown(fd, SHUT_RDWR);
	return close(fd);
}

/* The options of every call; -1 where libcurl knows one of them not. */
static int
set_common(struct rest *rest)
{
	CURLcode (*set)(CURL *, CURLoption, ...) = rest->curl.easy_setopt;
	CURL *easy = rest->easy;
	unsigned wrong = 0;

	rest->curl.easy_reset(easy);
	wrong |= set(easy, CURLOPT_UNIX_SOCKET_PATH, rest->socket);
	wrong |= set(easy, CURLOPT_PREREQFUNCTION, allow_once);
	wrong |= set(easy, CURLOPT_PREREQDATA, rest);
	wrong |= set(easy, CURLOPT_HEADERFUNCTION, take_head);
	wrong |= set(easy, CURLOPT_HEADERDATA, rest);
	wrong |= set(easy, CURLOPT_WRITEFUNCTION, take_body);
	wrong |= set(easy, CURLOPT_WRITEDATA, rest);
	wrong |= set(easy, CURLOPT_CLOSESOCKETFUNCTION, end_connection);
	wrong |= set(easy, CURLOPT_NOSIGNAL, 1L);
	wrong |= set(easy, CURLOPT_PROXY, "");
	wrong |= set(easy, CURLOPT_NOPROXY, "*");
	wrong |= set(easy, CURLOPT_PATH_AS_IS, 1L);
	wrong |= set(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
#if LIBCURL_VERSION_NUM >= 0x075500
	wrong |= set(easy, CURLOPT_PROTOCOLS_STR, "http");
#else
	wrong |= set(easy, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTP);
#endif
	return wrong == 0 ? 0 : -1;
}

/* `text` (NULL: no body) is borrowed until the call is over. */
static int
set_request(struct rest *rest, const char *method, const char *path,
    const char *text, size_t len, struct error *err)
{
	const struct libcurl *curl = &rest->curl;
	char url[REST_URL_MAX];
	int n;

	n = snprintf(url, sizeof(url), "http://localhost%s", path);
	if (n < 0 || (size_t)n >= sizeof(url))
		return error_set(err, EX_SOFTWARE, "path of %zu bytes",
		    strlen(path));
	if (set_common(rest) == -1 ||
	    curl->easy_setopt(rest->easy, CURLOPT_URL, url) != CURLE_OK ||
	    curl->easy_setopt(rest->easy, CURLOPT_HTTPHEADER,
		text == NULL ? rest->bare_headers : rest->json_headers) !=
		CURLE_OK)
		return error_set(err, EX_UNAVAILABLE,
		    "libcurl.so.4: too old, or out of memory");
	/* A GET is libcurl's own idea; all else is sent like a POST. */
	if (text == NULL && strcmp(method, "GET") == 0)
		return 0;
	if (curl->easy_setopt(rest->easy, CURLOPT_POSTFIELDSIZE, (long)len) !=
		CURLE_OK ||
	    curl->easy_setopt(rest->easy, CURLOPT_POSTFIELDS,
		text == NULL ? "" : text) != CURLE_OK ||
	    curl->easy_setopt(rest->easy, CURLOPT_CUSTOMREQUEST, method) !=
		CURLE_OK)
		return error_set(err, EX_OSERR, "out of memory");
	return 0;
}

/* Lets libcurl work until the answer is there; *how is what it says. */
static int
drive(struct rest *rest, CURLcode *how, int64_t deadline_ms, struct error *err)
{
	const struct libcurl *curl = &rest->curl;
	CURLMsg *msg;
	int running, queued, left;

	for (;;) {
		if (curl->multi_perform(rest->multi, &running) != CURLM_OK)
			return error_set(err, EX_OSERR, "libcurl");
		msg = curl->multi_info_read(rest->multi, &queued);
		if (msg != NULL && msg->msg == CURLMSG_DONE) {
			*how = msg->data.result;
			return 0;
		}
		left = clock_left(deadline_ms);
		if (left == 0)
			return error_set(err, EX_TEMPFAIL, "no answer in time");
		curl->multi_poll(rest->multi, NULL, 0,
		    left < REST_POLL_MS ? left : REST_POLL_MS, NULL);
		if (sig_check(err) == -1)
			return -1;
	}
}

/* What libcurl made of it, as an error unless there is a whole answer. */
static int
judge(struct rest *rest, CURLcode how, struct error *err)
{
	struct answer *answer = &rest->answer;

	if (answer->out_of_memory)
		return error_set(err, EX_OSERR, "out of memory");
	if (answer->is_too_large)
		return error_set(err, EX_UNAVAILABLE,
		    "answer with more than %u bytes of %s",
		    answer->is_head_done ? REST_BODY_MAX : REST_HEAD_MAX,
		    answer->is_head_done ? "body" : "head");
	switch (how) {
	case CURLE_OK:
		/* Cut within the head, it passes for one without a body. */
		if (answer->is_head_done)
			return 0;
		break;
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_ABORTED_BY_CALLBACK:
		break;
	case CURLE_COULDNT_CONNECT:
		if (answer->sent == 0)
			return error_set(err, EX_UNAVAILABLE, "nobody listens");
		break; /* it was to be sent again */
	default:
		return error_set(err, EX_UNAVAILABLE, "no HTTP answer: %s",
		    rest->curl.easy_strerror(how));
	}
	return error_set(err, EX_UNAVAILABLE, "closed the connection %s",
	    answer->head_bytes == 0 ? "without an answer"
				    : "in the middle of its answer");
}

/* The body of the whole answer. */
static int
take_answer(struct rest *rest, json_t **reply, struct error *err)
{
	const struct answer *answer = &rest->answer;
	char words[REST_WORDS_MAX + 1];
	json_t *value = NULL;

	rest->curl.easy_getinfo(rest->easy, CURLINFO_RESPONSE_CODE,
	    &rest->status);
	if (rest->status < 200 || rest->status > 299) {
		rest_words(words, sizeof(words), answer->text, answer->len);
		if (words[0] == '\0')
			return error_set(err, EX_UNAVAILABLE,
			    "status %ld without a word", rest->status);
		return error_set(err, EX_UNAVAILABLE, "%s", words);
	}
	if (answer->len > 0 &&
	    json_parse_wide(&value, answer->text, answer->len, err) == -1) {
		if (err != NULL && err->code == EX_DATAERR)
			err->code = EX_UNAVAILABLE;
		return -1;
	}
	if (reply != NULL)
		*reply = value;
	else
		json_decref(value);
	return 0;
}

static int
exchange(struct rest *rest, const char *method, const char *path,
    const char *text, size_t len, int64_t deadline_ms, struct error *err)
{
	CURLcode how = CURLE_OK;
	int rc;

	free(rest->answer.text);
	memset(&rest->answer, 0, sizeof(rest->answer));
	rest->status = 0;
	if (clock_left(deadline_ms) == 0)
		return error_set(err, EX_TEMPFAIL, "no time left");
	if (set_request(rest, method, path, text, len, err) == -1)
		return -1;
	if (rest->curl.multi_add_handle(rest->multi, rest->easy) != CURLM_OK)
		return error_set(err, EX_OSERR, "libcurl");
	rc = drive(rest, &how, deadline_ms, err);
	if (rc == 0)
		rc = judge(rest, how, err);
	/* What is not over is cut off by this. */
	rest->curl.multi_remove_handle(rest->multi, rest->easy);
	return rc;
}

int
rest_call(struct rest *rest, const char *method, const char *path, json_t *body,
    json_t **reply, int64_t deadline_ms, struct error *err)
{
	char *text = NULL;
	size_t len = 0;
	int rc = 0;

	if (body != NULL) {
		rc = json_text(&text, &len, body, 0, err);
		json_decref(body);
		if (rc == 0)
			len--; /* the newline */
	}
	if (rc == 0)
		rc = exchange(rest, method, path, text, len, deadline_ms, err);
	if (rc == 0)
		rc = take_answer(rest, reply, err);
	free(text);
	return rc == -1 ? error_wrap(err, "%s %s", method, path) : 0;
}

/* Waits until somebody listens; libcurl itself connects when it has to. */
static int
await_listener(int dirfd, const char *name, int64_t deadline_ms,
    struct error *err)
{
	int fd = -1;

	while (fd_dial_now(&fd, dirfd, name, err) == -1) {
		if (clock_left(deadline_ms) == 0)
			return -1;
		clock_nap(REST_NAP_MS);
		if (sig_check(err) == -1)
			return -1;
	}
	fd_drop(&fd);
	return 0;
}

/* "Name:" takes a header of libcurl's own away. */
static int
make_handles(struct rest *rest, struct error *err)
{
	const struct libcurl *curl = &rest->curl;
	struct curl_slist *more = NULL;

	rest->bare_headers = curl->slist_append(NULL, "Content-Type:");
	rest->json_headers = curl->slist_append(NULL,
	    "Content-Type: application/json");
	if (rest->json_headers != NULL)
		more = curl->slist_append(rest->json_headers, "Expect:");
	rest->multi = curl->multi_init();
	rest->easy = curl->easy_init();
	if (rest->bare_headers == NULL || more == NULL || rest->multi == NULL ||
	    rest->easy == NULL)
		return error_set(err, EX_OSERR, "libcurl: out of memory");
	return 0;
}

int
rest_open(struct rest **out, int dirfd, const char *name, int64_t deadline_ms,
    struct error *err)
{
	struct rest *rest;
	int n;

	rest = calloc(1, sizeof(*rest));
	if (rest == NULL)
		return error_set(err, EX_OSERR, "out of memory");
	n = snprintf(rest->socket, sizeof(rest->socket), "/proc/self/fd/%d/%s",
	    dirfd, name);
	if (n < 0 || (size_t)n >= sizeof(rest->socket)) {
		free(rest);
		return error_set(err, EX_SOFTWARE, "%s: too long", name);
	}
	if (libcurl_load(&rest->curl, err) == -1 ||
	    make_handles(rest, err) == -1 ||
	    await_listener(dirfd, name, deadline_ms, err) == -1) {
		rest_close(rest);
		return -1;
	}
	*out = rest;
	return 0;
}
