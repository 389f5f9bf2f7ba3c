/* SPDX-License-Identifier: ISC */
#include "console.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "state/root.h"

#include "reply.h"
#include "route.h"
#include "tail.h"

#define CONSOLE_BY_MAX 36 /* bytes: a UUID */
#define IDLE_MS (10 * 60 * 1000) /* without a key the console is given back */

struct typist {
	struct typist *next;
	struct console *console;
	char id[ID_LEN + 1];
	char by[CONSOLE_BY_MAX + 1]; /* which client it is; "": not said */
	struct job *job;
	int64_t key_ms;
};

struct console {
	struct web *web;
	struct tails tails;
	struct typist *typists;
};

static struct typist *
find(struct console *c, const char *id)
{
	struct typist *t;

	for (t = c->typists; t != NULL; t = t->next)
		if (strcmp(t->id, id) == 0)
			return t;
	return NULL;
}

/* Whoever typed is told so; `ended` NULL: for another does. */
static void
tell_released(const struct typist *t, const struct job *ended)
{
	json_t *o = json_object();
	char *text;

	json_object_set_new(o, "id", json_string(t->id));
	json_object_set_new(o, "by", json_string(t->by));
	if (ended != NULL) {
		json_object_set_new(o, "exit", json_integer(ended->status));
		json_object_set_new(o, "stderr", json_string(ended->err_text));
	}
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text != NULL)
		feed_tell(&t->console->web->feed, "released", text,
		    strlen(text));
	free(text);
}

/* Its vm-console has ended. */
static void
on_end(struct job *job, void *arg)
{
	struct typist *t = arg, **p;

	if (!job->ended)
		return;
	for (p = &t->console->typists; *p != t;)
		p = &(*p)->next;
	*p = t->next;
	tell_released(t, job);
	job_free(job);
	free(t);
}

static struct typist *
take(struct console *c, const char *id, const char *by, struct error *err)
{
	struct strv argv = { 0 };
	struct typist *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		error_nomem(err, id);
		return NULL;
	}
	if (strv_add(&argv, err, "vm-console") == -1 ||
	    strv_add(&argv, err, "-R") == -1 ||
	    strv_add(&argv, err, "%s", c->web->root) == -1 ||
	    strv_add(&argv, err, "-q") == -1 ||
	    strv_add(&argv, err, "--") == -1 ||
	    strv_add(&argv, err, "%s", id) == -1 ||
	    job_start(&t->job, &c->web->jobs, &argv, true, JOB_DROP, err) ==
		-1) {
		strv_fini(&argv);
		free(t);
		return NULL;
	}
	t->console = c;
	memcpy(t->id, id, ID_LEN + 1);
	memcpy(t->by, by, sizeof(t->by));
	t->job->changed = on_end;
	t->job->arg = t;
	t->next = c->typists;
	c->typists = t;
	return t;
}

/* At its end of input vm-console would wait for an answer. */
static void
release(struct typist *t)
{
	job_close_in(t->job);
	job_stop(t->job);
}

static void
on_idle(void *arg)
{
	struct console *c = arg;
	struct typist *t;
	int64_t now = clock_ms(), next = 0;

	for (t = c->typists; t != NULL; t = t->next) {
		if (now - t->key_ms >= IDLE_MS)
			release(t);
		else if (next == 0 || t->key_ms + IDLE_MS < next)
			next = t->key_ms + IDLE_MS;
	}
	c->web->console_timer.at_ms = next;
}

int
console_new(struct console **out, struct web *web, struct error *err)
{
	struct console *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return error_nomem(err, "consoles");
	c->web = web;
	tails_init(&c->tails, &web->loop, web->rootfd);
	web->console_timer.ready = on_idle;
	web->console_timer.arg = c;
	loop_add_timer(&web->loop, &web->console_timer);
	*out = c;
	return 0;
}

void
console_free(struct console *c)
{
	struct typist *t;

	if (c == NULL)
		return;
	while ((t = c->typists) != NULL) {
		c->typists = t->next;
		t->job->changed = NULL;
		release(t);
		free(t);
	}
	tails_fini(&c->tails);
	free(c);
}

