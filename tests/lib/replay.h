/* SPDX-License-Identifier: ISC */
/*
 * Transcripts of REST calls, as replay.c explains them, for programs of the
 * tests: each function ends the program with a word when something is wrong.
 */
#ifndef TESTS_REPLAY_H
#define TESTS_REPLAY_H

#include <err.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STRINGS_MAX 64

struct strings {
	const char *v[STRINGS_MAX];
	size_t n;
};

struct call {
	char *number, *title;
	char *line; /* "PUT /path HTTP/1.1" */
	char *body; /* "" without one */
	size_t body_len, content_length;
	bool is_head_only; /* a body was announced, and never sent */
	char *answer; /* its bytes on the wire */
	size_t answer_len, head_len;
	bool is_used;
};

struct transcript {
	struct call *v;
	size_t n;
};

static inline void
strings_add(struct strings *list, const char *text)
{
	if (list->n == STRINGS_MAX)
		errx(64, "more than %d options", STRINGS_MAX);
	list->v[list->n++] = text;
}

static inline int
parse_status(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < 0 || n > 255)
		errx(64, "%s: no exit status", text);
	return (int)n;
}

static inline bool
call_has_name(const struct call *call, const char *name, size_t len)
{
	return (strlen(call->number) == len &&
		   memcmp(call->number, name, len) == 0) ||
	    (strlen(call->title) == len && memcmp(call->title, name, len) == 0);
}

static inline struct call *
transcript_find(const struct transcript *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (call_has_name(&t->v[i], name, strlen(name)))
			return &t->v[i];
	errx(64, "%s: no such call", name);
}

static inline bool
body_is_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	const size_t flags = JSON_DECODE_ANY;
	json_t *x, *y;
	bool same;

	if (a_len == b_len && memcmp(a, b, a_len) == 0)
		return true;
	x = json_loadb(a, a_len, flags, NULL);
	y = json_loadb(b, b_len, flags, NULL);
	same = x != NULL && y != NULL && json_equal(x, y);
	json_decref(x);
	json_decref(y);
	return same;
}

/* What is data there, and it alone: holes say something to who reads a Diff. */
static inline void
copy_data(int to, int from, const char *what)
{
	const off_t size = lseek(from, 0, SEEK_END);
	off_t at = 0, end;
	ssize_t n;

	if (size == -1 || ftruncate(to, size) == -1)
		err(1, "%s", what);
	while ((at = lseek(from, at, SEEK_DATA)) != -1)
		for (end = lseek(from, at, SEEK_HOLE); at < end; at += n) {
			char block[4096];
			off_t left = end - at;

			n = pread(from, block,
			    left < 4096 ? (size_t)left : 4096, at);
			if (n <= 0 || pwrite(to, block, (size_t)n, at) != n)
				err(1, "%s", what);
		}
}

/* "FROM:TO": a file, and what it is to be copied as, which is new. */
static inline void
copy_as(const char *what)
{
	char *from = strdup(what), *to;
	int in, out;

	to = from == NULL ? NULL : strchr(from, ':');
	if (to == NULL)
		errx(64, "%s: not FROM:TO", what);
	*to++ = '\0';
	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (in == -1 || out == -1)
		err(1, "%s", what);
	copy_data(out, in, what);
	close(in);
	close(out);
	free(from);
}

/* All of CALL=FROM:TO that are for the call. */
static inline void
copy_for(const struct strings *copies, const struct call *call)
{
	size_t i, len;

	for (i = 0; i < copies->n; i++) {
		len = strcspn(copies->v[i], "=");
		if (copies->v[i][len] == '=' &&
		    call_has_name(call, copies->v[i], len))
			copy_as(copies->v[i] + len + 1);
	}
}

/* A growing text. */
struct text {
	char *v;
	size_t len;
};

static inline void
text_add(struct text *t, const char *bytes, size_t len)
{
	t->v = realloc(t->v, t->len + len + 1);
	if (t->v == NULL)
		errx(71, "out of memory");
	memcpy(t->v + t->len, bytes, len);
	t->len += len;
	t->v[t->len] = '\0';
}

/* A copy of the text with each KEY=VALUE of `swaps` done. */
static inline char *
swap_all(const char *from, const struct strings *swaps)
{
	char *text = strdup(from), *p, *hit;
	size_t i, key;

	for (i = 0; text != NULL && i < swaps->n; i++) {
		struct text out = { NULL, 0 };
		const char *value = strchr(swaps->v[i], '=');

		key = value == NULL ? 0 : (size_t)(value - swaps->v[i]);
		if (key == 0)
			errx(64, "%s: not KEY=VALUE", swaps->v[i]);
		text_add(&out, "", 0);
		p = text;
		while ((hit = memmem(p, strlen(p), swaps->v[i], key)) != NULL) {
			text_add(&out, p, (size_t)(hit - p));
			text_add(&out, value + 1, strlen(value + 1));
			p = hit + key;
		}
		text_add(&out, p, strlen(p));
		free(text);
		text = out.v;
	}
	if (text == NULL)
		errx(71, "out of memory");
	return text;
}

/* One side of a call while it is read. */
struct side {
	struct text head, body; /* head: lines with CR LF, the last one empty */
	bool in_body;
	size_t body_lines;
};

static inline void
side_add(struct side *side, const char *line, size_t len)
{
	if (!side->in_body) {
		/* A lone blank is the transcript's. */
		side->in_body = len == 0;
		text_add(&side->head, line, len);
		text_add(&side->head, "\r\n", 2);
		return;
	}
	if (side->body_lines++ > 0)
		text_add(&side->body, "\n", 1);
	text_add(&side->body, line, len);
}

/*
 * The head with its Content-Length made that of the body, if it was that of
 * the body before; *length is what it says.
 */
static inline void
fix_length(struct text *head, size_t was, size_t is, size_t *length)
{
	static const char key[] = "\r\nContent-Length: ";
	struct text fixed = { NULL, 0 };
	char *hit, *end, number[32];

	*length = 0;
	hit = memmem(head->v, head->len, key, sizeof(key) - 1);
	if (hit == NULL)
		return;
	*length = strtoul(hit + sizeof(key) - 1, &end, 10);
	if (*length != was)
		return;
	*length = is;
	snprintf(number, sizeof(number), "%zu", is);
	text_add(&fixed, head->v, (size_t)(hit - head->v));
	text_add(&fixed, key, sizeof(key) - 1);
	text_add(&fixed, number, strlen(number));
	text_add(&fixed, end, strlen(end));
	free(head->v);
	*head = fixed;
}

/* Makes a call of its two sides. */
static inline void
call_finish(struct call *call, struct side *request, struct side *reply,
    const struct strings *swaps)
{
	struct text answer = { NULL, 0 };
	size_t length;
	char *body;

	if (!request->in_body || !reply->in_body)
		errx(65, "%s. %s: not whole", call->number, call->title);
	text_add(&request->body, "", 0);
	text_add(&reply->body, "", 0);
	call->body = swap_all(request->body.v, swaps);
	call->body_len = strlen(call->body);
	fix_length(&request->head, request->body.len, call->body_len,
	    &call->content_length);
	call->is_head_only = call->content_length != call->body_len;
	if (call->is_head_only && call->body_len > 0)
		errx(65, "%s. %s: a body of another length", call->number,
		    call->title);
	call->line = swap_all(request->head.v, swaps);
	call->line[strcspn(call->line, "\r")] = '\0';

	body = swap_all(reply->body.v, swaps);
	fix_length(&reply->head, reply->body.len, strlen(body), &length);
	if (length != strlen(body))
		errx(65, "%s. %s: an answer of another length", call->number,
		    call->title);
	call->head_len = reply->head.len;
	text_add(&answer, reply->head.v, reply->head.len);
	text_add(&answer, body, strlen(body));
	call->answer = answer.v;
	call->answer_len = answer.len;
	free(body);
	free(request->head.v);
	free(request->body.v);
	free(reply->head.v);
	free(reply->body.v);
	memset(request, 0, sizeof(*request));
	memset(reply, 0, sizeof(*reply));
}

/* Begins the call of the line "NUMBER. TITLE". */
static inline struct call *
transcript_add(struct transcript *t, const char *line)
{
	const char *dot = strstr(line, ". ");
	struct call *call;

	t->v = realloc(t->v, (t->n + 1) * sizeof(*t->v));
	if (t->v == NULL || dot == NULL)
		errx(65, "%s: not NUMBER. TITLE", line);
	call = &t->v[t->n++];
	memset(call, 0, sizeof(*call));
	call->number = strndup(line, (size_t)(dot - line));
	call->title = strdup(dot + 2);
	if (call->number == NULL || call->title == NULL)
		errx(71, "out of memory");
	return call;
}

static inline void
transcript_read(struct transcript *t, const char *path,
    const struct strings *swaps)
{
	struct side request, reply;
	struct call *call = NULL;
	char *line = NULL;
	FILE *file = fopen(path, "r");
	size_t cap = 0;
	ssize_t n;

	memset(&request, 0, sizeof(request));
	memset(&reply, 0, sizeof(reply));
	t->v = NULL;
	t->n = 0;
	if (file == NULL)
		err(66, "%s", path);
	while ((n = getline(&line, &cap, file)) != -1) {
		if (n > 0 && line[n - 1] == '\n')
			line[--n] = '\0';
		if (strncmp(line, "=== ", 4) == 0) {
			if (call != NULL)
				call_finish(call, &request, &reply, swaps);
			call = transcript_add(t, line + 4);
		} else if (call != NULL && line[0] == '>')
			side_add(&request, line + (n > 1 ? 2 : 1),
			    (size_t)(n > 1 ? n - 2 : 0));
		else if (call != NULL && line[0] == '<')
			side_add(&reply, line + (n > 1 ? 2 : 1),
			    (size_t)(n > 1 ? n - 2 : 0));
	}
	if (call != NULL)
		call_finish(call, &request, &reply, swaps);
	free(line);
	fclose(file);
}

static inline void
transcript_free(struct transcript *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		free(t->v[i].number);
		free(t->v[i].title);
		free(t->v[i].line);
		free(t->v[i].body);
		free(t->v[i].answer);
	}
	free(t->v);
}

#endif