static ssize_t
read_output(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct request *r = cls;
	ssize_t n;

	(void)pos;
	if (r->is_gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = tail_read(r->own, buf, max);
	if (n == -1)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n == 0)
		web_suspend(r);
	return n;
}

static void
wake(void *arg)
{
	web_resume(arg);
}

/* The last one that looked has gone: nobody types blindly. */
static void
leave(struct request *r)
{
	struct console *c = r->web->consoles;
	struct tail *tail = r->own;
	struct typist *t = find(c, tail->id);

	tail_close(&c->tails, tail);
	if (t != NULL && !tails_has(&c->tails, t->id))
		release(t);
	r->own = NULL;
}

/* The id of a VM, by an id or a name. */
static int
resolve(char id[ID_LEN + 1], struct request *r, struct error *err)
{
	struct root *root = NULL;
	int rc;

	if (web_open_root(&root, r->web, err) == -1)
		return -1;
	rc = root_resolve(id, root, ROOT_VM, web_part(r, 0), err);
	root_close(root);
	return rc;
}

enum MHD_Result
console_output(struct request *r)
{
	struct error err = { 0 };
	char id[ID_LEN + 1];
	struct tail *tail;

	if (resolve(id, r, &err) == -1 ||
	    tail_open(&tail, &r->web->consoles->tails, id, wake, r, &err) == -1)
		return reply_failure(r, &err);
	r->own = tail;
	r->close = leave;
	return reply_send(r, 200, "application/octet-stream",
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384,
		read_output, r, NULL));
}

/* One client types: 0, for it is `by`, or it takes over, without a key. */
static int
take_over(struct typist *t, const char *by, size_t keys)
{
	if (strcmp(t->by, by) == 0)
		return 0;
	if (keys > 0)
		return -1;
	tell_released(t, NULL);
	memcpy(t->by, by, sizeof(t->by));
	return 0;
}

enum MHD_Result
console_keys(struct request *r)
{
	struct console *c = r->web->consoles;
	struct error err = { 0 };
	char id[ID_LEN + 1], by[CONSOLE_BY_MAX + 1];
	struct typist *t;
	ssize_t n = 0;

	/* So few a pipe takes as a whole, or none of them: pipe(7). */
	if (r->body_len > PIPE_BUF)
		return reply_error(r, 413, "too many keys at a time");
	if (!web_query(r, "by", by, sizeof(by)))
		return reply_error(r, 400, "by: not a text, or too long");
	if (resolve(id, r, &err) == -1)
		return reply_failure(r, &err);
	t = find(c, id);
	if (t == NULL)
		t = take(c, id, by, &err);
	if (t == NULL)
		return reply_failure(r, &err);
	if (take_over(t, by, r->body_len) == -1)
		return reply_error(r, 409, "another client types there now");
	if (t->job->in.fd == -1)
		return reply_error(r, 503, "it is being given back: try again");
	t->key_ms = clock_ms();
	if (c->web->console_timer.at_ms == 0)
		c->web->console_timer.at_ms = t->key_ms + IDLE_MS;
	if (r->body_len > 0)
		n = write(t->job->in.fd, r->body, r->body_len);
	if (n != (ssize_t)r->body_len)
		return reply_error(r, 503, "the guest does not take its input");
	return reply_bytes(r, 202, NULL, "", 0);
}

enum MHD_Result
console_release(struct request *r)
{
	struct error err = { 0 };
	char id[ID_LEN + 1], by[CONSOLE_BY_MAX + 1];
	struct typist *t;

	if (!web_query(r, "by", by, sizeof(by)))
		return reply_error(r, 400, "by: not a text, or too long");
	if (resolve(id, r, &err) == -1)
		return reply_failure(r, &err);
	t = find(r->web->consoles, id);
	if (t != NULL && strcmp(t->by, by) != 0)
		return reply_error(r, 409, "another client types there now");
	if (t != NULL)
		release(t);
	return reply_bytes(r, 202, NULL, "", 0);
}
